//! Apache Kafka's smoke tests: their own drivers confirm the output of our client.
#![allow(clippy::unwrap_used, reason = "a test that can't set up its world has failed")]

use std::{path::Path, process::Command, time::Duration};

use streams_core::{Result, config::StreamsConfig, topology::Topology};
use tempfile::TempDir;
use tests::{
    broker::{self, Broker, Options, Process},
    relational, smoke,
};

const PATIENCE: Duration = Duration::from_secs(90);
/// The script may first have to get Kafka's classes, and lets midnight pass.
const START_PATIENCE: Duration = Duration::from_secs(400);
/// The driver gives up before that.
const VERDICT_PATIENCE: Duration = Duration::from_secs(420);

/// For the smoke test half of the keys that the driver writes by default, for the relational one a
/// tenth of the articles.
const KEYS: &str = "10";
const ARTICLES: &str = "100";
/// Number of seconds for which it writes them.
const SECONDS: &str = "40";

/// Results reach the last topic three commits after their records, and a crash is noticed soon.
const SETTINGS: [&str; 2] = ["commit.interval.ms=500", "session.timeout.ms=6000"];

#[test]
fn the_client_has_the_topology_of_javas() {
    has_the_topology_of("describe.txt", smoke::topology);
}

#[test]
fn the_relational_client_has_the_topology_of_javas() {
    has_the_topology_of("relational.txt", relational::topology);
}

#[test]
fn the_driver_finds_all_right_with_at_least_once() {
    instances_come_and_go_while_the_driver_writes(&SMOKE, "at_least_once");
}

#[test]
fn the_driver_finds_all_right_with_exactly_once() {
    instances_come_and_go_while_the_driver_writes(&SMOKE, "exactly_once_v2");
}

#[test]
fn the_relational_driver_finds_all_right_with_at_least_once() {
    instances_come_and_go_while_the_driver_writes(&RELATIONAL, "at_least_once");
}

#[test]
fn the_relational_driver_finds_all_right_with_exactly_once() {
    instances_come_and_go_while_the_driver_writes(&RELATIONAL, "exactly_once_v2");
}

/// One of Kafka's tests.
struct Test {
    name: &'static str,
    keys: &'static str,
    /// A line that an instance writes when it has tasks and, if it can tell, has processed records.
    works: &'static str,
    /// True if the driver accepts records processed twice with at-least-once.
    lets_duplicates_pass: bool,
}

const SMOKE: Test =
    Test { name: "smoke", keys: KEYS, works: "processed", lets_duplicates_pass: true };

/// A comment that is processed twice may be counted twice: Kafka's own system test has a crash with
/// exactly-once only.
const RELATIONAL: Test = Test {
    name: "relational",
    keys: ARTICLES,
    works: "state RUNNING",
    lets_duplicates_pass: false,
};

fn has_the_topology_of(file: &str, ours: fn(&StreamsConfig) -> Result<Topology>) {
    let ours = ours(&StreamsConfig::new("test", "localhost:9092")).unwrap().describe();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("smoke").join(file);
    let java = std::fs::read_to_string(file).unwrap();
    assert_eq!(in_order(&ours), in_order(&java));
}

/// Three instances join one after the other; then one is closed and comes back, one crashes and one
/// is closed.
///
/// The topics have fixed names, so each run has its own broker.
fn instances_come_and_go_while_the_driver_writes(test: &'static Test, guarantee: &str) {
    if !broker::wanted() {
        return;
    }
    let broker = Broker::start(&Options::default()).unwrap();
    let client = Client { test, bootstrap: broker.bootstrap(), guarantee };
    let [first_state, second_state, third_state] = [(); 3].map(|()| TempDir::new().unwrap());
    let driver = Driver::start(&client);
    driver.0.wait_for_line("the topics are there", START_PATIENCE).unwrap();

    let first = client.start("first", &first_state);
    client.works(&first);
    let second = client.start("second", &second_state);
    client.works(&second);
    let third = client.start("third", &third_state);
    client.works(&third);
    closes(&first);
    let first_again = client.start("first again", &first_state);
    client.works(&first_again);
    if guarantee == "exactly_once_v2" || test.lets_duplicates_pass {
        second.kill().unwrap();
    } else {
        closes(&second);
    }
    closes(&third);

    driver.0.succeed(VERDICT_PATIENCE).unwrap();
    assert_eq!(driver.0.stdout().last().unwrap(), "SUCCESS");
    closes(&first_again);
}

/// Common properties of all instances of a run.
struct Client<'a> {
    test: &'static Test,
    bootstrap: String,
    guarantee: &'a str,
}

impl Client<'_> {
    fn start(&self, name: &str, state: &TempDir) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_smoke-client"));
        command.args(["--bootstrap-server", &self.bootstrap, "--guarantee", self.guarantee]);
        command.args(["--test", self.test.name]).arg("--state-dir").arg(state.path());
        for setting in SETTINGS {
            command.args(["--config", setting]);
        }
        command.args(["--config", &broker::data_plane()]);
        if cfg!(not(feature = "rocksdb")) {
            command.args(["--config", "default.dsl.store=in_memory"]);
        }
        let Test { name: test, .. } = self.test;
        let name = format!("{name} instance, {test}, {},", self.guarantee);
        Process::spawn(&name, command).unwrap()
    }

    /// Waits until the instance has tasks.
    fn works(&self, instance: &Process) {
        instance.wait_for_line(self.test.works, PATIENCE).unwrap();
        eprintln!("process {} works", instance.id());
    }
}

/// The script; it ends the driver, which is a separate process, when asked to end.
struct Driver(Process);

impl Driver {
    fn start(client: &Client<'_>) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/smoke-driver.sh");
        let mut command = Command::new(script);
        command.args(["--bootstrap-server", &client.bootstrap, "--guarantee", client.guarantee]);
        let Test { name: test, keys, .. } = client.test;
        command.args(["--test", test, "--keys", keys, "--seconds", SECONDS]);
        let name = format!("the driver, {test}, {},", client.guarantee);
        Self(Process::spawn(&name, command).unwrap())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Err(error) = self.0.terminate(PATIENCE) {
            eprintln!("{error}");
        }
    }
}

fn closes(instance: &Process) {
    assert!(instance.terminate(PATIENCE).unwrap().success(), "{:?}", instance.stderr());
    eprintln!("process {} has closed", instance.id());
}

/// The lines, each with the names of its list in alphabetical order, because they are sets.
fn in_order(text: &str) -> Vec<String> {
    let sorted = |line: &str, arrow: &str| {
        let (before, names) = line.split_once(arrow)?;
        let mut names: Vec<&str> = names.split(", ").collect();
        names.sort_unstable();
        Some(format!("{before}{arrow}{}", names.join(", ")))
    };
    let lines = text.trim_end().lines();
    lines
        .map(|line| {
            let line = line.trim_end();
            sorted(line, "--> ").or_else(|| sorted(line, "<-- ")).unwrap_or_else(|| line.to_owned())
        })
        .collect()
}
