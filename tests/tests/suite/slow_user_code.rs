//! User code that takes its time: the thread still commits, punctuates and keeps its membership.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use streams_core::{
    BoxError, KafkaStreams, Record, TopicPartition,
    client::embedded::{ClusterSettings, EmbeddedCluster},
    config::ProcessingGuarantee::{self, AtLeastOnce, ExactlyOnceV2},
    processor::{Context, Processor, PunctuationType},
    runtime::State,
    serde::string,
    time::{Clock, SystemClock},
    topology::{SourceOptions, Topology, TopologyBuilder},
};
use streams_dsl::StreamsBuilder;

use crate::harness::{APP, PATIENCE, config, eventually, processed, produce};

/// A cluster that aborts a transaction after this time, and sends each record at once, like a
/// client whose linger is shorter than the time per record.
fn impatient_cluster(transaction_timeout: Duration) -> EmbeddedCluster {
    let settings =
        ClusterSettings { transaction_timeout, batch_bytes_max: 1, ..ClusterSettings::default() };
    EmbeddedCluster::with_settings(Arc::new(SystemClock), settings)
}

/// Copies `in` to `out`, with this much time per record.
fn slow_copy(per_record: Duration) -> Topology {
    let builder = StreamsBuilder::new();
    let slow =
        builder.stream::<String, String>("in").peek(move |_, _| SystemClock.sleep(per_record));
    slow.to("out");
    builder.build().unwrap()
}

fn committed(cluster: &EmbeddedCluster) -> i64 {
    cluster
        .committed(APP)
        .get(&TopicPartition::new("in", 0))
        .map_or(0, |committed| committed.offset)
}

fn start(
    topology: Topology,
    cluster: &EmbeddedCluster,
    guarantee: ProcessingGuarantee,
    set: impl FnOnce(streams_core::config::StreamsConfig) -> streams_core::config::StreamsConfig,
) -> (KafkaStreams, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), guarantee)
        .commit_interval(Duration::from_millis(50))
        .session_timeout(Duration::from_secs(60));
    let instance =
        KafkaStreams::with_client_supplier(topology, set(config), cluster.clone()).unwrap();
    (instance, directory)
}

/// A turn took a thousand records, so with five milliseconds for each it outlasted the transaction:
/// as long as there was a backlog nothing was ever committed.
#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_of_slow_records_is_committed_bit_by_bit_exactly_once() {
    let cluster = impatient_cluster(Duration::from_millis(500));
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 1).unwrap();
    for n in 0..400 {
        produce(&cluster, "in", "k", &n.to_string(), 1);
    }
    let topology = slow_copy(Duration::from_millis(5));
    let (instance, _directory) = start(topology, &cluster, ExactlyOnceV2, |config| config);
    instance.start().await.unwrap();
    eventually("a part is committed", || committed(&cluster) > 0).await;
    assert!(committed(&cluster) < 400, "the first commit comes long before the end");
    processed(&cluster, &["in"], &[&instance]).await;
    instance.close(PATIENCE).await.unwrap();
    let records = cluster.read_all("out", streams_core::client::IsolationLevel::ReadCommitted);
    assert_eq!(records.unwrap().len(), 400);
}

/// Wall-clock punctuations waited for the turn, which lasted as long as a thousand records.
#[tokio::test(flavor = "multi_thread")]
async fn punctuations_come_in_time_between_slow_records() {
    struct Ticking(Arc<AtomicU64>, Arc<AtomicU64>);
    impl Processor<String, String, String, String> for Ticking {
        fn init(&mut self, context: &mut Context<'_, String, String>) -> Result<(), BoxError> {
            context.schedule(Duration::from_millis(20), PunctuationType::WallClockTime);
            Ok(())
        }

        fn process(
            &mut self,
            _: Record<'_, String, String>,
            _: &mut Context<'_, String, String>,
        ) -> Result<(), BoxError> {
            SystemClock.sleep(Duration::from_millis(5));
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }

        fn punctuate(
            &mut self,
            _: streams_core::processor::Punctuation,
            _: &mut Context<'_, String, String>,
        ) -> Result<(), BoxError> {
            self.1.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }
    let cluster = impatient_cluster(Duration::from_secs(10));
    cluster.create_topic("in", 1).unwrap();
    for n in 0..200 {
        produce(&cluster, "in", "k", &n.to_string(), 1);
    }
    let (records, ticks) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let seen = (records.clone(), ticks.clone());
    let mut builder = TopologyBuilder::new();
    let source = builder.add_source("source", SourceOptions::new(["in"], string(), string()));
    let made = move || Ticking(seen.0.clone(), seen.1.clone());
    let _: streams_core::topology::NodeRef<String, String> =
        builder.add_processor("ticking", made, &[source]);
    let topology = builder.build().unwrap();
    let (instance, _directory) = start(topology, &cluster, AtLeastOnce, |config| config);
    instance.start().await.unwrap();
    eventually("half is processed", || records.load(Ordering::SeqCst) >= 100).await;
    // Half a second of work has room for some 25; a slow machine makes records slower, and leaves
    // room for more.
    let ticked = ticks.load(Ordering::SeqCst);
    assert!(ticked >= 5, "{ticked} punctuations while 100 records took 5 ms each");
    instance.close(PATIENCE).await.unwrap();
}

/// It was retried for ever, and nothing named the record.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_slower_than_a_transaction_may_be_ends_the_thread_by_name() {
    let cluster = impatient_cluster(Duration::from_secs(10));
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 1).unwrap();
    produce(&cluster, "in", "k", "slow", 1);
    let topology = slow_copy(Duration::from_millis(400));
    let (instance, _directory) = start(topology, &cluster, ExactlyOnceV2, |config| {
        config.set("producer.transaction.timeout.ms", 300)
    });
    instance.start().await.unwrap();
    instance.wait_for(&[State::Error], PATIENCE).await;
    let error = instance.error().unwrap().to_string();
    for part in ["task 0_0", "in-0@0", "producer.transaction.timeout.ms"] {
        assert!(error.contains(part), "{error}");
    }
}

/// The instance reported `Running`, and the group passed the record from one instance to the next,
/// blocking each of them.
#[tokio::test(flavor = "multi_thread")]
async fn user_code_that_does_not_come_back_is_seen_in_the_state_and_named_when_the_instance_is_closed()
 {
    let cluster = impatient_cluster(Duration::from_secs(10));
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 1).unwrap();
    let builder = StreamsBuilder::new();
    let (release, hold) = std::sync::mpsc::channel::<()>();
    let hold = std::sync::Mutex::new(hold);
    let held = builder.stream::<String, String>("in").peek(move |_, _| {
        // Until the test has seen the expected state, or is over.
        let _ = hold.lock().unwrap().recv();
    });
    held.to("out");
    let topology = builder.build().unwrap();
    let (instance, _directory) =
        start(topology, &cluster, AtLeastOnce, |config| config.set("max.poll.interval.ms", 500));
    instance.start().await.unwrap();
    assert_eq!(instance.wait_for(&[State::Running], PATIENCE).await, State::Running);
    produce(&cluster, "in", "k", "v", 1);
    assert_eq!(instance.wait_for(&[State::Rebalancing], PATIENCE).await, State::Rebalancing);
    let error = instance.close(Duration::from_millis(100)).await.unwrap_err().to_string();
    assert!(error.contains("task 0_0 at in-0@0"), "{error}");
    drop(release);
    instance.close(PATIENCE).await.unwrap();
}
