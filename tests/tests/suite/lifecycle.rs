//! An instance from start to close: states, threads, listeners.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use streams_core::{
    ErrorKind, KafkaStreams, Record, TaskId,
    config::ProcessingGuarantee,
    processor::Context,
    runtime::{RestoreProgress, State, StateRestoreListener},
    serde,
    topology::{SourceOptions, TopologyBuilder},
};

use crate::harness::{
    PATIENCE, all_committed, cluster, config, counting_topology, counts_of, eventually,
    last_counts, processed, produce,
};

const AT_LEAST_ONCE: ProcessingGuarantee = ProcessingGuarantee::AtLeastOnce;

/// The active tasks of each thread.
fn active(streams: &KafkaStreams) -> Vec<BTreeSet<TaskId>> {
    let threads = streams.metadata_for_local_threads();
    threads.into_iter().map(|thread| thread.active_tasks).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_goes_through_javas_states() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    cluster.create_topic("in", 2).unwrap();
    cluster.create_topic("out", 1).unwrap();
    let config = config(directory.path(), AT_LEAST_ONCE);
    let streams =
        KafkaStreams::with_client_supplier(counting_topology(false), config, cluster).unwrap();
    let seen = Arc::new(Mutex::new(vec![streams.state()]));
    streams.on_state_change({
        let seen = seen.clone();
        move |new, old| {
            let mut seen = seen.lock().unwrap();
            assert_eq!(seen.last(), Some(&old));
            seen.push(new);
        }
    });
    streams.start().await.unwrap();
    assert_eq!(streams.wait_for(&[State::Running], PATIENCE).await, State::Running);
    let again = streams.start().await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::InvalidState);
    assert!(again.to_string().contains("can be started once"), "{again}");
    assert_eq!(streams.clean_up().unwrap_err().kind(), ErrorKind::InvalidState);
    streams.close(PATIENCE).await.unwrap();
    streams.close(PATIENCE).await.unwrap();
    assert_eq!(
        *seen.lock().unwrap(),
        [
            State::Created,
            State::Rebalancing,
            State::Running,
            State::PendingShutdown,
            State::NotRunning
        ]
    );
    streams.clean_up().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_in_order_when_its_signal_comes() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    cluster.create_topic("in", 2).unwrap();
    cluster.create_topic("out", 1).unwrap();
    produce(&cluster, "in", "a", "1", 0);
    // Nothing is committed before the close.
    let config =
        config(directory.path(), AT_LEAST_ONCE).commit_interval(Duration::from_secs(3_600));
    let topology = counting_topology(false);
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap();
    let counted = eventually("the record is counted", || streams.metrics().processed == 1);
    streams.run_until(counted).await.unwrap();
    assert_eq!(streams.state(), State::NotRunning);
    assert!(all_committed(&cluster, &["in"]));
    let again = streams.run_until(std::future::pending::<()>()).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::InvalidState);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_with_the_error_that_ends_the_instance() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    let config = config(directory.path(), AT_LEAST_ONCE);
    let streams =
        KafkaStreams::with_client_supplier(counting_topology(false), config, cluster).unwrap();
    let error = streams.run_until(std::future::pending::<()>()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::MissingSourceTopic, "{error}");
    assert_eq!(streams.state(), State::NotRunning);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_when_the_instance_is_closed_elsewhere() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    cluster.create_topic("in", 2).unwrap();
    cluster.create_topic("out", 1).unwrap();
    let config = config(directory.path(), AT_LEAST_ONCE);
    let streams =
        KafkaStreams::with_client_supplier(counting_topology(false), config, cluster).unwrap();
    let close = async {
        streams.wait_for(&[State::Running], PATIENCE).await;
        streams.close(PATIENCE).await
    };
    let (ran, closed) = tokio::join!(streams.run_until(std::future::pending::<()>()), close);
    ran.unwrap();
    closed.unwrap();
    assert_eq!(streams.state(), State::NotRunning);
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_that_are_added_and_removed_share_the_tasks() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    cluster.create_topic("in", 4).unwrap();
    cluster.create_topic("out", 1).unwrap();
    let config = config(directory.path(), AT_LEAST_ONCE);
    let streams =
        KafkaStreams::with_client_supplier(counting_topology(false), config, cluster.clone())
            .unwrap();
    assert_eq!(streams.add_stream_thread().unwrap_err().kind(), ErrorKind::InvalidState);
    streams.start().await.unwrap();
    let keys: Vec<String> = (0..500).map(|i| format!("k{}", i % 17)).collect();
    let feed = |times: std::ops::Range<usize>| {
        for (time, key) in times.zip(&keys) {
            produce(&cluster, "in", key, "v", i64::try_from(time).unwrap());
        }
    };
    feed(0..500);
    eventually("one thread has all tasks", || active(&streams).iter().map(BTreeSet::len).eq([4]))
        .await;

    let name = streams.add_stream_thread().unwrap();
    assert!(name.ends_with("-StreamThread-2"), "{name}");
    feed(500..1_000);
    eventually("both threads have two tasks", || {
        active(&streams).iter().map(BTreeSet::len).eq([2, 2])
    })
    .await;

    assert_eq!(streams.remove_stream_thread(PATIENCE).await.unwrap(), Some(name));
    feed(1_000..1_500);
    processed(&cluster, &["in"], &[&streams]).await;
    eventually("one thread has all tasks again", || {
        active(&streams).iter().map(BTreeSet::len).eq([4])
    })
    .await;
    streams.close(PATIENCE).await.unwrap();
    let all = keys.iter().chain(&keys).chain(&keys).map(String::as_str);
    assert_eq!(last_counts(&cluster, "out"), counts_of(all));
}

/// Keeps the restore events it is told.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<(&'static str, RestoreProgress)>>>);

impl StateRestoreListener for Recorder {
    fn on_restore_start(&self, progress: &RestoreProgress) {
        self.0.lock().unwrap().push(("start", progress.clone()));
    }

    fn on_batch_restored(&self, progress: &RestoreProgress) {
        self.0.lock().unwrap().push(("batch", progress.clone()));
    }

    fn on_restore_end(&self, progress: &RestoreProgress) {
        self.0.lock().unwrap().push(("end", progress.clone()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_is_told_how_far_the_restore_is() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 1).unwrap();
    let instance = || {
        let config = config(directory.path(), AT_LEAST_ONCE);
        KafkaStreams::with_client_supplier(counting_topology(false), config, cluster.clone())
            .unwrap()
    };
    let first = instance();
    first.start().await.unwrap();
    for key in 0..300 {
        produce(&cluster, "in", &format!("k{key}"), "v", key);
    }
    processed(&cluster, &["in"], &[&first]).await;
    first.close(PATIENCE).await.unwrap();
    drop(first);

    // Its stores are in memory, so all of the changelog is read.
    let (second, recorder) = (instance(), Recorder::default());
    second.on_restore(recorder.clone());
    second.start().await.unwrap();
    assert_eq!(second.wait_for(&[State::Running], PATIENCE).await, State::Running);
    second.close(PATIENCE).await.unwrap();
    let calls = recorder.0.lock().unwrap();
    let (first, last) = (calls.first().unwrap(), calls.last().unwrap());
    assert_eq!((first.0, first.1.restored, first.1.remaining), ("start", 0, 300));
    assert_eq!((last.0, last.1.restored, last.1.remaining), ("end", 300, 0));
    assert_eq!(last.1.store, "counts");
    assert_eq!(last.1.changelog.to_string(), "app-counts-changelog-0");
}

/// A second `close` reported the end while a thread was still working.
#[tokio::test(flavor = "multi_thread")]
async fn a_close_that_ran_out_of_time_is_not_over_until_the_threads_are() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    cluster.create_topic("in", 1).unwrap();
    let (entered, at_work) = std::sync::mpsc::channel();
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new((entered, gate)));
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::new(["in"], serde::string(), serde::string());
    let source = builder.add_source("source", source);
    let stuck = move || {
        let gate = gate.clone();
        move |_: Record<'_, String, String>, _: &mut Context<'_, (), ()>| {
            let gate = gate.lock().unwrap();
            gate.0.send(())?;
            Ok(gate.1.recv()?)
        }
    };
    builder.add_processor::<_, _, _, (), ()>("stuck", stuck, &[source]);
    let config = config(directory.path(), AT_LEAST_ONCE);
    let streams =
        KafkaStreams::with_client_supplier(builder.build().unwrap(), config, cluster.clone())
            .unwrap();
    streams.start().await.unwrap();
    produce(&cluster, "in", "k", "v", 0);
    tokio::task::spawn_blocking(move || at_work.recv().unwrap()).await.unwrap();

    for _ in 0..2 {
        let hasty = streams.close(Duration::from_millis(10)).await.unwrap_err();
        assert_eq!(hasty.kind(), ErrorKind::Timeout);
        assert_eq!(streams.state(), State::PendingShutdown);
        assert_eq!(streams.clean_up().unwrap_err().kind(), ErrorKind::InvalidState);
    }
    release.send(()).unwrap();
    streams.close(PATIENCE).await.unwrap();
    assert_eq!(streams.state(), State::NotRunning);
    assert!(streams.metadata_for_local_threads().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_instance_keeps_its_tasks_and_processes_nothing() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 1).unwrap();
    let config = config(directory.path(), AT_LEAST_ONCE);
    let streams =
        KafkaStreams::with_client_supplier(counting_topology(false), config, cluster.clone())
            .unwrap();
    streams.start().await.unwrap();
    produce(&cluster, "in", "a", "v", 0);
    processed(&cluster, &["in"], &[&streams]).await;
    streams.pause();
    assert!(streams.is_paused());
    let before = active(&streams);
    produce(&cluster, "in", "a", "v", 1);
    // Longer than a session: a member that had left the group would lose its tasks.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(streams.metrics().processed, 1);
    assert_eq!((streams.state(), active(&streams)), (State::Running, before));
    streams.resume();
    processed(&cluster, &["in"], &[&streams]).await;
    assert_eq!(last_counts(&cluster, "out"), [("a".to_owned(), 2)].into());
    streams.close(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_begins_where_the_configuration_says() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 1).unwrap();
    produce(&cluster, "in", "old", "v", 0);
    let config = config(directory.path(), AT_LEAST_ONCE).set("auto.offset.reset", "latest");
    let streams =
        KafkaStreams::with_client_supplier(counting_topology(false), config, cluster.clone())
            .unwrap();
    streams.start().await.unwrap();
    assert_eq!(streams.wait_for(&[State::Running], PATIENCE).await, State::Running);
    produce(&cluster, "in", "new", "v", 1);
    processed(&cluster, &["in"], &[&streams]).await;
    streams.close(PATIENCE).await.unwrap();
    assert_eq!(last_counts(&cluster, "out"), [("new".to_owned(), 1)].into());
}
