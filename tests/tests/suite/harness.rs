//! What the tests of this suite share: a cluster, a counting topology, and waits on conditions.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
    time::Duration,
};

use streams_core::{
    BoxError, Headers, KafkaStreams, Record, TopicPartition,
    client::{IsolationLevel, ProduceRecord, embedded::EmbeddedCluster},
    config::{ProcessingGuarantee, StreamsConfig},
    processor::{Context, Processor},
    serde,
    store::{KeyValueStore, StoreRef, Stores},
    time::SystemClock,
    topology::{SinkOptions, SourceOptions, Topology, TopologyBuilder},
};

/// The application id of all tests.
pub(crate) const APP: &str = "app";

/// How long a test waits for something that must happen.
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

/// Fast commits, state in `directory`, and a crash that the group notices soon.
pub(crate) fn config(directory: &Path, guarantee: ProcessingGuarantee) -> StreamsConfig {
    StreamsConfig::new(APP, "embedded:9092")
        .state_dir(directory)
        .processing_guarantee(guarantee)
        .commit_interval(Duration::from_millis(20))
        .poll_interval(Duration::from_millis(5))
        .set("heartbeat.interval.ms", 100)
        .session_timeout(Duration::from_millis(500))
}

/// Counts records by key in the store `counts`, and forwards each count.
struct Counter {
    counts: StoreRef<KeyValueStore<String, i64>>,
}

impl Processor<String, String, String, i64> for Counter {
    fn process(
        &mut self,
        record: Record<'_, String, String>,
        context: &mut Context<'_, String, i64>,
    ) -> Result<(), BoxError> {
        let count =
            context.store(self.counts)?.update::<_, streams_core::Error>(record.key, |count| {
                let count = count.copied().unwrap_or(0) + 1;
                Ok((Some(count), count))
            })?;
        Ok(context.forward(record.with_value(&count))?)
    }
}

/// `in` → count by key, in a store on disk or in memory → `out`.
pub(crate) fn counting_topology(persistent: bool) -> Topology {
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::new(["in"], serde::string(), serde::string());
    let source = builder.add_source("source", source);
    let counts = Stores::key_value("counts", serde::string(), serde::long());
    let counts = if persistent { counts } else { counts.in_memory() };
    let counts = builder.add_state_store(counts);
    let counter = builder.add_processor("counter", move || Counter { counts }, &[source]);
    builder.connect(counter.id(), counts);
    let sink = SinkOptions::topic("out", serde::string(), serde::long());
    builder.add_sink("sink", sink, &[counter]);
    builder.build().unwrap()
}

/// The last value of each key of a topic with counts.
pub(crate) fn last_counts(cluster: &EmbeddedCluster, topic: &str) -> BTreeMap<String, i64> {
    let records = cluster.read_all(topic, IsolationLevel::ReadCommitted).unwrap();
    let mut counts = BTreeMap::new();
    for record in records {
        let key = String::from_utf8(record.key.unwrap()).unwrap();
        match record.value {
            Some(value) => {
                counts.insert(key, i64::from_be_bytes(value.try_into().unwrap()));
            }
            None => {
                counts.remove(&key);
            }
        }
    }
    counts
}

/// Waits until `condition` holds, and fails the test if it takes too long.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "waited too long until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Whether the group has committed everything in these topics.
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

/// How often each key occurs.
pub(crate) fn counts_of<'a>(keys: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, i64> {
    let mut counts: HashMap<&str, i64> = HashMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts.into_iter().map(|(key, count)| (key.to_owned(), count)).collect()
}
