//! Starts that wait for a cluster which does not answer.

use std::{convert::Infallible, path::Path, time::Duration};

use streams_core::{
    BoxError, ErrorKind, KafkaStreams, Record,
    client::embedded::{EmbeddedCluster, Fault, FaultInjector, Operation, OperationKind},
    config::ProcessingGuarantee,
    processor::Context,
    runtime::State,
    serde::string,
    store::{KeyValueStore, StoreRef, Stores},
    topology::{SourceOptions, TopologyBuilder},
};

use crate::harness::{PATIENCE, cluster, config};

/// An instance with only a global store, filled from `tab`.
fn with_a_global_store(cluster: &EmbeddedCluster, task_timeout_ms: i64) -> KafkaStreams {
    type Names = StoreRef<KeyValueStore<String, String>>;
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::new(["tab"], string(), string());
    let store = Stores::key_value("names", string(), string()).in_memory();
    builder.add_global_store("tab", source, "keep", store, |names: Names| {
        move |record: Record<'_, String, String>,
              context: &mut Context<'_, Infallible, Infallible>| {
            let value = Some(record.value.clone());
            context.store(names)?.put(record.key, value).map_err(BoxError::from)
        }
    });
    let config = config(Path::new("unused"), ProcessingGuarantee::AtLeastOnce)
        .set("task.timeout.ms", task_timeout_ms);
    let topology = builder.build().unwrap();
    KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap()
}

/// Delays each look-up of topics.
#[derive(Debug)]
struct SlowLookUps(Duration);

impl FaultInjector for SlowLookUps {
    fn before(&mut self, operation: Operation<'_>) -> Fault {
        match operation.kind {
            OperationKind::DescribeTopics => Fault::Delay(self.0),
            _ => Fault::None,
        }
    }
}

fn cluster_with_tab() -> EmbeddedCluster {
    let cluster = cluster();
    cluster.create_topic("tab", 1).unwrap();
    cluster
}

#[tokio::test]
async fn a_start_without_a_cluster_ends_with_the_task_timeout() {
    let cluster = cluster_with_tab();
    cluster.broker_down(true);
    let streams = with_a_global_store(&cluster, 300);
    let error = streams.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("task.timeout.ms"), "{error}");
    assert_eq!(streams.wait_for(&[State::Error], PATIENCE).await, State::Error);
}

/// A start with a global store waited for the cluster, and could be ended only by killing the
/// process.
#[tokio::test]
async fn a_start_that_waits_for_the_cluster_ends_when_the_instance_is_closed() {
    for is_blocked in [false, true] {
        let cluster = cluster_with_tab();
        if is_blocked {
            cluster.set_faults(Some(Box::new(SlowLookUps(Duration::from_secs(2)))));
        } else {
            cluster.broker_down(true);
        }
        let streams = with_a_global_store(&cluster, 600_000);
        let start = async {
            let begun = tokio::time::Instant::now();
            let error = streams.start().await.unwrap_err();
            (error.kind(), begun.elapsed())
        };
        let close = async {
            streams.wait_for(&[State::Rebalancing], PATIENCE).await;
            streams.close(PATIENCE).await
        };
        let ((kind, took), closed) = tokio::join!(start, close);
        closed.unwrap();
        assert_eq!(kind, ErrorKind::InvalidState);
        assert!(took < Duration::from_millis(1_900), "{took:?}");
        assert_eq!(streams.state(), State::NotRunning);
    }
}

#[tokio::test]
async fn a_signal_ends_a_run_whose_start_waits_for_the_cluster() {
    let cluster = cluster_with_tab();
    cluster.broker_down(true);
    let streams = with_a_global_store(&cluster, 600_000);
    streams.run_until(tokio::time::sleep(Duration::from_millis(50))).await.unwrap();
    assert_eq!(streams.state(), State::NotRunning);
}

#[tokio::test]
async fn a_run_ends_with_the_error_of_its_start() {
    let cluster = cluster_with_tab();
    cluster.broker_down(true);
    let streams = with_a_global_store(&cluster, 300);
    let error = streams.run_until(std::future::pending::<()>()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn a_start_that_is_given_up_closes_the_instance() {
    let cluster = cluster_with_tab();
    cluster.broker_down(true);
    let streams = with_a_global_store(&cluster, 600_000);
    let patience = Duration::from_millis(50);
    assert!(tokio::time::timeout(patience, streams.start()).await.is_err());
    assert_eq!(streams.wait_for(&[State::NotRunning], PATIENCE).await, State::NotRunning);
    assert_eq!(streams.start().await.unwrap_err().kind(), ErrorKind::InvalidState);
    streams.close(PATIENCE).await.unwrap();
}
