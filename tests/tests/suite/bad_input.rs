//! Bad input: each kind gets a message with the fault, its position and the remedy, and nothing
//! else is lost.
//!
//! Most tests feed [`GOOD`] good records and one bad one at [`BAD_OFFSET`], and check both the
//! message and the figures once the bad one is dealt with.

mod configuration;
mod end_of_time;
mod mistakes;
mod panics;
mod reading;
mod refused;
mod state_directory;
mod timestamps;
mod topics;
mod user_code;
mod writing;

#[cfg(feature = "rocksdb")]
mod full_disk;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use streams_core::{
    BoxError, Error, Headers, KafkaStreams, Record,
    client::{IsolationLevel, ProduceRecord, embedded::EmbeddedCluster, embedded::StoredRecord},
    config::{ProcessingGuarantee, StreamsConfig},
    processor::{Context, Processor},
    runtime::State,
    serde,
    store::{KeyValueStore, StoreRef, Stores},
    topology::{SinkOptions, SourceOptions, Topology, TopologyBuilder},
};

use crate::harness::{PATIENCE, cluster, config};

const GUARANTEES: [ProcessingGuarantee; 2] =
    [ProcessingGuarantee::AtLeastOnce, ProcessingGuarantee::ExactlyOnceV2];

/// Number of good records.
const GOOD: i64 = 500;
/// Offset of the bad record in `in-0`, after as many good ones.
const BAD_OFFSET: i64 = 123;
/// Timestamp of the bad record.
const BAD_TIME: i64 = 77;
/// The topic for dead letters.
const DEAD_LETTERS: &str = "dead-letters";

/// User code's treatment of a value.
type Check = Arc<dyn Fn(i64) -> Result<i64, BoxError> + Send + Sync>;

/// Sums the results of `check` by key, in the store `sums`, and forwards each sum.
struct Sum {
    sums: StoreRef<KeyValueStore<String, i64>>,
    check: Check,
}

impl Processor<String, i64, String, i64> for Sum {
    fn process(
        &mut self,
        record: Record<'_, String, i64>,
        context: &mut Context<'_, String, i64>,
    ) -> Result<(), BoxError> {
        let value = (self.check)(*record.value)?;
        let sum = context.store(self.sums)?.update::<_, Error>(record.key, |sum| {
            let sum = sum.copied().unwrap_or(0) + value;
            Ok((Some(sum), sum))
        })?;
        Ok(context.forward(record.with_value(&sum))?)
    }
}

/// `in` → sums by key, in memory → `out`.
fn summing_topology(
    check: impl Fn(i64) -> Result<i64, BoxError> + Send + Sync + 'static,
) -> Topology {
    let check: Check = Arc::new(check);
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::new(["in"], serde::string(), serde::long());
    let source = builder.add_source("source", source);
    let sums = Stores::key_value("sums", serde::string(), serde::long()).in_memory();
    let sums = builder.add_state_store(sums);
    let sum = builder.add_processor("sum", move || Sum { sums, check: check.clone() }, &[source]);
    builder.connect(sum.id(), sums);
    let sink = SinkOptions::topic("out", serde::string(), serde::long());
    builder.add_sink("sink", sink, &[sum]);
    builder.build().unwrap()
}

/// A cluster with the topics `in` and `out`, of one partition each.
fn one_partition() -> EmbeddedCluster {
    let cluster = cluster();
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 1).unwrap();
    cluster
}

/// Writes to `in-0`: good records, and `bad` with a header at [`BAD_OFFSET`].
fn feed(cluster: &EmbeddedCluster, bad: &[u8]) {
    for value in 0..GOOD {
        if value == BAD_OFFSET {
            let mut headers = Headers::new();
            headers.add("trace", Some(b"t-1"));
            let (key, value) = (Some(&b"bad"[..]), Some(bad));
            let record = ProduceRecord { timestamp: BAD_TIME, key, value, headers: &headers };
            let (_, offset) = cluster.produce("in", None, record).unwrap();
            assert_eq!(offset, BAD_OFFSET);
        }
        let (key, bytes) = (key_of(value), value.to_be_bytes());
        let record = ProduceRecord {
            timestamp: value,
            key: Some(key.as_bytes()),
            value: Some(&bytes),
            headers: &Headers::new(),
        };
        cluster.produce("in", None, record).unwrap();
    }
}

fn key_of(value: i64) -> String {
    format!("k{}", value % 7)
}

/// The sums of the good records.
fn sums() -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for value in 0..GOOD {
        *sums.entry(key_of(value)).or_default() += value;
    }
    sums
}

/// A configuration with a state directory that nobody uses.
fn in_memory(guarantee: ProcessingGuarantee) -> StreamsConfig {
    config(Path::new("unused"), guarantee)
}

/// A started instance.
async fn start(
    topology: Topology,
    config: StreamsConfig,
    cluster: &EmbeddedCluster,
) -> KafkaStreams {
    let instance = KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap();
    instance.start().await.unwrap();
    instance
}

/// Waits until the instance has failed, and returns its error.
async fn failure(instance: &KafkaStreams) -> Error {
    assert_eq!(instance.wait_for(&[State::Error], PATIENCE).await, State::Error);
    let error = instance.error().unwrap();
    instance.close(PATIENCE).await.unwrap();
    error
}

/// Asserts that a message has all of these parts.
fn assert_says(error: &Error, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

/// The dead letters that a reader sees.
fn dead_letters(cluster: &EmbeddedCluster) -> Vec<StoredRecord> {
    cluster.read_all(DEAD_LETTERS, IsolationLevel::ReadCommitted).unwrap()
}

/// Asserts that the only dead letter is the record `bad` of [`feed`] as it was, with Java's headers
/// after its own.
fn assert_dead_letter(cluster: &EmbeddedCluster, bad: &[u8], stacktrace: &str, message: &str) {
    let letters = dead_letters(cluster);
    let [letter] = letters.as_slice() else { panic!("not one dead letter: {letters:?}") };
    assert_eq!(letter.key.as_deref(), Some(&b"bad"[..]));
    assert_eq!(letter.value.as_deref(), Some(bad));
    assert_eq!(letter.timestamp, BAD_TIME);
    let text = |value: Option<&[u8]>| String::from_utf8(value.unwrap().to_vec()).unwrap();
    let headers: Vec<(String, String)> =
        letter.headers.iter().map(|(name, value)| (name.to_owned(), text(value))).collect();
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "trace",
            "__streams.errors.exception",
            "__streams.errors.stacktrace",
            "__streams.errors.message",
            "__streams.errors.topic",
            "__streams.errors.partition",
            "__streams.errors.offset",
        ]
    );
    let value_of = |name: &str| {
        let header = headers.iter().find(|(header, _)| header.ends_with(name));
        header.map(|(_, value)| value.as_str()).unwrap()
    };
    assert_eq!(
        ["trace", ".topic", ".partition", ".offset"].map(value_of),
        ["t-1", "in", "0", "123"]
    );
    for (name, part) in [(".stacktrace", stacktrace), (".message", message)] {
        assert!(value_of(name).contains(part), "{}", value_of(name));
    }
}
