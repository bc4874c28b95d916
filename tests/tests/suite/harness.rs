//! Common parts of this suite's tests: a cluster, a counting topology, and waits on conditions.

use std::{path::Path, sync::Arc, time::Duration};

use streams_core::{
    Headers, KafkaStreams, TopicPartition,
    client::{ProduceRecord, embedded::EmbeddedCluster},
    config::{ProcessingGuarantee, StreamsConfig},
    time::SystemClock,
};
pub(crate) use tests::simulation::{counting_topology, counts_of, last_counts};

/// The application id of all tests.
pub(crate) const APP: &str = "app";

/// Time for which a test waits for an expected event.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// An empty cluster in real time.
pub(crate) fn cluster() -> EmbeddedCluster {
    EmbeddedCluster::new(Arc::new(SystemClock))
}

/// Writes a record by its key.
pub(crate) fn produce(cluster: &EmbeddedCluster, topic: &str, key: &str, value: &str, time: i64) {
    let record = ProduceRecord {
        timestamp: time,
        key: Some(key.as_bytes()),
        value: Some(value.as_bytes()),
        headers: &Headers::new(),
    };
    cluster.produce(topic, None, record).unwrap();
}

/// Fast commits, state in `directory`, and a session short enough that the group soon notices a
/// crash.
pub(crate) fn config(directory: &Path, guarantee: ProcessingGuarantee) -> StreamsConfig {
    StreamsConfig::new(APP, "embedded:9092")
        .state_dir(directory)
        .processing_guarantee(guarantee)
        .commit_interval(Duration::from_millis(20))
        .poll_interval(Duration::from_millis(5))
        .set("heartbeat.interval.ms", 100)
        .session_timeout(Duration::from_millis(500))
}

/// Uses the stores of this build: RocksDB's, or those in memory. A topology is built with the same.
pub(crate) fn with_stores_of_this_build(config: StreamsConfig) -> StreamsConfig {
    if cfg!(feature = "rocksdb") { config } else { config.set("default.dsl.store", "in_memory") }
}

/// Waits until `condition` holds, and fails the test if it takes too long.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "waited too long until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Returns whether the group has committed everything in these topics.
pub(crate) fn all_committed(cluster: &EmbeddedCluster, topics: &[&str]) -> bool {
    let committed = cluster.committed(APP);
    let described = cluster.topics();
    topics.iter().all(|topic| {
        let Some(description) = described.get(*topic) else { return false };
        (0..description.partitions).all(|partition| {
            let place = TopicPartition::new(*topic, partition);
            let offset = committed.get(&place).map_or(0, |committed| committed.offset);
            offset >= cluster.end_offset(topic, partition).unwrap()
        })
    })
}

/// Waits until the group has committed everything in these topics.
pub(crate) async fn processed(
    cluster: &EmbeddedCluster,
    topics: &[&str],
    instances: &[&KafkaStreams],
) {
    eventually("all input is committed", || {
        for instance in instances {
            assert!(instance.error().is_none(), "{:?}", instance.error());
        }
        all_committed(cluster, topics)
    })
    .await;
}
