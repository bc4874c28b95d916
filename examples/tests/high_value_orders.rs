//! The program as its user sees it: its output, its exit status, and its reports of mistakes.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "output that is not as it should be has failed the test"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

const HEADER: &str = "order_id,customer_id,amount,items,created_at\n";

/// Runs the program with stores in memory, in its own directory.
fn run(directory: &Path, arguments: &[&str]) -> Output {
    run_with(directory, &[arguments, &["--store", "memory"]].concat())
}

fn run_with(directory: &Path, arguments: &[&str]) -> Output {
    program(directory).args(arguments).output().unwrap()
}

fn program(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_high-value-orders"));
    command.current_dir(directory).env("TMPDIR", directory).env_remove("RUST_LOG");
    command
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn assert_ok(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
}

/// Asserts that a run failed with these lines at the end of its output.
fn assert_failed(output: &Output, code: i32, message: &str) {
    assert_eq!(output.status.code(), Some(code), "{}", stderr(output));
    let said = stderr(output);
    assert!(said.trim_end().ends_with(message), "expected `{message}`, found: {said}");
    assert_eq!(stdout(output), "");
}

/// The output of a run to one topic, in the order of partitions and offsets.
fn written(directory: &Path, topic: &str) -> Vec<Value> {
    let text = fs::read_to_string(directory.join(format!("{topic}.jsonl"))).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The results of a run, which do not depend on how it was divided.
#[derive(Debug, PartialEq)]
struct Figures {
    /// The high-value orders, by their text.
    high_value: Vec<String>,
    /// The enriched orders, by their text.
    enriched: Vec<String>,
    /// The last count of each customer.
    per_customer: BTreeMap<String, i64>,
    /// The last count of each customer and hour.
    per_hour: BTreeMap<String, i64>,
}

impl Figures {
    fn of(directory: &Path) -> Self {
        let values = |topic| {
            let mut values: Vec<String> = written(directory, topic)
                .iter()
                .map(|record| json!([record["key"], record["value"]]).to_string())
                .collect();
            values.sort();
            values
        };
        let last = |topic| {
            let records = written(directory, topic).into_iter();
            records
                .map(|record| (record["key"].to_string(), record["value"].as_i64().unwrap()))
                .collect()
        };
        Self {
            high_value: values("high-value-orders"),
            enriched: values("enriched-orders"),
            per_customer: last("orders-per-customer"),
            per_hour: last("orders-per-hour"),
        }
    }

    /// Counts again from the enriched orders, each of which contains its order, and compares.
    fn assert_consistent(&self, orders: usize) {
        let (mut per_customer, mut high_value, mut ids) = (BTreeMap::new(), 0, Vec::new());
        for text in &self.enriched {
            let row: Value = serde_json::from_str(text).unwrap();
            *per_customer.entry(row[0].to_string()).or_insert(0) += 1;
            high_value += usize::from(row[1]["amount"].as_f64().unwrap() > 1000.0);
            assert_eq!(row[0], row[1]["customer"]["customer_id"]);
            ids.push(row[1]["order_id"].as_str().unwrap().to_owned());
        }
        ids.sort();
        ids.dedup();
        assert_eq!((self.enriched.len(), ids.len()), (orders, orders));
        assert_eq!(self.per_customer, per_customer);
        assert_eq!(self.high_value.len(), high_value);
        assert_eq!(self.per_hour.values().sum::<i64>(), i64::try_from(orders).unwrap());
    }
}

/// Writes four orders of two customers to two files.
fn write_orders(directory: &Path) {
    let csv = "o1,c1,10.5,1,1997-01-01T00:00:00Z\no2,c2,1500,2,1997-01-01T00:30:00Z\n\
               o3,c1,20,3,1997-01-01T00:59:59Z\no4,c1,1000,4,1997-01-01T01:00:00Z\n";
    fs::write(directory.join("orders.csv"), format!("{HEADER}{csv}")).unwrap();
    let json = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let amount: f64 = fields[2].parse().unwrap();
        let items: u32 = fields[3].parse().unwrap();
        json!({"order_id": fields[0], "customer_id": fields[1], "amount": amount,
               "items": items, "created_at": fields[4]})
        .to_string()
    };
    let lines: Vec<String> = csv.lines().map(json).collect();
    fs::write(directory.join("orders.jsonl"), lines.join("\n")).unwrap();
}

#[test]
fn a_small_file_gives_its_figures_whether_it_is_csv_or_json_lines() {
    let directory = tempfile::tempdir().unwrap();
    write_orders(directory.path());
    for file in ["orders.csv", "orders.jsonl"] {
        let output = run(directory.path(), &["--orders", file, "--output", "out"]);
        assert_ok(&output);
        let said = stdout(&output);
        for line in [
            "high-value orders     1 above 1000: 1500.00\n",
            "orders per customer   2 customers, 4 orders\n                      most: c1 (3), c2 (1)\n",
            "enriched orders       4\n",
            "orders per hour       3 windows of a customer and hour, 4 orders\n",
        ] {
            assert!(said.contains(line), "{line}: {said}");
        }
        let out = directory.path().join("out");
        let figures = Figures::of(&out);
        figures.assert_consistent(4);
        let windows = figures.per_hour.values().copied().collect::<Vec<_>>();
        assert_eq!(windows, [2, 1, 1], "{:?}", figures.per_hour);
        let high = written(&out, "high-value-orders");
        assert_eq!(high[0]["key"], "c2");
        assert_eq!(high[0]["value"]["order_id"], "o2");
        assert_eq!(high[0]["timestamp"], 852_078_600_000_i64);
    }
}

#[test]
fn figures_are_the_same_with_more_instances_and_threads_and_one_replaced_midway() {
    let directory = tempfile::tempdir().unwrap();
    let generate = ["--generate", "2000", "--seed", "7"];
    assert_ok(&run(directory.path(), &[&generate[..], &["--output", "one"]].concat()));
    let expected = Figures::of(&directory.path().join("one"));
    expected.assert_consistent(2_000);
    for guarantee in ["at-least-once", "exactly-once"] {
        let many = ["--instances", "2", "--threads", "2", "--replace-midway", "--output", "many"];
        let arguments = [&generate[..], &many, &["--guarantee", guarantee]].concat();
        assert_ok(&run(directory.path(), &arguments));
        let figures = Figures::of(&directory.path().join("many"));
        assert!(figures == expected, "{guarantee}: {figures:?}");
    }
}

#[test]
fn figures_are_the_same_when_orders_are_keyed_by_themselves() {
    let directory = tempfile::tempdir().unwrap();
    let figures = ["customer-id", "order-id"].map(|keyed_by| {
        let arguments = ["--generate", "1000", "--keyed-by", keyed_by, "--output", keyed_by];
        assert_ok(&run(directory.path(), &arguments));
        Figures::of(&directory.path().join(keyed_by))
    });
    let [by_customer, mut by_order] = figures;
    by_customer.assert_consistent(1_000);
    // A customer's orders come from all partitions, out of order: for some of them the hour is
    // already closed.
    let hours = by_customer.per_hour.values().sum::<i64>();
    assert!(by_order.per_hour.values().sum::<i64>() <= hours, "{by_order:?}");
    by_order.per_hour.clone_from(&by_customer.per_hour);
    assert!(by_customer == by_order, "{by_customer:?}, {by_order:?}");
}

#[test]
fn the_topology_is_described_as_java_describes_it() {
    let directory = tempfile::tempdir().unwrap();
    // Java takes the order of the names after an arrow from a hash table.
    let sorted = |text: &str| {
        let sort = |line: &str| {
            let Some((arrow, names)) = line.split_once("--> ") else { return line.to_owned() };
            let mut names: Vec<&str> = names.split(", ").collect();
            names.sort_unstable();
            format!("{arrow}--> {}", names.join(", "))
        };
        text.lines().map(sort).collect::<Vec<_>>().join("\n")
    };
    let golden = include_str!("golden/describe.txt");
    for describe in ["--describe", "--describe=text"] {
        let output = run_with(directory.path(), &[describe]);
        assert_ok(&output);
        assert_eq!(sorted(&stdout(&output)), sorted(golden));
    }
}

#[test]
fn the_topology_is_drawn_as_a_mermaid_flowchart() {
    let directory = tempfile::tempdir().unwrap();
    let output = run_with(directory.path(), &["--describe=mermaid"]);
    assert_ok(&output);
    let said = stdout(&output);
    assert!(said.starts_with("flowchart TD\n  subgraph \"Sub-topology 0\"\n"), "{said}");
    for name in ["KSTREAM-SOURCE-0000000000", "KSTREAM-JOIN-0000000013", "orders-per-hour"] {
        assert!(said.contains(name), "{name}: {said}");
    }
    assert_eq!(said.matches("subgraph").count(), 2);
}

#[test]
fn the_topology_is_printed_as_json() {
    let directory = tempfile::tempdir().unwrap();
    let output = run_with(directory.path(), &["--describe=json"]);
    assert_ok(&output);
    let described: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let parts = described["subtopologies"].as_array().unwrap();
    assert_eq!(parts.len(), 2);
    let stores = parts.iter().flat_map(|part| part["stores"].as_array().unwrap());
    let names: Vec<_> = stores.map(|store| store["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"orders-per-hour"), "{names:?}");
}

#[test]
fn a_line_that_is_no_order_is_named_with_its_place_and_what_is_expected() {
    let directory = tempfile::tempdir().unwrap();
    let good = "o1,c1,1,1,1997-01-01T00:00:00Z\n";
    let bad = "o2,c1,many,1,1997-01-01T00:00:00Z\n";
    fs::write(directory.path().join("bad.csv"), [HEADER, good, bad].concat()).unwrap();
    let output = run(directory.path(), &["--orders", "bad.csv", "--output", "out"]);
    assert_failed(
        &output,
        1,
        "error: bad.csv:3: amount is \"many\"; expected a finite number of at least 0, as 11.77",
    );
    assert!(!directory.path().join("out").exists(), "nothing is written for a file with mistakes");
}

#[test]
fn a_file_that_is_missing_or_empty_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &["--orders", "none.csv"]);
    assert_failed(&output, 1, "expected a file of orders, as CSV or as JSON lines");
    assert!(stderr(&output).starts_with("error: none.csv: No such file"), "{}", stderr(&output));
    fs::write(directory.path().join("empty.csv"), "").unwrap();
    let output = run(directory.path(), &["--orders", "empty.csv"]);
    let message = "error: empty.csv:1: no text; expected orders, as CSV or as JSON lines";
    assert_failed(&output, 1, message);
}

#[test]
fn a_wrong_flag_is_named_and_the_exit_status_is_that_of_wrong_usage() {
    let directory = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (&["--nope"][..], "unexpected argument '--nope' found"),
        (&["--partitions", "0"], "invalid value '0' for '--partitions <N>': 0 is not in 1..=1000"),
        (&["--instances", "x"], "invalid value 'x' for '--instances <N>'"),
        (&["--min-amount", "nan"], "expected a number, as 1000 or 99.50"),
        (&["--describe=png"], "[possible values: text, json, mermaid]"),
        (&["--guarantee", "twice"], "[possible values: at-least-once, exactly-once]"),
        (&["--generate", "5", "--orders", "o.csv"], "'--generate <N>' cannot be used with"),
    ] {
        let output = run_with(directory.path(), arguments);
        assert_failed(&output, 2, "For more information, try '--help'.");
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
    let help = run_with(directory.path(), &["--help"]);
    assert_ok(&help);
    assert!(stdout(&help).contains("--replace-midway"));
}

#[test]
fn an_output_directory_that_cant_be_written_is_told_before_the_run() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("file"), "").unwrap();
    let output = run(directory.path(), &["--generate", "10", "--output", "file/out"]);
    assert_failed(
        &output,
        1,
        "error: file/out can't be written: Not a directory (os error 20); \
         give --output a directory that can be written",
    );
}

#[test]
fn a_state_directory_that_is_in_use_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let used = directory.path().join("state/instance-0/high-value-orders");
    fs::create_dir_all(&used).unwrap();
    let lock = fs::File::create(used.join(".lock")).unwrap();
    lock.lock().unwrap();
    let output = run_with(directory.path(), &["--generate", "10", "--state-dir", "state"]);
    assert_failed(
        &output,
        1,
        "state directory state/instance-0/high-value-orders is in use by another process or \
         instance; stop it or configure another state.dir",
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = program(directory.path());
    command.arg("--describe").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_ok(&output);
    assert_eq!(stderr(&output), "");
}

#[cfg(feature = "rocksdb")]
#[test]
fn state_that_an_earlier_run_left_does_not_count_again() {
    let directory = tempfile::tempdir().unwrap();
    let kept = ["--state-dir", "state", "--replace-midway", "--instances", "2"];
    for seed in ["1", "2"] {
        let generate = ["--generate", "2000", "--seed", seed];
        let fresh = [&generate[..], &["--output", "fresh"]].concat();
        assert_ok(&run(directory.path(), &fresh));
        let expected = Figures::of(&directory.path().join("fresh"));
        let output =
            run_with(directory.path(), &[&generate[..], &kept, &["--output", "kept"]].concat());
        assert_ok(&output);
        let figures = Figures::of(&directory.path().join("kept"));
        assert!(figures == expected, "seed {seed}: {figures:?}");
    }
}

#[cfg(not(feature = "rocksdb"))]
#[test]
fn a_build_without_stores_on_disk_says_so_and_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let output = run_with(directory.path(), &["--generate", "10", "--store", "rocksdb"]);
    let message =
        "but this build is without the feature `rocksdb`; enable it or make the stores in-memory";
    assert_failed(&output, 1, message);
}
