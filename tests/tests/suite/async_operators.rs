//! Async operators on threads of the operating system.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use streams_core::{
    KafkaStreams,
    client::{IsolationLevel, embedded::EmbeddedCluster},
    config::ProcessingGuarantee::{self, AtLeastOnce, ExactlyOnceV2},
};
use streams_dsl::{AsyncOptions, StreamsBuilder};
use tokio::sync::Barrier;

use crate::harness::{PATIENCE, all_committed, cluster, config, eventually, processed, produce};

const RECORDS: usize = 20;

fn topics() -> EmbeddedCluster {
    let cluster = cluster();
    for topic in ["in", "out"] {
        cluster.create_topic(topic, 1).unwrap();
    }
    for n in 0..RECORDS {
        produce(&cluster, "in", &format!("k{}", n % 3), &format!("v{n}"), 1);
    }
    cluster
}

/// The contents of the output, in order.
fn written(cluster: &EmbeddedCluster) -> Vec<String> {
    let records = cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap();
    records.into_iter().map(|record| String::from_utf8(record.value.unwrap()).unwrap()).collect()
}

/// Ten calls wait for each other, so none would end if the thread waited for one; and calls in
/// flight when the instance is closed are awaited.
#[tokio::test(flavor = "multi_thread")]
async fn calls_overlap_and_wake_the_thread_when_they_are_through() {
    let cluster = topics();
    let builder = StreamsBuilder::new();
    let meeting = Arc::new(Barrier::new(10));
    let through = Arc::new(AtomicUsize::new(0));
    let through_here = through.clone();
    let called = builder.stream::<String, String>("in").map_values_async(move |value| {
        let (meeting, through) = (meeting.clone(), through_here.clone());
        async move {
            meeting.wait().await;
            through.fetch_add(1, Ordering::SeqCst);
            value
        }
    });
    called.with_async(AsyncOptions::default().ordered().timeout(PATIENCE)).to("out");
    let directory = tempfile::tempdir().unwrap();
    // A commit would wait for calls that wait for records, which are not processed meanwhile.
    let settings = config(directory.path(), AtLeastOnce).commit_interval(Duration::from_secs(60));
    let topology = builder.build().unwrap();
    let instance = KafkaStreams::with_client_supplier(topology, settings, cluster.clone()).unwrap();
    instance.start().await.unwrap();
    eventually("all calls are through", || through.load(Ordering::SeqCst) == RECORDS).await;
    instance.close(PATIENCE).await.unwrap();
    let in_order: Vec<_> = (0..RECORDS).map(|n| format!("v{n}")).collect();
    assert_eq!(written(&cluster), in_order);
    assert!(all_committed(&cluster, &["in"]));
}

async fn commits_wait_for_calls(guarantee: ProcessingGuarantee) {
    let cluster = topics();
    let builder = StreamsBuilder::new();
    let called = builder.stream::<String, String>("in").map_values_async(|value| async move {
        tokio::time::sleep(Duration::from_millis(30)).await;
        value
    });
    called.with_async(AsyncOptions::default().in_flight(3)).to("out");
    let directory = tempfile::tempdir().unwrap();
    let topology = builder.build().unwrap();
    let settings = config(directory.path(), guarantee);
    let instance = KafkaStreams::with_client_supplier(topology, settings, cluster.clone()).unwrap();
    instance.start().await.unwrap();
    processed(&cluster, &["in"], &[&instance]).await;
    let written_by_then = written(&cluster).len();
    instance.close(PATIENCE).await.unwrap();
    assert_eq!(written_by_then, RECORDS, "offsets were committed of what was in flight");
    assert_eq!(written(&cluster).len(), RECORDS);
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_wait_for_calls_exactly_once() {
    commits_wait_for_calls(ExactlyOnceV2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_wait_for_calls_at_least_once() {
    commits_wait_for_calls(AtLeastOnce).await;
}
