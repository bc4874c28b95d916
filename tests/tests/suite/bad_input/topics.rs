//! Topics that are missing or have the wrong number of partitions.

use streams_core::{ErrorKind, topology::Topology};
use streams_dsl::StreamsBuilder;

use super::{
    GUARANTEES, assert_says, failure, feed, in_memory, one_partition, start, summing_topology, sums,
};
use crate::harness::{PATIENCE, cluster, last_counts, processed};

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_source_topic_is_named_and_the_next_start_finds_it() {
    let guarantee = GUARANTEES[0];
    let cluster = cluster();
    let first = start(summing_topology(Ok), in_memory(guarantee), &cluster).await;
    let error = failure(&first).await;
    assert_eq!(error.kind(), ErrorKind::MissingSourceTopic);
    let text = "source topics do not exist: `in` of sub-topology 0; create them and start again";
    assert_says(&error, &[text]);

    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 1).unwrap();
    feed(&cluster, &0_i64.to_be_bytes());
    let second = start(summing_topology(Ok), in_memory(guarantee), &cluster).await;
    processed(&cluster, &["in"], &[&second]).await;
    second.close(PATIENCE).await.unwrap();
    assert!(last_counts(&cluster, "out").len() > sums().len());
}

/// Orders with their customers.
fn joining_topology() -> Topology {
    let builder = StreamsBuilder::new();
    let customers = builder.table::<String, String>("customers");
    let orders = builder.stream::<String, String>("orders");
    orders.join(&customers, |order, customer| format!("{order} of {customer}")).to("out");
    builder.build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn joined_topics_of_different_partition_counts_are_refused_with_their_counts() {
    let cluster = cluster();
    for (topic, partitions) in [("orders", 3), ("customers", 2), ("out", 1)] {
        cluster.create_topic(topic, partitions).unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let config = crate::harness::config(directory.path(), GUARANTEES[0]);
    let instance = start(joining_topology(), config, &cluster).await;
    let error = failure(&instance).await;
    assert_eq!(error.kind(), ErrorKind::InvalidTopic);
    assert_says(
        &error,
        &[
            "`customers` has 2, `orders` has 3",
            "change a topic, or repartition one side to the number of the other",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changelog_topic_of_another_partition_count_is_refused_and_left_alone() {
    let cluster = one_partition();
    cluster.create_topic("app-sums-changelog", 3).unwrap();
    feed(&cluster, &0_i64.to_be_bytes());
    let instance = start(summing_topology(Ok), in_memory(GUARANTEES[0]), &cluster).await;
    let error = failure(&instance).await;
    assert_eq!(error.kind(), ErrorKind::InvalidTopic);
    assert_says(
        &error,
        &[
            "`app-sums-changelog` has 3 instead of 1",
            "reset the application or delete these topics, then start again",
        ],
    );
    assert_eq!(cluster.topics()["app-sums-changelog"].partitions, 3);
    assert!(cluster.committed(crate::harness::APP).is_empty());
}
