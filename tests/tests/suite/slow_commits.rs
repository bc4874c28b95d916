//! Commits for which the cluster takes its time: the thread continues with all other work.

use std::time::Duration;

use streams_core::{
    KafkaStreams,
    client::{
        IsolationLevel,
        embedded::{EmbeddedCluster, Fault, FaultInjector, Operation, OperationKind},
    },
    config::ProcessingGuarantee::{self, AtLeastOnce, ExactlyOnceV2},
    topology::Topology,
};
use streams_dsl::StreamsBuilder;

use crate::harness::{APP, PATIENCE, cluster, config, eventually, processed, produce};

/// Much longer than a session.
const SLOW: Duration = Duration::from_millis(1_500);

/// Makes the first call of a kind slow, once it is set.
#[derive(Debug)]
struct Slow(Option<OperationKind>);

impl FaultInjector for Slow {
    fn before(&mut self, operation: Operation<'_>) -> Fault {
        if self.0 == Some(operation.kind) {
            self.0 = None;
            return Fault::Slow(SLOW);
        }
        Fault::None
    }
}

fn copy() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("out");
    builder.build().unwrap()
}

fn written(cluster: &EmbeddedCluster) -> usize {
    cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap().len()
}

/// Id and epoch of the only member.
fn member(cluster: &EmbeddedCluster) -> (String, i32) {
    let [member] = &cluster.members(APP)[..] else { panic!("not one member") };
    (member.member_id.clone(), member.member_epoch)
}

async fn started(
    guarantee: ProcessingGuarantee,
) -> (EmbeddedCluster, KafkaStreams, tempfile::TempDir) {
    let cluster = cluster();
    for topic in ["in", "out"] {
        cluster.create_topic(topic, 1).unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), guarantee);
    let instance = KafkaStreams::with_client_supplier(copy(), config, cluster.clone()).unwrap();
    instance.start().await.unwrap();
    produce(&cluster, "in", "k", "first", 1);
    processed(&cluster, &["in"], &[&instance]).await;
    (cluster, instance, directory)
}

/// The thread waited for the flush, the offsets and the end of the transaction. If one of them took
/// longer than a session the membership was lost, though nothing was wrong with it: the work was
/// thrown away, and the tasks moved.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_takes_longer_than_a_session_is_completed_by_the_member_that_began_it() {
    let exactly_once =
        [OperationKind::Produce, OperationKind::SendOffsets, OperationKind::CommitTransaction];
    let cases = exactly_once.map(|kind| (ExactlyOnceV2, kind)).into_iter().chain([
        (AtLeastOnce, OperationKind::Produce),
        (AtLeastOnce, OperationKind::CommitOffsets),
    ]);
    for (guarantee, kind) in cases {
        let (cluster, instance, _directory) = started(guarantee).await;
        let before = member(&cluster);
        cluster.set_faults(Some(Box::new(Slow(Some(kind)))));
        produce(&cluster, "in", "k", "second", 2);
        processed(&cluster, &["in"], &[&instance]).await;
        assert_eq!(member(&cluster), before, "{guarantee:?} {kind:?}");
        assert_eq!(written(&cluster), 2, "{guarantee:?} {kind:?}: nothing was done twice");
        instance.close(PATIENCE).await.unwrap();
        assert!(instance.error().is_none());
    }
}

/// Pending requests are completed: if a member leaves nothing behind, the next one repeats nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_closed_in_the_middle_of_a_slow_commit_completes_it() {
    for (guarantee, kind) in [
        (ExactlyOnceV2, OperationKind::Produce),
        (ExactlyOnceV2, OperationKind::CommitTransaction),
        (AtLeastOnce, OperationKind::CommitOffsets),
    ] {
        let (cluster, instance, _directory) = started(guarantee).await;
        cluster.set_faults(Some(Box::new(Slow(Some(kind)))));
        produce(&cluster, "in", "k", "second", 2);
        eventually("the record is processed", || instance.metrics().processed == 2).await;
        instance.close(PATIENCE).await.unwrap();
        assert!(instance.error().is_none());
        processed(&cluster, &["in"], &[]).await;
        assert_eq!(written(&cluster), 2, "{guarantee:?} {kind:?}");
    }
}
