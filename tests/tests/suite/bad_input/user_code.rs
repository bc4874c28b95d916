//! Records on which user code fails, and topologies that can't be built.

use std::time::Duration;

use streams_core::{
    BoxError, ErrorKind, Record,
    config::ProcessingHandlerChoice,
    processor::{Context, Processor, Punctuation, PunctuationType},
    serde,
    topology::{SinkOptions, SourceOptions, TopologyBuilder},
};
use streams_dsl::StreamsBuilder;

use super::{
    DEAD_LETTERS, GUARANTEES, assert_dead_letter, assert_says, failure, feed, in_memory,
    one_partition, start, summing_topology, sums,
};
use crate::harness::{PATIENCE, last_counts, processed};

fn refuse_negative(value: i64) -> Result<i64, BoxError> {
    if value < 0 { Err(format!("{value} is negative").into()) } else { Ok(value) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_user_code_refuses_stops_the_instance_and_passes_once_the_code_is_corrected()
{
    for guarantee in GUARANTEES {
        let cluster = one_partition();
        feed(&cluster, &(-5_i64).to_be_bytes());
        let first = start(summing_topology(refuse_negative), in_memory(guarantee), &cluster).await;
        let error = failure(&first).await;
        assert_eq!(error.kind(), ErrorKind::Processing);
        assert_says(
            &error,
            &[
                "node `sum` failed on in-0@123: -5 is negative",
                "the handler of processing.exception.handler stops at this record",
            ],
        );

        let second = start(summing_topology(Ok), in_memory(guarantee), &cluster).await;
        processed(&cluster, &["in"], &[&second]).await;
        second.close(PATIENCE).await.unwrap();
        let mut expected = sums();
        expected.insert("bad".to_owned(), -5);
        assert_eq!(last_counts(&cluster, "out"), expected, "{guarantee:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_user_code_refuses_can_be_dropped_with_or_without_a_dead_letter() {
    for guarantee in GUARANTEES {
        for dead_letter in [false, true] {
            let cluster = one_partition();
            cluster.create_topic(DEAD_LETTERS, 1).unwrap();
            let bad = (-5_i64).to_be_bytes();
            feed(&cluster, &bad);
            let mut config = in_memory(guarantee)
                .processing_exception_handler(ProcessingHandlerChoice::LogAndContinue);
            if dead_letter {
                config = config.dead_letter_queue_topic(DEAD_LETTERS);
            }
            let instance = start(summing_topology(refuse_negative), config, &cluster).await;
            processed(&cluster, &["in"], &[&instance]).await;
            instance.close(PATIENCE).await.unwrap();
            assert_eq!(instance.metrics().dropped, 1);
            assert_eq!(last_counts(&cluster, "out"), sums(), "{guarantee:?}");
            if dead_letter {
                assert_dead_letter(&cluster, &bad, "sum", "-5 is negative");
            } else {
                assert!(super::dead_letters(&cluster).is_empty());
            }
        }
    }
}

/// Passes records on, and fails in its punctuation.
struct FailingPunctuation;

impl Processor<String, i64, String, i64> for FailingPunctuation {
    fn init(&mut self, context: &mut Context<'_, String, i64>) -> Result<(), BoxError> {
        context.schedule(Duration::from_millis(200), PunctuationType::StreamTime);
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<'_, String, i64>,
        context: &mut Context<'_, String, i64>,
    ) -> Result<(), BoxError> {
        Ok(context.forward(record)?)
    }

    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        _context: &mut Context<'_, String, i64>,
    ) -> Result<(), BoxError> {
        if punctuation.timestamp >= 400 { Err("the clock is wrong".into()) } else { Ok(()) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_punctuation_that_fails_is_not_blamed_on_the_record_before_it() {
    let cluster = one_partition();
    feed(&cluster, &0_i64.to_be_bytes());
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::new(["in"], serde::string(), serde::long());
    let source = builder.add_source("source", source);
    let node = builder.add_processor("clock", || FailingPunctuation, &[source]);
    builder.add_sink("sink", SinkOptions::topic("out", serde::string(), serde::long()), &[node]);
    let instance = start(builder.build().unwrap(), in_memory(GUARANTEES[0]), &cluster).await;
    let error = failure(&instance).await;
    assert_says(&error, &["node `clock` failed on a punctuation at 400: the clock is wrong"]);
}

#[test]
fn a_missing_serde_is_reported_with_node_type_and_the_line_of_the_program() {
    #[derive(Clone)]
    struct Order;

    let builder = StreamsBuilder::new();
    let orders = builder.stream::<String, Order>("orders");
    let line = line!() - 1;
    orders.filter(|_, _| true).to("others");
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Topology);
    let source = "node `KSTREAM-SOURCE-0000000000` needs a serde for its value";
    let sink = "node `KSTREAM-SINK-0000000002` needs a serde for its value";
    let place = |line| format!("{}:{line}:", file!());
    assert_says(&error, &[source, sink, "::Order`", &place(line), &place(line + 2)]);
}
