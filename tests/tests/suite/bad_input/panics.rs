//! User code that panics.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use streams_core::{
    BoxError, ErrorKind, KafkaStreams, Record,
    processor::{Context, ExtractTimestamp, Processor, Punctuation, PunctuationType},
    runtime::{State, UncaughtExceptionResponse},
    serde::{long, string},
    time::{Clock, SystemClock},
    topology::{SinkOptions, SourceOptions, TopologyBuilder},
};
use streams_dsl::StreamsBuilder;

use super::{
    GUARANTEES, assert_says, failure, feed, in_memory, one_partition, start, summing_topology, sums,
};
use crate::harness::{PATIENCE, last_counts, processed};

/// The value of the record at which user code panics.
const BAD: i64 = -5;

/// Panics at [`BAD`] while `panics` is set.
fn panic_while(panics: Arc<AtomicBool>) -> impl Fn(i64) -> Result<i64, BoxError> + Send + Sync {
    move |value| {
        assert!(value != BAD || !panics.load(Ordering::SeqCst), "no order costs {value}");
        Ok(value)
    }
}

fn expected() -> std::collections::BTreeMap<String, i64> {
    let mut expected = sums();
    expected.insert("bad".to_owned(), BAD);
    expected
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thread_that_panicked_is_replaced_and_processes_the_record_again() {
    for guarantee in GUARANTEES {
        let cluster = one_partition();
        feed(&cluster, &BAD.to_be_bytes());
        let panics = Arc::new(AtomicBool::new(true));
        let topology = summing_topology(panic_while(panics.clone()));
        let instance =
            KafkaStreams::with_client_supplier(topology, in_memory(guarantee), cluster.clone())
                .unwrap();
        let asked = Arc::new(AtomicU32::new(0));
        instance.on_uncaught_exception({
            let asked = asked.clone();
            move |error| {
                assert_eq!(error.kind(), ErrorKind::Panic);
                let place =
                    "node `sum` of task 0_0 at in-0@123: user code panicked: no order costs -5";
                assert_says(error, &[place]);
                asked.fetch_add(1, Ordering::SeqCst);
                panics.store(false, Ordering::SeqCst);
                UncaughtExceptionResponse::ReplaceThread
            }
        });
        instance.start().await.unwrap();
        processed(&cluster, &["in"], &[&instance]).await;
        instance.close(PATIENCE).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert_eq!(last_counts(&cluster, "out"), expected(), "{guarantee:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_panicked_is_closed_and_another_takes_over_at_once() {
    for guarantee in GUARANTEES {
        let cluster = one_partition();
        feed(&cluster, &BAD.to_be_bytes());
        let topology = summing_topology(panic_while(Arc::new(AtomicBool::new(true))));
        let first =
            KafkaStreams::with_client_supplier(topology, in_memory(guarantee), cluster.clone())
                .unwrap();
        first.on_uncaught_exception(|_| UncaughtExceptionResponse::ShutdownClient);
        first.start().await.unwrap();
        let error = failure(&first).await;
        assert_eq!((error.kind(), first.state()), (ErrorKind::Panic, State::NotRunning));

        let second = start(summing_topology(Ok), in_memory(guarantee), &cluster).await;
        processed(&cluster, &["in"], &[&second]).await;
        second.close(PATIENCE).await.unwrap();
        assert_eq!(last_counts(&cluster, "out"), expected(), "{guarantee:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uncaught_exception_handler_that_panics_closes_the_instance() {
    let cluster = one_partition();
    feed(&cluster, &BAD.to_be_bytes());
    let topology = summing_topology(panic_while(Arc::new(AtomicBool::new(true))));
    let instance =
        KafkaStreams::with_client_supplier(topology, in_memory(GUARANTEES[0]), cluster.clone())
            .unwrap();
    instance.on_uncaught_exception(|_| panic!("the handler has a bug too"));
    instance.start().await.unwrap();
    assert_says(&failure(&instance).await, &["in-0@123: user code panicked: no order costs -5"]);
}

/// The message had task and record, but with a dozen operators one had to guess which of them it
/// was.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_an_operator_of_the_dsl_names_the_operator_and_one_in_a_serde_the_source() {
    let cluster = one_partition();
    feed(&cluster, &BAD.to_be_bytes());
    let check = panic_while(Arc::new(AtomicBool::new(true)));
    let builder = StreamsBuilder::new();
    let numbers = builder.stream::<String, i64>("in").filter(|_, _| true).named("all");
    let checked = numbers.map_values(move |value| check(*value).unwrap_or_default()).named("check");
    checked.filter(|_, _| true).to("out");
    let instance = start(builder.build().unwrap(), in_memory(GUARANTEES[0]), &cluster).await;
    assert_says(&failure(&instance).await, &["node `check` of task 0_0 at in-0@123: user code"]);

    let mut builder = TopologyBuilder::new();
    let extractor = |asked: &ExtractTimestamp<'_, String, i64>| -> Result<i64, BoxError> {
        assert!(*asked.record.value != BAD, "no time for {}", asked.record.value);
        Ok(asked.record.timestamp)
    };
    let options = SourceOptions::new(["in"], string(), long());
    let options = options.with_timestamp_extractor(Arc::new(extractor));
    let source = builder.add_source("orders", options);
    builder.add_sink("sink", SinkOptions::topic("out", string(), long()), &[source]);
    let instance = start(builder.build().unwrap(), in_memory(GUARANTEES[1]), &cluster).await;
    assert_says(&failure(&instance).await, &["node `orders` of task 0_0 at in-0@123: user code"]);
}

/// Panics in a punctuation.
struct Tick(PunctuationType);

impl Processor<String, i64, String, i64> for Tick {
    fn init(&mut self, context: &mut Context<'_, String, i64>) -> Result<(), BoxError> {
        context.schedule(Duration::from_millis(50), self.0);
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
        _punctuation: Punctuation,
        _context: &mut Context<'_, String, i64>,
    ) -> Result<(), BoxError> {
        panic!("out of cheese")
    }
}

/// It was `a punctuation at 1795880506514`, without a node.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_a_punctuation_names_the_node_and_the_date() {
    for kind in [PunctuationType::WallClockTime, PunctuationType::StreamTime] {
        let cluster = one_partition();
        crate::harness::produce(&cluster, "in", "k", "12345678", SystemClock.now_ms());
        let mut builder = TopologyBuilder::new();
        let source = builder.add_source("source", SourceOptions::new(["in"], string(), long()));
        let tick = builder.add_processor("tick", move || Tick(kind), &[source]);
        builder.add_sink("sink", SinkOptions::topic("out", string(), long()), &[tick]);
        let instance = start(builder.build().unwrap(), in_memory(GUARANTEES[0]), &cluster).await;
        let text = failure(&instance).await.to_string();
        let (before, after) =
            text.split_once("node `tick` of task 0_0 at a punctuation at ").unwrap();
        assert_eq!(before, "", "{text}");
        let (date, after) = after.split_once(": ").unwrap();
        assert_eq!((date.len(), &date[..2], &date[10..11]), (24, "20", "T"), "{text}");
        assert!(after.ends_with("out of cheese"), "{text}");
    }
}
