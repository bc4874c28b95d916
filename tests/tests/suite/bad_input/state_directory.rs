//! A state directory that somebody else uses.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
};

use state_store::StateDirectory;
#[cfg(feature = "rocksdb")]
use streams_core::runtime::State;
use streams_core::{Error, ErrorKind, KafkaStreams};

use super::{GUARANTEES, assert_says};
use crate::harness::{APP, cluster, config, counting_topology};

/// Variable that tells the other process which directory to hold.
const HELD: &str = "KAFKA_STREAMS_TEST_HELD_DIRECTORY";

fn instance(directory: &Path) -> Result<KafkaStreams, Error> {
    KafkaStreams::with_client_supplier(
        counting_topology(true),
        config(directory, GUARANTEES[0]),
        cluster(),
    )
}

fn assert_in_use(error: &Error, directory: &Path) {
    assert_eq!(error.kind(), ErrorKind::State);
    let directory = directory.join(APP);
    let text = format!(
        "state directory {} is in use by another process or instance; stop it or configure another \
         state.dir",
        directory.display()
    );
    assert_says(error, &[&text]);
}

#[test]
fn a_second_instance_of_this_process_is_refused_until_the_first_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let first = instance(directory.path()).unwrap();
    assert_in_use(&instance(directory.path()).unwrap_err(), directory.path());
    drop(first);
    instance(directory.path()).unwrap();
}

/// A process that holds a state directory until its input is closed.
fn holder(directory: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "bad_input::state_directory::hold_a_directory", "--ignored"])
        .arg("--nocapture")
        .env(HELD, directory)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let held = said.find_map(|line| line.unwrap().contains("held").then_some(()));
    assert_eq!(held, Some(()), "the other process did not take the directory");
    child
}

#[test]
fn a_directory_of_another_process_is_refused_until_that_ends() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = holder(directory.path());
    let refused = instance(directory.path()).unwrap_err();
    drop(child.stdin.take());
    child.wait().unwrap();
    assert_in_use(&refused, directory.path());
    instance(directory.path()).unwrap();
}

#[test]
#[ignore = "is the other process of another test"]
fn hold_a_directory() {
    let Some(directory) = std::env::var_os(HELD) else { return };
    let held = StateDirectory::open(Path::new(&directory), APP).unwrap();
    eprintln!("held");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    drop(held);
}

#[cfg(not(feature = "rocksdb"))]
#[tokio::test(flavor = "multi_thread")]
async fn a_store_on_disk_is_refused_by_a_build_that_has_none() {
    let cluster = super::one_partition();
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), GUARANTEES[0]);
    let instance = super::start(counting_topology(true), config, &cluster).await;
    let error = super::failure(&instance).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    let stores = "task 0_0 has the persistent stores [\"counts\"]";
    assert_says(&error, &[stores, "enable it or make the stores in-memory"]);
}

#[cfg(feature = "rocksdb")]
#[tokio::test(flavor = "multi_thread")]
async fn damaged_state_is_named_and_restored_in_full_once_it_is_removed() {
    use crate::harness::{PATIENCE, counts_of, last_counts, processed, produce};

    let (cluster, directory) = (super::one_partition(), tempfile::tempdir().unwrap());
    let keys = ["a", "b", "a", "c", "a"];
    for key in keys {
        produce(&cluster, "in", key, "v", 0);
    }
    let config = config(directory.path(), GUARANTEES[1]);
    let first = super::start(counting_topology(true), config.clone(), &cluster).await;
    processed(&cluster, &["in"], &[&first]).await;
    first.close(PATIENCE).await.unwrap();
    drop(first);
    let state = directory.path().join(APP).join("0_0");
    std::fs::write(state.join("CURRENT"), "no manifest").unwrap();

    let second = KafkaStreams::with_client_supplier(
        counting_topology(true),
        config.clone(),
        cluster.clone(),
    );
    let second = second.unwrap();
    let error = second.start().await.unwrap_err();
    let text = format!("the state in {} is damaged; remove it to restore", state.display());
    assert_says(&error, &[&text]);
    assert_eq!(second.state(), State::Error);
    drop(second);

    std::fs::remove_dir_all(&state).unwrap();
    let third = super::start(counting_topology(true), config, &cluster).await;
    produce(&cluster, "in", "a", "v", 0);
    processed(&cluster, &["in"], &[&third]).await;
    third.close(PATIENCE).await.unwrap();
    assert_eq!(last_counts(&cluster, "out"), counts_of(keys.into_iter().chain(["a"])));
}
