//! A cluster that serves only some of the calls.

use std::time::Duration;

use streams_core::{
    Headers, KafkaStreams, TopicPartition,
    client::{
        IsolationLevel, ProduceRecord,
        embedded::{EmbeddedCluster, Fault, FaultInjector, Operation, OperationKind},
    },
    config::{
        ProcessingGuarantee::{self, AtLeastOnce, ExactlyOnceV2},
        StreamsConfig,
    },
    topology::Topology,
};
use streams_dsl::StreamsBuilder;

use crate::harness::{
    APP, PATIENCE, all_committed, cluster, config, eventually, processed, produce,
};

fn copy() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("out");
    builder.build().unwrap()
}

fn topics(partitions: i32) -> EmbeddedCluster {
    let cluster = cluster();
    cluster.create_topic("in", partitions).unwrap();
    cluster.create_topic("out", 1).unwrap();
    cluster
}

fn instance(
    cluster: &EmbeddedCluster,
    guarantee: ProcessingGuarantee,
) -> (KafkaStreams, tempfile::TempDir) {
    instance_with(cluster, guarantee, |config| config)
}

fn instance_with(
    cluster: &EmbeddedCluster,
    guarantee: ProcessingGuarantee,
    set: impl FnOnce(StreamsConfig) -> StreamsConfig,
) -> (KafkaStreams, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let config = set(config(directory.path(), guarantee).session_timeout(Duration::from_secs(60)));
    let instance = KafkaStreams::with_client_supplier(copy(), config, cluster.clone()).unwrap();
    (instance, directory)
}

fn produce_to(cluster: &EmbeddedCluster, partition: i32, value: &str) {
    let (key, value) = (Some(&b"k"[..]), Some(value.as_bytes()));
    let record = ProduceRecord { timestamp: 1, key, value, headers: &Headers::new() };
    cluster.produce("in", Some(partition), record).unwrap();
}

fn written(cluster: &EmbeddedCluster) -> usize {
    cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap().len()
}

/// Refuses this many calls of a kind, without effect.
#[derive(Debug)]
struct Refuse(OperationKind, u32);

impl FaultInjector for Refuse {
    fn before(&mut self, operation: Operation<'_>) -> Fault {
        if operation.kind == self.0 && self.1 > 0 {
            self.1 -= 1;
            return Fault::Unavailable;
        }
        Fault::None
    }
}

/// A group that completes a rebalance accepts no offsets for a moment. The work since the last
/// commit was thrown away and repeated: up to 30 s of it, with as many results twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_had_no_effect_is_completed_later_and_repeats_no_work() {
    for (guarantee, kind) in [
        (AtLeastOnce, OperationKind::CommitOffsets),
        (ExactlyOnceV2, OperationKind::SendOffsets),
        (ExactlyOnceV2, OperationKind::CommitTransaction),
    ] {
        let cluster = topics(1);
        cluster.set_faults(Some(Box::new(Refuse(kind, 3))));
        for n in 0..100 {
            produce(&cluster, "in", "k", &n.to_string(), 1);
        }
        let (instance, _directory) = instance(&cluster, guarantee);
        instance.start().await.unwrap();
        processed(&cluster, &["in"], &[&instance]).await;
        instance.close(PATIENCE).await.unwrap();
        assert_eq!(written(&cluster), 100, "{kind:?}");
        assert_eq!(instance.metrics().processed, 100, "{kind:?}");
    }
}

/// In the last commit the same error was returned by `close`.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_commit_before_closing_is_tried_again_too() {
    let cluster = topics(1);
    for n in 0..10 {
        produce(&cluster, "in", "k", &n.to_string(), 1);
    }
    let (instance, _directory) = instance_with(&cluster, AtLeastOnce, |config| {
        config.commit_interval(Duration::from_secs(3_600))
    });
    instance.start().await.unwrap();
    eventually("all is processed", || instance.metrics().processed == 10).await;
    cluster.set_faults(Some(Box::new(Refuse(OperationKind::CommitOffsets, 3))));
    instance.close(PATIENCE).await.unwrap();
    assert!(all_committed(&cluster, &["in"]));
    assert_eq!(written(&cluster), 10);
}

/// The start of all inputs was requested in one call, whose error stopped the thread, and in the
/// end the instance.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_starts_at_its_committed_offset_although_its_partition_has_no_leader() {
    let cluster = topics(2);
    for partition in 0..2 {
        produce_to(&cluster, partition, "first");
    }
    let (first, _directory) = instance(&cluster, AtLeastOnce);
    first.start().await.unwrap();
    processed(&cluster, &["in"], &[&first]).await;
    first.close(PATIENCE).await.unwrap();

    cluster.leaderless("in", 1, true).unwrap();
    let (second, _directory) = instance(&cluster, AtLeastOnce);
    second.start().await.unwrap();
    produce_to(&cluster, 0, "next");
    eventually("the partition that has a leader is read", || written(&cluster) == 3).await;
    cluster.leaderless("in", 1, false).unwrap();
    produce_to(&cluster, 1, "next");
    processed(&cluster, &["in"], &[&second]).await;
    second.close(PATIENCE).await.unwrap();
    assert_eq!(written(&cluster), 4);
}

/// Without a committed offset the start of the log must be known: that task waits, and no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_without_an_offset_waits_for_its_partitions_leader_and_others_go_on() {
    let cluster = topics(2);
    for partition in 0..2 {
        produce_to(&cluster, partition, "first");
    }
    cluster.leaderless("in", 1, true).unwrap();
    let (instance, _directory) =
        instance_with(&cluster, ExactlyOnceV2, |config| config.set("task.timeout.ms", 200));
    instance.start().await.unwrap();
    let led = TopicPartition::new("in", 0);
    eventually("the task with a leader commits", || cluster.committed(APP).contains_key(&led))
        .await;
    // Longer than task.timeout.ms, and enough time to be asked again.
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    assert!(instance.error().is_none(), "{:?}", instance.error());
    cluster.leaderless("in", 1, false).unwrap();
    processed(&cluster, &["in"], &[&instance]).await;
    instance.close(PATIENCE).await.unwrap();
    assert_eq!(written(&cluster), 2);
}
