//! Records that a real broker refuses when they are already in transit (KIP-467).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use streams_core::{
    BoxError, Error, Headers, KafkaStreams, Record, TopicPartition,
    client::{Admin, ClientSupplier, NewTopic, ProduceRecord, ProducerSettings},
    config::StreamsConfig,
    handler::{ErrorContext, HandlerResponse, ProductionExceptionHandler},
    processor::{Context, Processor},
    runtime::State,
    serde,
    topology::{SinkOptions, SourceOptions, Topology, TopologyBuilder},
};
use tests::broker;

use crate::world::{Mode, PATIENCE, World, eventually};

const RECORDS: i64 = 300;
/// The bad records by their keys, with their offsets and the expected message of each.
const BAD: [(&str, i64, [&str; 2]); 3] = [
    ("keyless", 50, ["without a key", "a compacted topic takes no record without a key"]),
    ("late", 51, ["its time is 2255-", "message.timestamp.after.max.ms"]),
    ("large", 200, ["a record of 9005 bytes with key `large`", "max.message.bytes of the topic"]),
];
const IN_2255: i64 = 9_000_000_000_000;

type Bytes = Option<Vec<u8>>;

/// Turns the bad records into ones that the broker refuses.
struct Spoil;

impl Processor<Vec<u8>, Vec<u8>, Bytes, Bytes> for Spoil {
    fn process(
        &mut self,
        record: Record<'_, Vec<u8>, Vec<u8>>,
        context: &mut Context<'_, Bytes, Bytes>,
    ) -> Result<(), BoxError> {
        let (key, value) = (Some(record.key.clone()), Some(record.value.clone()));
        let large = Some(vec![7; 9_000]);
        let whole = record.with_key(&key).with_value(&value);
        let spoilt = match record.key.as_slice() {
            b"keyless" => whole.with_key(&None),
            b"late" => whole.with_timestamp(IN_2255),
            b"large" => whole.with_value(&large),
            _ => whole,
        };
        Ok(context.forward(spoilt)?)
    }
}

fn topology() -> Topology {
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::new(["in"], serde::bytes(), serde::bytes());
    let source = builder.add_source("source", source);
    let spoil = builder.add_processor("spoil", || Spoil, &[source]);
    let bytes = || serde::option(serde::bytes());
    builder.add_sink("sink", SinkOptions::topic("out", bytes(), bytes()), &[spoil]);
    builder.build().unwrap()
}

fn create_topics(admin: &mut dyn Admin) {
    let limits = [
        ("cleanup.policy", "compact"),
        ("max.message.bytes", "8000"),
        ("message.timestamp.after.max.ms", "3600000"),
    ];
    let limits = limits.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let topic = |name: &str, config| NewTopic {
        name: name.to_owned(),
        partitions: 1,
        replication_factor: -1,
        config,
    };
    let topics = [topic("in", BTreeMap::new()), topic("out", BTreeMap::from(limits))];
    admin.create_topics(&topics).wait().unwrap();
}

fn feed(clients: &impl ClientSupplier) {
    let settings = ProducerSettings { client_id: "feed".to_owned(), ..ProducerSettings::default() };
    let mut producer = clients.producer(&settings).unwrap();
    let headers = Headers::new();
    for number in 0..RECORDS {
        let bad = BAD.iter().find(|(_, offset, _)| *offset == number);
        let key = bad.map_or_else(|| format!("k{number}"), |(key, ..)| (*key).to_owned());
        let value = number.to_string();
        let record = ProduceRecord {
            timestamp: 1 + number,
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            headers: &headers,
        };
        producer.append_to(&TopicPartition::new("in", 0), record).unwrap();
    }
    for report in producer.flush().unwrap() {
        report.result.unwrap();
    }
}

/// Continues without the record, and keeps the questions it was asked.
#[derive(Clone, Default)]
struct Keep(Arc<Mutex<BTreeMap<i64, String>>>);

impl ProductionExceptionHandler for Keep {
    fn handle(&self, context: &ErrorContext<'_>, topic: &str, error: &Error) -> HandlerResponse {
        assert_eq!((context.node, topic), ("sink", "out"));
        self.0.lock().unwrap().insert(context.offset, error.to_string());
        HandlerResponse::resume()
    }
}

/// The committed values of `out`, in order.
fn output(world: &World) -> Vec<i64> {
    let read = ["console-consumer", "--topic", "out", "--from-beginning"];
    let limits = ["--isolation-level", "read_committed", "--timeout-ms", "3000"];
    let found = world.broker.tool(&[&read[..], &limits].concat()).unwrap();
    found.lines().filter_map(|line| line.parse().ok()).collect()
}

async fn scenario(mode: Mode, guarantee: &str) {
    if !broker::wanted() {
        return;
    }
    let world = World::new(mode, 1);
    create_topics(&mut *world.clients().admin().unwrap());
    feed(&world.clients());
    let directory = tempfile::tempdir().unwrap();
    let config = StreamsConfig::new("refused", world.broker.bootstrap())
        .set("processing.guarantee", guarantee)
        .set("commit.interval.ms", 500)
        .set("state.dir", directory.path().to_str().unwrap());

    // In the default configuration, the first of them stops the instance, and is named.
    let streams = KafkaStreams::new(topology(), config.clone()).unwrap();
    streams.start().await.unwrap();
    assert_eq!(streams.wait_for(&[State::Error], PATIENCE).await, State::Error);
    let error = streams.error().unwrap().to_string();
    streams.close(PATIENCE).await.unwrap();
    for part in ["sink `sink` failed on in-0@50", "for out-0 is refused", BAD[0].2[1]] {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }

    let keep = Keep::default();
    let builder = KafkaStreams::builder(topology(), config, world.clients());
    let streams = builder.production_exception_handler(keep.clone()).build().unwrap();
    streams.start().await.unwrap();
    let good: Vec<i64> =
        (0..RECORDS).filter(|n| BAD.iter().all(|(_, offset, _)| offset != n)).collect();
    eventually("all good records come out", || {
        assert!(streams.error().is_none(), "{:?}", streams.error());
        let mut found = output(&world);
        if guarantee != "exactly_once_v2" {
            found.sort_unstable();
            found.dedup();
        }
        (found.len() >= good.len()).then(|| assert_eq!(found, good))
    });
    streams.close(PATIENCE).await.unwrap();
    assert!(streams.metrics().dropped >= 3);
    let asked = keep.0.lock().unwrap();
    assert_eq!(asked.len(), BAD.len(), "{asked:?}");
    for (_, offset, parts) in BAD {
        let said = asked.get(&offset).unwrap();
        let place = format!("sink `sink` failed on in-0@{offset}");
        for part in [place.as_str()].into_iter().chain(parts) {
            assert!(said.contains(part), "`{part}` is not in: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_refuses_is_asked_of_the_handler_record_by_record_with_exactly_once() {
    scenario(Mode::EXACTLY_ONCE, "exactly_once_v2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_broker_refuses_is_asked_of_the_handler_record_by_record_with_at_least_once() {
    scenario(Mode::AT_LEAST_ONCE, "at_least_once").await;
}
