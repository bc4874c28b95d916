//! What an instance removes, and what it must not.

use std::time::Duration;

use streams_core::{ErrorKind, KafkaStreams, config::ProcessingGuarantee, runtime::State};

use crate::harness::{
    PATIENCE, cluster, config, counting_topology, eventually, processed, produce,
};

const AT_LEAST_ONCE: ProcessingGuarantee = ProcessingGuarantee::AtLeastOnce;

/// State that was not used for longer than `state.cleanup.delay.ms` was removed at the start, before its task
/// was opened, and all of it was restored.
#[cfg(feature = "rocksdb")]
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_was_down_for_long_keeps_its_state() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 1).unwrap();
    let instance = || {
        let config =
            config(directory.path(), AT_LEAST_ONCE).state_cleanup_delay(Duration::from_millis(50));
        KafkaStreams::new(counting_topology(true), config, cluster.clone()).unwrap()
    };
    let first = instance();
    first.start().await.unwrap();
    for key in 0..500 {
        produce(&cluster, "in", &format!("k{key}"), "v", key);
    }
    processed(&cluster, &["in"], &[&first]).await;
    first.close(PATIENCE).await.unwrap();
    drop(first);
    tokio::time::sleep(Duration::from_millis(200)).await;

    let second = instance();
    // Nobody owns this one; it goes when the delay is over.
    let obsolete = directory.path().join("app").join("7_0");
    std::fs::create_dir_all(&obsolete).unwrap();
    std::fs::write(obsolete.join("left"), "over").unwrap();
    second.start().await.unwrap();
    assert_eq!(second.wait_for(&[State::Running], PATIENCE).await, State::Running);
    assert_eq!(second.metrics().restored, 0);
    eventually("obsolete state is removed", || !obsolete.exists()).await;
    assert!(directory.path().join("app").join("0_0").exists());
    second.close(PATIENCE).await.unwrap();
}

/// A second `close` said that all was over while a thread was still at work.
#[tokio::test(flavor = "multi_thread")]
async fn a_close_that_ran_out_of_time_is_not_over_until_the_threads_are() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 1).unwrap();
    let config = config(directory.path(), AT_LEAST_ONCE).poll_interval(Duration::from_secs(2));
    let streams = KafkaStreams::new(counting_topology(false), config, cluster.clone()).unwrap();
    streams.start().await.unwrap();
    assert_eq!(streams.wait_for(&[State::Running], PATIENCE).await, State::Running);
    // The thread waits in a poll that nothing ends.
    let hasty = streams.close(Duration::ZERO).await;
    if let Err(error) = hasty {
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert_eq!(streams.state(), State::PendingShutdown);
        assert_eq!(streams.clean_up().unwrap_err().kind(), ErrorKind::InvalidState);
    }
    streams.close(PATIENCE).await.unwrap();
    assert_eq!(streams.state(), State::NotRunning);
    assert!(streams.metadata_for_local_threads().is_empty());
}
