//! Records that can't be written.

use std::sync::Arc;

use streams_core::{
    BoxError, ErrorKind, KafkaStreams, Record,
    client::{
        IsolationLevel,
        embedded::{ClusterSettings, EmbeddedCluster},
    },
    config::DeserializationHandlerChoice,
    handler::LogAndContinue,
    processor::{Context, Processor},
    serde,
    time::SystemClock,
    topology::{SinkOptions, SourceOptions, Topology, TopologyBuilder},
};

use super::{
    BAD_OFFSET, DEAD_LETTERS, GOOD, GUARANTEES, assert_dead_letter, assert_says, failure, feed,
    in_memory, start, summing_topology, sums,
};
use crate::harness::{APP, PATIENCE, last_counts, processed};

/// Larger than the cluster accepts once it is doubled.
const BAD: &[u8] = &[7; 80];

fn small_records() -> EmbeddedCluster {
    let settings = ClusterSettings { record_bytes_max: 100, ..ClusterSettings::default() };
    let cluster = EmbeddedCluster::with_settings(Arc::new(SystemClock), settings);
    for topic in ["in", "out", DEAD_LETTERS] {
        cluster.create_topic(topic, 1).unwrap();
    }
    cluster
}

/// `in` → each value twice → `out`.
fn doubling_topology() -> Topology {
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::new(["in"], serde::bytes(), serde::bytes());
    let source = builder.add_source("source", source);
    let double = builder.add_processor("double", || Double, &[source]);
    let sink = SinkOptions::topic("out", serde::bytes(), serde::bytes());
    builder.add_sink("sink", sink, &[double]);
    builder.build().unwrap()
}

struct Double;

impl Processor<Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>> for Double {
    fn process(
        &mut self,
        record: Record<'_, Vec<u8>, Vec<u8>>,
        context: &mut Context<'_, Vec<u8>, Vec<u8>>,
    ) -> Result<(), BoxError> {
        Ok(context.forward(record.with_value(&record.value.repeat(2)))?)
    }
}

fn output(cluster: &EmbeddedCluster) -> Vec<Vec<u8>> {
    let records = cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap();
    records.into_iter().map(|record| record.value.unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_too_large_stops_the_instance_and_is_named_by_its_input_and_output() {
    for guarantee in GUARANTEES {
        let cluster = small_records();
        feed(&cluster, BAD);
        let instance = start(doubling_topology(), in_memory(guarantee), &cluster).await;
        let error = failure(&instance).await;
        assert_eq!(error.kind(), ErrorKind::Production);
        assert_says(
            &error,
            &[
                "sink `sink` failed on in-0@123",
                "a record of 163 bytes for out-0 is larger than 100 bytes",
                "the handler of production.exception.handler stops at this record",
            ],
        );
        assert!(output(&cluster).len() <= usize::try_from(BAD_OFFSET).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_too_large_can_be_dropped_and_sent_as_a_dead_letter_as_it_was_read() {
    for guarantee in GUARANTEES {
        let cluster = small_records();
        feed(&cluster, BAD);
        let handler = LogAndContinue { dead_letter_topic: Some(DEAD_LETTERS.to_owned()) };
        let builder =
            KafkaStreams::builder(doubling_topology(), in_memory(guarantee), cluster.clone());
        let instance = builder.production_exception_handler(handler).build().unwrap();
        instance.start().await.unwrap();
        processed(&cluster, &["in"], &[&instance]).await;
        instance.close(PATIENCE).await.unwrap();
        assert_eq!(instance.metrics().dropped, 1);
        let expected: Vec<Vec<u8>> = (0..GOOD).map(|value| value.to_be_bytes().repeat(2)).collect();
        assert_eq!(output(&cluster), expected, "{guarantee:?}");
        assert_dead_letter(&cluster, BAD, "sink `sink` failed on in-0@123", "163 bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_sink_topic_is_named_with_its_sink_and_nothing_is_lost_once_it_is_there() {
    for guarantee in GUARANTEES {
        let cluster = crate::harness::cluster();
        cluster.create_topic("in", 1).unwrap();
        feed(&cluster, &0_i64.to_be_bytes());
        let first = start(summing_topology(Ok), in_memory(guarantee), &cluster).await;
        let error = failure(&first).await;
        assert_eq!(error.kind(), ErrorKind::InvalidTopic);
        assert_says(
            &error,
            &[
                "sink `sink` could not write in-0@0",
                "the topic of a sink must exist; create it, then start again",
                "topic `out` does not exist",
            ],
        );

        cluster.create_topic("out", 1).unwrap();
        let second = start(summing_topology(Ok), in_memory(guarantee), &cluster).await;
        processed(&cluster, &["in"], &[&second]).await;
        second.close(PATIENCE).await.unwrap();
        let mut expected = sums();
        expected.insert("bad".to_owned(), 0);
        assert_eq!(last_counts(&cluster, "out"), expected, "{guarantee:?}");
    }
}

/// A user whose second topology used the `application.id` of another was told to create an internal
/// topic.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_internal_topic_is_explained_and_nobody_is_told_to_create_it() {
    let cluster = crate::harness::cluster();
    cluster.create_topic("in", 1).unwrap();
    feed(&cluster, &0_i64.to_be_bytes());
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::new(["in"], serde::bytes(), serde::bytes());
    let source = builder.add_source("source", source);
    let topic = format!("{APP}-by-value-repartition");
    builder.add_sink("sink", SinkOptions::topic(&topic, serde::bytes(), serde::bytes()), &[source]);
    let instance = start(builder.build().unwrap(), in_memory(GUARANTEES[0]), &cluster).await;
    let error = failure(&instance).await;
    let id = format!("another topology uses the application.id `{APP}`");
    assert_says(&error, &["sink `sink` could not write in-0@0", &topic, &id]);
    assert!(!error.to_string().contains("create it"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_is_too_large_itself_stops_the_instance_with_both_reasons() {
    let cluster = small_records();
    let config = in_memory(GUARANTEES[0])
        .deserialization_exception_handler(DeserializationHandlerChoice::LogAndContinue)
        .dead_letter_queue_topic(DEAD_LETTERS);
    feed(&cluster, &[7; 200]);
    let instance = start(summing_topology(Ok), config, &cluster).await;
    let error = failure(&instance).await;
    assert_says(
        &error,
        &[
            "source `source` can't read the value of in-0@123",
            "its dead letter can't be written to topic `dead-letters`",
            "a record of 203 bytes for dead-letters-0 is larger than 100 bytes",
        ],
    );
}
