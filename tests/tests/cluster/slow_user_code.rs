//! Records that are slow to process: the thread keeps its group, its commits and its punctuations.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use streams_core::{
    Headers, KafkaStreams, TopicPartition,
    client::{ClientSupplier, ProduceRecord, ProducerSettings},
    config::StreamsConfig,
    time::{Clock, SystemClock},
    topology::Topology,
};
use streams_dsl::StreamsBuilder;
use tests::broker;

use crate::world::{Guarantee, Mode, World};

/// Number of records, and the time that each takes: together more than twice as long as the group
/// waits for a poll.
const RECORDS: u64 = 40;
const PER_RECORD: Duration = Duration::from_millis(200);
const MAX_POLL_INTERVAL_MS: u64 = 3_000;

/// Time limit for all of them. Java 4.3.1 took 9.3 s.
const PATIENCE_MS: i64 = 30_000;

fn feed(world: &World) {
    let mut producer = world.clients().producer(&ProducerSettings::default()).unwrap();
    for number in 0..RECORDS {
        let value = number.to_string();
        let record = ProduceRecord {
            timestamp: SystemClock.now_ms(),
            key: Some(b"k"),
            value: Some(value.as_bytes()),
            headers: &Headers::new(),
        };
        producer.append_to(&TopicPartition::new("slow-in", 0), record).unwrap();
    }
    producer.flush().unwrap();
}

/// Copies `slow-in` to `slow-out`, and counts the calls of user code.
fn slow_copy(calls: &Arc<AtomicU64>) -> Topology {
    let builder = StreamsBuilder::new();
    let calls = calls.clone();
    let slow = builder.stream::<String, String>("slow-in").peek(move |_, _| {
        SystemClock.sleep(PER_RECORD);
        calls.fetch_add(1, Relaxed);
    });
    slow.to("slow-out");
    builder.build().unwrap()
}

/// A turn took a thousand records. With at-least-once the member was expelled in the middle of it,
/// 144 calls led to 15 of 40 records in 30 s, and none was committed; with exactly-once there was
/// no output at all. Java 4.3.1: 40 calls, no rebalance.
async fn each_slow_record_is_processed_once(mode: Mode) {
    if !broker::wanted() {
        return;
    }
    let world = World::new(mode, 1);
    world.create_topics(&[("slow-in", 1), ("slow-out", 1)]);
    feed(&world);
    let guarantee = match mode.guarantee {
        Guarantee::ExactlyOnce => "exactly_once_v2",
        Guarantee::AtLeastOnce => "at_least_once",
    };
    let directory = world.state_dir("slow");
    let config = StreamsConfig::new("slow-app", world.broker.bootstrap())
        .state_dir(directory)
        .set("processing.guarantee", guarantee)
        .set("commit.interval.ms", 100)
        .set("max.poll.interval.ms", MAX_POLL_INTERVAL_MS);
    let calls = Arc::new(AtomicU64::new(0));
    let streams = KafkaStreams::new(slow_copy(&calls), config).unwrap();
    streams.start().await.unwrap();
    let began_ms = SystemClock.now_ms();
    let elapsed_ms = || SystemClock.now_ms() - began_ms;
    while calls.load(Relaxed) < RECORDS && elapsed_ms() < PATIENCE_MS {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let before_the_last = streams.metrics().commits;
    streams.close(Duration::from_secs(60)).await.unwrap();
    assert_eq!(calls.load(Relaxed), RECORDS, "after {} ms", elapsed_ms());
    assert!(before_the_last > 1, "it commits while there is a backlog: {before_the_last} commits");
    let read = ["console-consumer", "--topic", "slow-out", "--from-beginning"];
    let limits = ["--isolation-level", "read_committed", "--timeout-ms", "5000"];
    let written = world.broker.tool(&[&read[..], &limits].concat()).unwrap();
    let expected: Vec<String> = (0..RECORDS).map(|number| number.to_string()).collect();
    assert_eq!(written.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_together_outlast_the_poll_interval_are_processed_once_at_least_once() {
    each_slow_record_is_processed_once(Mode::AT_LEAST_ONCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_together_outlast_the_poll_interval_are_processed_once_exactly_once() {
    each_slow_record_is_processed_once(Mode::EXACTLY_ONCE).await;
}
