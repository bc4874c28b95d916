//! Records that are processed again after a failure, on threads of the operating system.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use streams_core::{
    Error, ErrorKind, KafkaStreams, TopicPartition,
    client::{IsolationLevel, embedded::EmbeddedCluster},
    config::{ProcessingGuarantee, StreamsConfig},
    handler::{ErrorContext, HandlerResponse, LogAndContinue, ProcessingExceptionHandler, Retry},
    runtime::UncaughtExceptionResponse,
    serde::{long, string},
    topology::Topology,
};
use streams_dsl::{Produced, StreamsBuilder};

use crate::harness::{
    APP, PATIENCE, all_committed, cluster, config, eventually, processed, produce,
};

const GUARANTEES: [ProcessingGuarantee; 2] =
    [ProcessingGuarantee::AtLeastOnce, ProcessingGuarantee::ExactlyOnceV2];

/// Two inputs with a task each: `slow` has a record that fails among others, `fast` has none.
fn topics() -> EmbeddedCluster {
    let cluster = cluster();
    for topic in ["slow", "fast", "out", "fast-out", "counts", "dead"] {
        cluster.create_topic(topic, 1).unwrap();
    }
    for n in 0..5 {
        produce(&cluster, "slow", "k", &format!("v{n}"), 1);
    }
    produce(&cluster, "slow", "k", "bad", 1);
    for n in 5..10 {
        produce(&cluster, "slow", "k", &format!("v{n}"), 1);
    }
    cluster
}

/// Counts, then checks. `fails` decides whether `bad` fails.
fn topology(fails: impl Fn() -> bool + Send + Sync + 'static) -> Topology {
    let builder = StreamsBuilder::new();
    let slow = builder.stream::<String, String>("slow");
    let counts = slow.group_by_key().count().stored("counts");
    let counts = counts.to_stream().map_values(|count| count.unwrap_or_default());
    counts.to(Produced::topic("counts").with(string(), long()));
    let checked = slow.try_map_values(move |value| {
        if value == "bad" && fails() { Err("it is bad") } else { Ok(value.clone()) }
    });
    checked.named("check").to("out");
    builder.stream::<String, String>("fast").to("fast-out");
    let settings = StreamsConfig::new(APP, "embedded:9092").set("default.dsl.store", "in_memory");
    builder.build_with(&settings).unwrap()
}

async fn start(
    topology: Topology,
    settings: StreamsConfig,
    handler: impl ProcessingExceptionHandler + 'static,
    cluster: &EmbeddedCluster,
) -> KafkaStreams {
    let settings =
        settings.set("default.dsl.store", "in_memory").set("statestore.cache.max.bytes", 0);
    let instance = KafkaStreams::builder(topology, settings, cluster.clone());
    let instance = instance.processing_exception_handler(handler).build().unwrap();
    instance.start().await.unwrap();
    instance
}

fn values(cluster: &EmbeddedCluster, topic: &str) -> Vec<String> {
    let records = cluster.read_all(topic, IsolationLevel::ReadCommitted).unwrap();
    records.into_iter().map(|record| String::from_utf8(record.value.unwrap()).unwrap()).collect()
}

fn committed(cluster: &EmbeddedCluster, topic: &str) -> Option<i64> {
    let place = TopicPartition::new(topic, 0);
    cluster.committed(APP).get(&place).map(|committed| committed.offset)
}

fn all_but_bad() -> Vec<String> {
    (0..10).map(|n| format!("v{n}")).collect()
}

/// The pauses together are longer than a transaction may take. One stream thread has both tasks.
#[tokio::test(flavor = "multi_thread")]
async fn a_poison_record_ends_as_a_dead_letter_while_others_go_on() {
    for guarantee in GUARANTEES {
        let cluster = topics();
        let attempts = Arc::new(AtomicU32::new(0));
        let counted = attempts.clone();
        let topology = topology(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            true
        });
        let directory = tempfile::tempdir().unwrap();
        let settings =
            config(directory.path(), guarantee).set("producer.transaction.timeout.ms", 1_000);
        let handler = Retry::new(3, Duration::from_millis(200))
            .then(LogAndContinue::with_dead_letters("dead"));
        let instance = start(topology, settings, handler, &cluster).await;
        eventually("the record has failed", || attempts.load(Ordering::SeqCst) > 0).await;
        for n in 0..10 {
            produce(&cluster, "fast", "k", &format!("f{n}"), 1);
        }
        eventually("the other task is done, and what came before is committed", || {
            all_committed(&cluster, &["fast"]) && committed(&cluster, "slow") == Some(5)
        })
        .await;
        assert!(attempts.load(Ordering::SeqCst) < 4, "the others have waited for the record");
        assert_eq!(values(&cluster, "fast-out").len(), 10);
        assert_eq!(values(&cluster, "out"), all_but_bad()[..5]);
        assert_eq!(values(&cluster, "dead"), [""; 0]);

        processed(&cluster, &["slow"], &[&instance]).await;
        instance.close(PATIENCE).await.unwrap();
        assert_eq!(attempts.load(Ordering::SeqCst), 4);
        assert_eq!(values(&cluster, "out"), all_but_bad());
        let counts = cluster.read_all("counts", IsolationLevel::ReadCommitted).unwrap();
        let counts: Vec<i64> = counts
            .into_iter()
            .map(|record| i64::from_be_bytes(record.value.unwrap().try_into().unwrap()))
            .collect();
        assert_eq!(counts, (1..=11).collect::<Vec<_>>(), "{guarantee:?}");

        let letters = cluster.read_all("dead", IsolationLevel::ReadCommitted).unwrap();
        let [letter] = letters.as_slice() else { panic!("not one dead letter: {letters:?}") };
        assert_eq!(letter.value.as_deref(), Some(&b"bad"[..]));
        let headers: BTreeMap<_, _> = letter
            .headers
            .iter()
            .map(|(name, value)| (name, String::from_utf8_lossy(value.unwrap_or(b"")).into_owned()))
            .collect();
        let prefix = "__streams.errors.";
        let header = |name: &str| headers.get(&*format!("{prefix}{name}")).map(String::as_str);
        assert_eq!(
            ["topic", "partition", "offset", "exception"].map(header),
            [Some("slow"), Some("0"), Some("5"), Some("Processing")]
        );
        assert!(header("message").unwrap().contains("it is bad"), "{headers:?}");
        assert!(header("stacktrace").unwrap().contains("check"), "{headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_closed_between_attempts_leaves_the_record_to_the_next_owner() {
    for guarantee in GUARANTEES {
        let cluster = topics();
        let fails = Arc::new(AtomicBool::new(true));
        let attempts = Arc::new(AtomicU32::new(0));
        let (still, counted) = (fails.clone(), attempts.clone());
        let flaky = topology(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            still.load(Ordering::SeqCst)
        });
        let directory = tempfile::tempdir().unwrap();
        let handler = || Retry::new(9, Duration::from_secs(3_600)).then(LogAndContinue::default());
        let settings = config(directory.path(), guarantee);
        let first = start(flaky, settings.clone(), handler(), &cluster).await;
        eventually("the record has failed", || attempts.load(Ordering::SeqCst) > 0).await;
        first.close(PATIENCE).await.unwrap();
        assert_eq!(committed(&cluster, "slow"), Some(5));
        assert_eq!(values(&cluster, "out"), all_but_bad()[..5]);

        let second = start(topology(|| false), settings, handler(), &cluster).await;
        processed(&cluster, &["slow"], &[&second]).await;
        second.close(PATIENCE).await.unwrap();
        let mut expected = all_but_bad();
        expected.insert(5, "bad".to_owned());
        assert_eq!(values(&cluster, "out"), expected);
        let counts = cluster.read_all("counts", IsolationLevel::ReadCommitted).unwrap();
        assert_eq!(counts.len(), 11, "{guarantee:?}");
    }
}

/// Retries once, and then panics.
struct Panicking;

impl ProcessingExceptionHandler for Panicking {
    fn handle(&self, context: &ErrorContext<'_>, error: &Error) -> HandlerResponse {
        assert!(context.can_retry && context.attempt == 1, "no answer for {error}");
        HandlerResponse::retry(Duration::from_millis(10))
    }

    fn may_retry(&self) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_leaves_the_record_uncommitted() {
    let cluster = topics();
    let directory = tempfile::tempdir().unwrap();
    let settings = config(directory.path(), ProcessingGuarantee::ExactlyOnceV2);
    let instance = start(topology(|| true), settings.clone(), Panicking, &cluster).await;
    instance.on_uncaught_exception(|_| UncaughtExceptionResponse::ShutdownClient);
    eventually("the instance has failed", || instance.error().is_some()).await;
    assert_eq!(instance.error().unwrap().kind(), ErrorKind::Panic);
    let _ = instance.close(PATIENCE).await; // It has failed.
    assert!(committed(&cluster, "slow").is_none_or(|offset| offset <= 5));
    let second = start(topology(|| false), settings, Panicking, &cluster).await;
    processed(&cluster, &["slow"], &[&second]).await;
    second.close(PATIENCE).await.unwrap();
    assert_eq!(values(&cluster, "out").len(), 11);
}
