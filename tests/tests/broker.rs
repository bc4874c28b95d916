//! The harness of brokers and processes behaves as the tests that use it expect.
#![allow(clippy::unwrap_used, reason = "a test that can't set up its world has failed")]

use std::{net::TcpStream, path::Path, process::Command, time::Duration};

use tests::broker::{self, Broker, Options, Process, Signal};

const PATIENCE: Duration = Duration::from_secs(60);

fn shell(script: &str) -> Process {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Process::spawn("shell", command).unwrap()
}

#[test]
fn a_process_tells_its_lines_by_stream_and_its_status() {
    let process = shell("echo out; echo err >&2; exit 3");
    assert_eq!(process.wait(PATIENCE).unwrap().code(), Some(3));
    assert_eq!(process.stdout(), ["out"]);
    assert_eq!(process.stderr(), ["err"]);
    let error = process.succeed(PATIENCE).unwrap_err().to_string();
    assert!(error.contains("exit status: 3") && error.contains("err"), "{error}");
}

#[test]
fn a_line_that_never_comes_is_an_error_with_the_output_as_soon_as_the_process_ends() {
    let process = shell("echo something else");
    let error = process.wait_for_line("ready", PATIENCE).unwrap_err().to_string();
    assert!(error.contains("something else"), "{error}");
}

#[test]
fn a_suspended_process_goes_on_and_a_killed_one_is_gone() {
    let process = shell("echo ready; while :; do sleep 1; done");
    process.wait_for_line("ready", PATIENCE).unwrap();
    process.signal(Signal::Stop).unwrap();
    assert!(process.is_running());
    process.signal(Signal::Continue).unwrap();
    assert!(process.wait(Duration::ZERO).is_err(), "a time-out is an error");
    assert_eq!(process.kill().unwrap().code(), None);
    assert!(!process.is_running());
}

#[test]
fn a_broker_keeps_its_topics_over_a_stop_and_a_crash() {
    if !broker::wanted() {
        return;
    }
    let broker = Broker::start(&Options::default().set("num.partitions", "3")).unwrap();
    broker.tool(&["topics", "--create", "--topic", "kept"]).unwrap();
    broker.stop().unwrap();
    assert!(TcpStream::connect(broker.bootstrap()).is_err());
    broker.start_again().unwrap();
    broker.kill().unwrap();
    assert!(TcpStream::connect(broker.bootstrap()).is_err());
    broker.start_again().unwrap();
    broker.suspend().unwrap();
    broker.resume().unwrap();
    let described = broker.tool(&["topics", "--describe", "--topic", "kept"]).unwrap();
    assert!(described.contains("PartitionCount: 3"), "{described}");
    assert!(broker.log().unwrap().contains("Kafka Server started"));
}

#[test]
fn a_secure_broker_listens_on_all_its_addresses_and_has_the_files_for_them() {
    if !broker::wanted() {
        return;
    }
    let broker = Broker::start(&Options::default().secure()).unwrap();
    let addresses = [
        broker.bootstrap(),
        broker.ssl(),
        broker.sasl_ssl(),
        broker.sasl_plaintext(),
        broker.mutual_tls(),
    ];
    for address in addresses {
        assert!(TcpStream::connect(&address).is_ok(), "nothing listens on {address}");
    }
    let tls = broker.tls();
    for file in [tls.authority, tls.stranger_authority, tls.client_certificate, tls.client_key] {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("-----BEGIN "), "{} is not PEM", file.display());
    }
}

/// The text is what `scripts/kafka-interop.sh --describe` prints.
#[test]
fn the_example_has_the_topology_of_its_counterpart_in_java() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/describe.txt");
    let java = std::fs::read_to_string(committed).unwrap();
    let program = broker::high_value_orders(&["--describe"]).unwrap();
    let ours = program.succeed(PATIENCE).unwrap();
    assert_eq!(in_order(&ours), in_order(&java));
    if broker::wanted() {
        let program = broker::java_orders(&["--describe"]).unwrap();
        let now = program.succeed(Duration::from_secs(300)).unwrap();
        assert_eq!(now.trim_end(), java.trim_end(), "the committed text is out of date");
    }
}

/// The lines, each with the names of its list in alphabetical order, because a node's successors
/// are a set: Java prints them in the order of how much of the topology depended on them when they
/// were added.
fn in_order(text: &str) -> Vec<String> {
    text.trim_end()
        .lines()
        .map(|line| match line.split_once("--> ") {
            Some((before, names)) => {
                let mut names: Vec<&str> = names.split(", ").collect();
                names.sort_unstable();
                format!("{before}--> {}", names.join(", "))
            }
            None => line.to_owned(),
        })
        .collect()
}
