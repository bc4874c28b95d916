//! Changes that are held back survive whatever happens to their instance.

use std::{path::Path, time::Duration};

use streams_core::{
    Error, KafkaStreams,
    client::{
        IsolationLevel,
        embedded::{EmbeddedCluster, StoredRecord},
    },
    config::{ProcessingGuarantee, StreamsConfig},
    serde::{long, string},
    testing::{TestInputTopic, TestOutputTopic, TopologyTestDriver},
    topology::Topology,
};
use streams_dsl::{BufferBounds, BufferConfig, Produced, StreamsBuilder, Suppressed, TimeWindows};

use crate::harness::{PATIENCE, cluster, config, processed, produce};

/// Counts of each key in windows of 10 ms, each emitted once, when the window closes.
fn final_counts(in_memory: bool) -> Topology {
    let builder = StreamsBuilder::new();
    let windows = TimeWindows::of_size_with_no_grace(Duration::from_millis(10));
    let counts = builder.stream::<String, String>("in").group_by_key().windowed_by(windows).count();
    let closed = counts.suppress(Suppressed::until_window_closes(BufferConfig::unbounded()));
    let by_start = closed.to_stream_with_key(|row, _| format!("{}@{}", row.key, row.window.start));
    by_start
        .map_values(|count| count.unwrap_or_default())
        .to(Produced::topic("out").with(string(), long()));
    let settings = with_stores(StreamsConfig::new("app", "embedded:9092"), in_memory);
    builder.build_with(&settings).unwrap()
}

fn with_stores(config: StreamsConfig, in_memory: bool) -> StreamsConfig {
    if in_memory { config.set("default.dsl.store", "in_memory") } else { config }
}

/// The output, each record once.
fn written(cluster: &EmbeddedCluster) -> Vec<(String, i64)> {
    let records = cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap();
    let pair = |record: &StoredRecord| {
        let key = String::from_utf8(record.key.clone().unwrap()).unwrap();
        (key, i64::from_be_bytes(record.value.clone().unwrap().try_into().unwrap()))
    };
    records.iter().map(pair).collect()
}

fn instance(
    cluster: &EmbeddedCluster,
    directory: &Path,
    guarantee: ProcessingGuarantee,
    in_memory: bool,
) -> KafkaStreams {
    let config = with_stores(config(directory, guarantee), in_memory);
    KafkaStreams::with_client_supplier(final_counts(in_memory), config, cluster.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_that_are_held_back_come_out_once_though_the_instance_crashes_in_between() {
    let engines: &[bool] = if cfg!(feature = "rocksdb") { &[true, false] } else { &[true] };
    for &in_memory in engines {
        let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
        cluster.create_topic("in", 1).unwrap();
        cluster.create_topic("out", 1).unwrap();
        let guarantee = ProcessingGuarantee::ExactlyOnceV2;
        for (time, key) in [(1, "a"), (2, "b"), (3, "a"), (12, "c")] {
            produce(&cluster, "in", key, "v", time);
        }
        let first = instance(&cluster, directory.path(), guarantee, in_memory);
        first.start().await.unwrap();
        processed(&cluster, &["in"], &[&first]).await;
        let one = ("a@0".to_owned(), 2);
        let two = ("b@0".to_owned(), 1);
        assert_eq!(written(&cluster), [one.clone(), two.clone()]);
        // Dropped without a close, like a process that ends.
        drop(first);

        produce(&cluster, "in", "c", "v", 19);
        produce(&cluster, "in", "d", "v", 20);
        let second = instance(&cluster, directory.path(), guarantee, in_memory);
        second.start().await.unwrap();
        processed(&cluster, &["in"], &[&second]).await;
        assert_eq!(written(&cluster), [one, two, ("c@10".to_owned(), 2)]);
        second.close(PATIENCE).await.unwrap();
    }
}

/// A table whose changes are held back for an hour in limited space, and its output.
struct Bounded {
    rows: TestInputTopic<String, Option<String>>,
    out: TestOutputTopic<String, Option<String>>,
    now: i64,
}

impl Bounded {
    fn new(bounds: impl Into<BufferBounds>) -> Self {
        let builder = StreamsBuilder::new();
        let hour = Duration::from_secs(3_600);
        let rows = builder.table::<String, String>("in");
        rows.suppress(Suppressed::until_time_limit(hour, bounds)).to_stream().to("out");
        let config = StreamsConfig::new("app", "unused:9092").set("default.dsl.store", "in_memory");
        let topology = builder.build_with(&config).unwrap();
        let driver = TopologyTestDriver::new(&topology, config).unwrap();
        let optional = || streams_core::serde::option(string());
        let rows = driver.input_topic("in", string(), optional());
        Self { rows, out: driver.output_topic("out", string(), optional()), now: 0 }
    }

    /// Writes a row and returns the keys of the released rows, or an error of the buffer.
    fn put(&mut self, key: &str, value: &str) -> Result<Vec<String>, Error> {
        self.now += 1;
        self.rows.pipe_input(key.to_owned(), Some(value.to_owned()), self.now)?;
        let gone = self.out.read_key_values_to_list()?;
        Ok(gone.into_iter().map(|(key, _)| key).collect())
    }
}

/// A row with a key and a value of one byte, new to the table, read from topic `in`: key, value,
/// topic and 28 for numbers. Java's `InMemoryTimeOrderedKeyValueChangeBuffer` counts the same way.
const ROW: usize = 1 + 1 + 2 + 28;

#[test]
fn the_oldest_rows_go_on_early_when_the_buffer_exceeds_its_bytes() {
    let mut table = Bounded::new(BufferConfig::max_bytes(2 * ROW));
    for key in ["a", "b"] {
        assert!(table.put(key, "1").unwrap().is_empty(), "as much as it may hold");
    }
    assert_eq!(table.put("c", "1").unwrap(), ["a"]);
    // The row keeps its position and counts for its old value as well, but not for a prior one.
    assert_eq!(table.put("b", "2").unwrap(), ["b"]);
    assert!(table.put("d", "1").unwrap().is_empty());
    assert_eq!(table.put("e", &"x".repeat(2 * ROW)).unwrap(), ["c", "d", "e"]);
    assert!(table.put("f", "1").unwrap().is_empty());
}

#[test]
fn a_strict_buffer_fails_with_the_first_byte_too_many() {
    let mut exact = Bounded::new(BufferConfig::max_bytes(3 * ROW).shut_down_when_full());
    for key in ["a", "b", "c"] {
        assert!(exact.put(key, "1").unwrap().is_empty());
    }
    let mut short = Bounded::new(BufferConfig::max_bytes(3 * ROW - 1).shut_down_when_full());
    for key in ["a", "b"] {
        assert!(short.put(key, "1").unwrap().is_empty());
    }
    let error = format!("{:?}", short.put("c", "1").unwrap_err());
    assert!(error.contains("holds 96 bytes back, and its buffer may hold 95"), "{error}");
}

#[test]
fn a_buffer_with_two_limits_is_full_by_the_first_that_is_reached() {
    let limits = || BufferConfig::max_records(2).with_max_bytes(3 * ROW);
    let mut rows = Bounded::new(limits());
    assert!(rows.put("a", "1").unwrap().is_empty());
    assert!(rows.put("b", "1").unwrap().is_empty());
    assert_eq!(rows.put("c", "1").unwrap(), ["a"], "too many rows");
    let mut bytes = Bounded::new(limits());
    assert!(bytes.put("a", "1").unwrap().is_empty());
    assert_eq!(bytes.put("b", &"x".repeat(2 * ROW)).unwrap(), ["a"], "too many bytes");

    let strict = limits().shut_down_when_full().with_max_records(1);
    let mut strict = Bounded::new(strict);
    assert!(strict.put("a", "1").unwrap().is_empty());
    let error = format!("{:?}", strict.put("b", "1").unwrap_err());
    assert!(error.contains("holds 2 rows back, and its buffer may hold 1"), "{error}");

    let eager = BufferConfig::unbounded().with_max_bytes(ROW).emit_early_when_full();
    let mut eager = Bounded::new(eager);
    assert!(eager.put("a", "1").unwrap().is_empty());
    assert_eq!(eager.put("b", "1").unwrap(), ["a"]);

    let mut unbounded = Bounded::new(limits().with_no_bound());
    for key in ["a", "b", "c", "d"] {
        assert!(unbounded.put(key, "1").unwrap().is_empty());
    }
}
