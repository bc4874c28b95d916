//! A global table on a real Kafka: filled from all partitions before an instance processes, without
//! aborted records.

use std::path::Path;

use streams_core::{
    Headers, KafkaStreams, TopicPartition,
    client::{ClientSupplier, ProduceRecord, Producer, ProducerSettings},
    config::StreamsConfig,
    partition_for_key,
    runtime::State,
    topology::Topology,
};
use streams_dsl::{Materialized, StreamsBuilder};
use tests::broker;

use crate::world::{Mode, PATIENCE, World, eventually};

const ROWS: usize = 300;
const ROW_PARTITIONS: i32 = 3;

/// Each value of `in` is the key of a row.
fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    let rows = Materialized::named("rows");
    let rows = if cfg!(feature = "rocksdb") { rows } else { rows.in_memory() };
    let table = builder.global_table::<String, String>("rows").stored(rows);
    builder
        .stream::<String, String>("in")
        .left_join_global(
            &table,
            |_, value| value.clone(),
            |value, row| format!("{value}={}", row.map_or("none", String::as_str)),
        )
        .to("out");
    builder.build().unwrap()
}

/// Writes a record per key, with the value from `value`.
fn write(
    producer: &mut dyn Producer,
    topic: &str,
    partitions: i32,
    value: impl Fn(&str) -> String,
    commit: bool,
) {
    producer.begin_transaction().unwrap();
    for key in (0..ROWS).map(|row| format!("r{row}")) {
        let to = TopicPartition::new(topic, partition_for_key(key.as_bytes(), partitions));
        let (value, headers) = (value(&key), Headers::new());
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        producer
            .append_to(&to, ProduceRecord { timestamp: 1, key, value, headers: &headers })
            .unwrap();
    }
    for report in producer.flush().unwrap() {
        report.result.unwrap();
    }
    if commit { producer.commit_transaction() } else { producer.abort_transaction() }.unwrap();
}

/// Runs an instance until there is a result for every record so far.
async fn run(world: &World, directory: &Path, expected: &[String]) {
    let config = StreamsConfig::new("global-tables", world.broker.bootstrap())
        .set("processing.guarantee", "exactly_once_v2")
        .set("state.dir", directory.to_str().unwrap());
    let streams = KafkaStreams::new(topology(), config).unwrap();
    streams.start().await.unwrap();
    let read = ["console-consumer", "--topic", "out", "--from-beginning"];
    let limits = ["--isolation-level", "read_committed", "--timeout-ms", "3000"];
    eventually("all records come out", || {
        let found = world.broker.tool(&[&read[..], &limits].concat()).unwrap();
        let mut found: Vec<&str> = found.lines().filter(|line| line.contains('=')).collect();
        found.sort_unstable();
        (found.len() >= expected.len()).then(|| assert_eq!(found, expected))
    });
    assert_eq!(streams.state(), State::Running);
    streams.close(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_global_table_is_filled_before_records_meet_it_and_goes_on_after_a_restart() {
    if !broker::wanted() {
        return;
    }
    let world = World::new(Mode::EXACTLY_ONCE, 2);
    world.create_topics(&[("rows", ROW_PARTITIONS), ("in", 2), ("out", 1)]);
    let settings = ProducerSettings {
        client_id: "rows".to_owned(),
        transactional_id: Some("rows".to_owned()),
        ..ProducerSettings::default()
    };
    let mut producer = world.clients().producer(&settings).unwrap();
    producer.init_transactions().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for age in ["old", "new"] {
        write(&mut *producer, "rows", ROW_PARTITIONS, |_| age.to_owned(), true);
        write(&mut *producer, "rows", ROW_PARTITIONS, |_| "given up".to_owned(), false);
        write(&mut *producer, "in", 2, str::to_owned, true);
        expected.extend((0..ROWS).map(|row| format!("r{row}={age}")));
        expected.sort_unstable();
        run(&world, directory.path(), &expected).await;
    }
}
