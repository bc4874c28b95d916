//! Records that the cluster refuses when they are already in transit.

use std::{collections::BTreeMap, time::Duration};

use streams_core::{
    BoxError, ErrorKind, Headers, KafkaStreams, Record,
    client::{IsolationLevel, NewTopic, ProduceRecord, embedded::EmbeddedCluster},
    config::ProcessingGuarantee,
    handler::LogAndContinue,
    processor::{Context, Processor, Punctuation, PunctuationType},
    serde,
    topology::{SinkOptions, SourceOptions, Topology, TopologyBuilder},
};
use streams_dsl::StreamsBuilder;

use super::{
    BAD_OFFSET, DEAD_LETTERS, GOOD, GUARANTEES, assert_dead_letter, assert_says, dead_letters,
    failure, feed, in_memory, start,
};
use crate::harness::{APP, PATIENCE, processed, produce};

/// Key and value types of a sink that may write null for both.
type Bytes = Option<Vec<u8>>;

/// The fault of the record that is made from the bad one.
#[derive(Clone, Copy, Debug)]
enum Fault {
    TooLarge,
    TooLate,
    WithoutKey,
}

/// A time that is far enough ahead, and the same when the record comes again.
const IN_2255: i64 = 9_000_000_000_000;

const FAULTS: [Fault; 3] = [Fault::TooLarge, Fault::TooLate, Fault::WithoutKey];

impl Fault {
    /// Expected parts of its message.
    fn parts(self) -> [&'static str; 2] {
        match self {
            Self::TooLarge => {
                ["a record of 203 bytes with key `bad`", "max.message.bytes of the topic"]
            }
            Self::TooLate => ["its time is 2255-", "message.timestamp.after.max.ms of the topic"],
            Self::WithoutKey => {
                ["without a key", "a compacted topic takes no record without a key"]
            }
        }
    }
}

/// `in`, dead letters, and `out`, which refuses all faults.
fn strict_cluster() -> EmbeddedCluster {
    let cluster = crate::harness::cluster();
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic(DEAD_LETTERS, 1).unwrap();
    let config = [
        ("cleanup.policy", "compact"),
        ("max.message.bytes", "150"),
        ("message.timestamp.after.max.ms", "3600000"),
    ];
    let config = config.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let out = NewTopic {
        name: "out".to_owned(),
        partitions: 1,
        replication_factor: -1,
        config: BTreeMap::from(config),
    };
    cluster.create_topic_with(out).unwrap();
    cluster
}

/// Forwards records, but turns the bad one into a record that the cluster refuses.
struct Spoil(Fault);

impl Processor<Vec<u8>, Vec<u8>, Bytes, Bytes> for Spoil {
    fn process(
        &mut self,
        record: Record<'_, Vec<u8>, Vec<u8>>,
        context: &mut Context<'_, Bytes, Bytes>,
    ) -> Result<(), BoxError> {
        let (key, value) = (Some(record.key.clone()), Some(record.value.clone()));
        let large = Some(vec![7; 200]);
        let record = record.with_key(&key).with_value(&value);
        let spoilt = match self.0 {
            _ if key.as_deref() != Some(b"bad") => record,
            Fault::TooLarge => record.with_value(&large),
            Fault::TooLate => record.with_timestamp(IN_2255),
            Fault::WithoutKey => record.with_key(&None),
        };
        Ok(context.forward(spoilt)?)
    }
}

fn spoiling_topology(fault: Fault) -> Topology {
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::new(["in"], serde::bytes(), serde::bytes());
    let source = builder.add_source("source", source);
    let spoil = builder.add_processor("spoil", move || Spoil(fault), &[source]);
    let bytes = || serde::option(serde::bytes());
    builder.add_sink("sink", SinkOptions::topic("out", bytes(), bytes()), &[spoil]);
    builder.build().unwrap()
}

/// Values of `out`, in order, each once.
fn output(cluster: &EmbeddedCluster) -> Vec<Vec<u8>> {
    let records = cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap();
    records.into_iter().map(|record| record.value.unwrap()).collect()
}

fn continuing(
    topology: Topology,
    guarantee: ProcessingGuarantee,
    cluster: &EmbeddedCluster,
) -> KafkaStreams {
    let handler = LogAndContinue { dead_letter_topic: Some(DEAD_LETTERS.to_owned()) };
    let builder = KafkaStreams::builder(topology, in_memory(guarantee), cluster.clone());
    builder.production_exception_handler(handler).build().unwrap()
}

/// The thread ended with an error that named neither the sink nor the input, and no handler was
/// asked; after a restart it ended again.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_cluster_refuses_is_named_by_its_sink_its_input_its_topic_and_the_setting() {
    for fault in FAULTS {
        for guarantee in GUARANTEES {
            let cluster = strict_cluster();
            feed(&cluster, b"bad");
            let instance = start(spoiling_topology(fault), in_memory(guarantee), &cluster).await;
            let error = failure(&instance).await;
            assert_eq!(error.kind(), ErrorKind::Production);
            assert_says(&error, &fault.parts());
            assert_says(
                &error,
                &[
                    "sink `sink` failed on in-0@123",
                    "for out-0 is refused",
                    "the handler of production.exception.handler stops at this record",
                ],
            );
            if guarantee == ProcessingGuarantee::ExactlyOnceV2 {
                assert!(output(&cluster).len() <= usize::try_from(BAD_OFFSET).unwrap());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cluster_refuses_can_be_dropped_and_its_neighbours_are_written() {
    for fault in FAULTS {
        for guarantee in GUARANTEES {
            let cluster = strict_cluster();
            feed(&cluster, b"bad");
            let instance = continuing(spoiling_topology(fault), guarantee, &cluster);
            instance.start().await.unwrap();
            processed(&cluster, &["in"], &[&instance]).await;
            instance.close(PATIENCE).await.unwrap();
            let mut values = output(&cluster);
            if guarantee == ProcessingGuarantee::ExactlyOnceV2 {
                assert_eq!(instance.metrics().dropped, 1);
            } else {
                // Records written before the refusal was known are written again.
                assert!(instance.metrics().dropped >= 1);
                values.sort();
                values.dedup();
            }
            let expected: Vec<Vec<u8>> =
                (0..GOOD).map(|value| value.to_be_bytes().to_vec()).collect();
            assert_eq!(values, expected, "{fault:?} {guarantee:?}");
            if let Fault::TooLate = fault {
                // As in Java it has the time that the record had in the sink.
                let letters = dead_letters(&cluster);
                assert_eq!(letters.len(), 1);
                assert_eq!(letters[0].timestamp, IN_2255);
                continue;
            }
            assert_dead_letter(
                &cluster,
                b"bad",
                "sink `sink` failed on in-0@123",
                fault.parts()[1],
            );
        }
    }
}

/// Among three records, two of them in a row, each is asked about by itself.
#[tokio::test(flavor = "multi_thread")]
async fn each_record_that_is_refused_is_asked_about_with_its_own_input() {
    let cluster = strict_cluster();
    for key in ["good", "bad", "bad", "good", "bad", "good"] {
        produce(&cluster, "in", key, "v", 1);
    }
    let guarantee = ProcessingGuarantee::ExactlyOnceV2;
    let instance = continuing(spoiling_topology(Fault::WithoutKey), guarantee, &cluster);
    instance.start().await.unwrap();
    processed(&cluster, &["in"], &[&instance]).await;
    instance.close(PATIENCE).await.unwrap();
    assert_eq!(instance.metrics().dropped, 3);
    let letters = cluster.read_all(DEAD_LETTERS, IsolationLevel::ReadCommitted).unwrap();
    let offset = |headers: &Headers| {
        let mut headers = headers.iter();
        let header = headers.find(|(name, _)| *name == "__streams.errors.offset").unwrap();
        String::from_utf8(header.1.unwrap().to_vec()).unwrap()
    };
    let offsets: Vec<_> = letters.iter().map(|letter| offset(&letter.headers)).collect();
    assert_eq!(offsets, ["1", "2", "4"]);
    assert_eq!(output(&cluster).len(), 3);
}

/// Writes the time without a key again and again: a record that never comes again unchanged.
struct Tick;

impl Processor<Vec<u8>, Vec<u8>, Bytes, Bytes> for Tick {
    fn init(&mut self, context: &mut Context<'_, Bytes, Bytes>) -> Result<(), BoxError> {
        context.schedule(Duration::from_millis(50), PunctuationType::WallClockTime);
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<'_, Vec<u8>, Vec<u8>>,
        context: &mut Context<'_, Bytes, Bytes>,
    ) -> Result<(), BoxError> {
        let (key, value) = (Some(record.key.clone()), Some(record.value.clone()));
        Ok(context.forward(record.with_key(&key).with_value(&value))?)
    }

    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        context: &mut Context<'_, Bytes, Bytes>,
    ) -> Result<(), BoxError> {
        let value = Some(punctuation.timestamp.to_be_bytes().to_vec());
        Ok(context.forward(Record::new(&None, &value, punctuation.timestamp, &Headers::new()))?)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_punctuation_whose_records_are_refused_each_time_does_not_keep_input_from_being_committed()
 {
    for guarantee in GUARANTEES {
        let cluster = strict_cluster();
        feed(&cluster, b"not so bad");
        let mut builder = TopologyBuilder::new();
        let source = SourceOptions::new(["in"], serde::bytes(), serde::bytes());
        let source = builder.add_source("source", source);
        let tick = builder.add_processor("tick", || Tick, &[source]);
        let bytes = || serde::option(serde::bytes());
        builder.add_sink("sink", SinkOptions::topic("out", bytes(), bytes()), &[tick]);
        let instance = continuing(builder.build().unwrap(), guarantee, &cluster);
        instance.start().await.unwrap();
        crate::harness::eventually("a record of a punctuation is dropped", || {
            assert!(instance.error().is_none(), "{:?}", instance.error());
            instance.metrics().dropped > 0
        })
        .await;
        processed(&cluster, &["in"], &[&instance]).await;
        drop(instance);
        let written = output(&cluster).len();
        let all = usize::try_from(GOOD).unwrap() + 1;
        match guarantee {
            ProcessingGuarantee::ExactlyOnceV2 => assert_eq!(written, all),
            ProcessingGuarantee::AtLeastOnce => assert!(written >= all),
        }
    }
}

/// A long key is counted by a new one, and all internal topics are small.
fn counting_by_value() -> Topology {
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in");
    stream.group_by(|_, value| value.clone()).count().stored("counts").to_stream().to("out");
    let config = in_memory(GUARANTEES[0]).set("default.dsl.store", "in_memory");
    builder.build_with(&config).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_a_repartition_topic_refuses_is_asked_about_too() {
    for guarantee in GUARANTEES {
        let cluster = crate::harness::cluster();
        for topic in ["in", "out", DEAD_LETTERS] {
            cluster.create_topic(topic, 1).unwrap();
        }
        let long = "x".repeat(300);
        for value in ["a", &long, "b"] {
            produce(&cluster, "in", "k", value, 1);
        }
        let config = in_memory(guarantee).set("topic.max.message.bytes", 200);
        let instance = start(counting_by_value(), config.clone(), &cluster).await;
        let error = failure(&instance).await;
        let topic = format!("for {APP}-counts-repartition-0 is refused");
        assert_says(&error, &["failed on in-0@1", &topic, "max.message.bytes"]);

        let handler = LogAndContinue { dead_letter_topic: Some(DEAD_LETTERS.to_owned()) };
        let builder = KafkaStreams::builder(counting_by_value(), config, cluster.clone());
        let instance = builder.production_exception_handler(handler).build().unwrap();
        instance.start().await.unwrap();
        let repartition = format!("{APP}-counts-repartition");
        processed(&cluster, &["in", &repartition], &[&instance]).await;
        instance.close(PATIENCE).await.unwrap();
        let letters = cluster.read_all(DEAD_LETTERS, IsolationLevel::ReadCommitted).unwrap();
        assert_eq!(letters.len(), 1);
        assert_eq!(letters[0].value.as_deref(), Some(long.as_bytes()));
    }
}

/// Without its row in the changelog a store would differ after the next restore, so no handler is
/// asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_changelog_refuses_stops_the_instance_and_names_the_store_and_its_task() {
    for guarantee in GUARANTEES {
        let cluster = crate::harness::cluster();
        for topic in ["in", "out", DEAD_LETTERS] {
            cluster.create_topic(topic, 1).unwrap();
        }
        produce(&cluster, "in", &"x".repeat(300), "v", 1);
        let builder = StreamsBuilder::new();
        let stream = builder.stream::<String, String>("in");
        stream.group_by_key().count().stored("counts").to_stream().to("out");
        let config = in_memory(guarantee)
            .set("default.dsl.store", "in_memory")
            .set("topic.max.message.bytes", 200);
        let topology = builder.build_with(&config).unwrap();
        let builder = KafkaStreams::builder(topology, config, cluster.clone());
        let handler = LogAndContinue { dead_letter_topic: Some(DEAD_LETTERS.to_owned()) };
        let instance = builder.production_exception_handler(handler).build().unwrap();
        instance.start().await.unwrap();
        let error = failure(&instance).await;
        assert_eq!(error.kind(), ErrorKind::Production);
        assert_says(
            &error,
            &[
                "a row of store `counts` of task 0_0 can't be written to its changelog",
                "for app-counts-changelog-0 is refused",
                "max.message.bytes",
            ],
        );
    }
}

/// A record for a producer has the same fingerprint whether its time is left to the broker or not.
#[test]
fn the_time_0_is_known_as_the_time_that_is_sent_for_it() {
    use streams_core::client::Fingerprint;

    let headers = Headers::new();
    let record = |timestamp| ProduceRecord { timestamp, key: None, value: None, headers: &headers };
    assert_eq!(Fingerprint::of(&record(0)), Fingerprint::of(&record(1)));
    assert_ne!(Fingerprint::of(&record(1)), Fingerprint::of(&record(2)));
}
