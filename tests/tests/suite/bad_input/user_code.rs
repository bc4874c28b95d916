//! Records on which user code fails, and topologies that can't be built.

use std::time::Duration;

use streams_core::{
    BoxError, ErrorKind, Record,
    config::{ProcessingHandlerChoice, StreamsConfig},
    processor::{Context, Processor, Punctuation, PunctuationType},
    serde,
    store::Stores,
    testing::TopologyTestDriver,
    topology::{SinkOptions, SourceOptions, Topology, TopologyBuilder},
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

/// Forwards records, and fails in its punctuation.
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

/// A processor that needs something that its `init` could not get.
#[derive(Default)]
struct Needs {
    ready: bool,
    /// True if `init` or the flush at the commit fails.
    fails_late: bool,
}

impl Processor<String, i64, String, i64> for Needs {
    fn init(&mut self, _context: &mut Context<'_, String, i64>) -> Result<(), BoxError> {
        if self.fails_late { Ok(()) } else { Err("the lookup table can't be loaded".into()) }
    }

    fn process(
        &mut self,
        record: Record<'_, String, i64>,
        context: &mut Context<'_, String, i64>,
    ) -> Result<(), BoxError> {
        let ready = i64::from(self.ready);
        Ok(context.forward(record.with_value(&ready))?)
    }

    fn flush(&mut self, _context: &mut Context<'_, String, i64>) -> Result<(), BoxError> {
        Err("the cache is out of reach".into())
    }
}

/// A topology with the processor `needs`, which forwards for a cached store.
fn needing(fails_late: bool) -> Topology {
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::new(["in"], serde::string(), serde::long());
    let source = builder.add_source("source", source);
    let needs = move || Needs { fails_late, ..Needs::default() };
    let node = builder.add_processor("needs", needs, &[source]);
    let cache = Stores::key_value("cache", serde::string(), serde::long()).in_memory();
    let cache = builder.add_state_store(cache.with_caching_enabled());
    builder.connect(node.id(), cache);
    builder.flush_with(cache, node.id());
    builder.add_sink("sink", SinkOptions::topic("out", serde::string(), serde::long()), &[node]);
    builder.build().unwrap()
}

/// With a handler that continues, a failing `init` was logged and ignored: the processor then ran
/// without what it needs. Handlers decide on records and punctuations only, as in Java.
#[tokio::test(flavor = "multi_thread")]
async fn an_init_that_fails_ends_the_thread_whatever_the_handler_says() {
    for guarantee in GUARANTEES {
        let cluster = one_partition();
        feed(&cluster, &0_i64.to_be_bytes());
        let config = in_memory(guarantee)
            .processing_exception_handler(ProcessingHandlerChoice::LogAndContinue);
        let instance = start(needing(false), config, &cluster).await;
        let error = failure(&instance).await;
        assert_eq!(error.kind(), ErrorKind::Processing);
        let text = "`init` of node `needs` failed in task 0_0: the lookup table can't be loaded";
        assert_says(&error, &[text]);
        assert_eq!(cluster.end_offset("out", 0).unwrap(), 0, "nothing was processed");
    }
}

#[test]
fn an_init_or_a_flush_that_fails_is_an_error_of_the_test_driver_though_its_handler_continues() {
    let config = || {
        StreamsConfig::new("app", "unused:9092")
            .processing_exception_handler(ProcessingHandlerChoice::LogAndContinue)
    };
    let error = TopologyTestDriver::new(&needing(false), config()).unwrap_err();
    assert_says(&error, &["`init` of node `needs` failed in task 0_0"]);
    let driver = TopologyTestDriver::new(&needing(true), config()).unwrap();
    let mut input = driver.input_topic("in", serde::string(), serde::long());
    let error = input.pipe_input("k".to_owned(), 1, 0).unwrap_err();
    assert_says(&error, &["`flush` of node `needs` failed in task 0_0: the cache is out of reach"]);
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
