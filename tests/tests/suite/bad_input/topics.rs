//! Topics that are missing or have the wrong number of partitions.

use streams_core::{ErrorKind, topology::Topology};
use streams_dsl::StreamsBuilder;

use super::{
    GUARANTEES, assert_says, failure, feed, in_memory, one_partition, start, summing_topology, sums,
};
use crate::harness::{PATIENCE, cluster, last_counts, processed, produce};

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

/// An ACL that denied Create was reported as `internal topics can't be created` right after
/// `internal topics are created`, without the missing permission.
#[tokio::test(flavor = "multi_thread")]
async fn internal_topics_that_may_not_be_created_are_named_with_the_access_that_is_needed() {
    let cluster = one_partition();
    cluster.deny_topic_creation(true);
    feed(&cluster, &0_i64.to_be_bytes());
    let first = start(summing_topology(Ok), in_memory(GUARANTEES[0]), &cluster).await;
    let error = failure(&first).await;
    assert_eq!(error.kind(), ErrorKind::InvalidTopic);
    let needed = "the principal lacks access: allow Create on topics with the prefix `app-`";
    assert_says(&error, &["internal topics can't be created", needed, "app-sums-changelog"]);
    assert_eq!(error.to_string().matches("can't be created").count(), 1, "{error}");
    assert!(!cluster.topics().contains_key("app-sums-changelog"));

    cluster.deny_topic_creation(false);
    let second = start(summing_topology(Ok), in_memory(GUARANTEES[0]), &cluster).await;
    processed(&cluster, &["in"], &[&second]).await;
    second.close(PATIENCE).await.unwrap();
    assert!(last_counts(&cluster, "out").len() > sums().len());
}

/// If an operator has created the internal topics, nothing has to be created, and no permission for
/// it is needed.
#[tokio::test(flavor = "multi_thread")]
async fn internal_topics_that_are_there_need_no_right_to_create_them() {
    let cluster = one_partition();
    cluster.create_topic("app-sums-changelog", 1).unwrap();
    cluster.deny_topic_creation(true);
    feed(&cluster, &0_i64.to_be_bytes());
    let instance = start(summing_topology(Ok), in_memory(GUARANTEES[0]), &cluster).await;
    processed(&cluster, &["in"], &[&instance]).await;
    instance.close(PATIENCE).await.unwrap();
}

/// Forwards values, under the `application.id` of the topology that sums.
fn other_topology() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("out");
    builder.build().unwrap()
}

/// A second topology under the `application.id` of another took part in its group, and one of the
/// two failed on internal topics that only the other had.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_topology_under_one_application_id_is_refused_with_both_members_and_the_first_goes_on()
 {
    let cluster = one_partition();
    feed(&cluster, &0_i64.to_be_bytes());
    let first = start(summing_topology(Ok), in_memory(GUARANTEES[0]), &cluster).await;
    processed(&cluster, &["in"], &[&first]).await;
    let second = start(other_topology(), in_memory(GUARANTEES[0]), &cluster).await;
    let error = failure(&second).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    let id = "another topology uses the application.id `app`";
    assert_says(&error, &[id, "of member `app-", "is not that of member `app-", "of its own"]);
    produce(&cluster, "in", "k", "8 bytes.", 7);
    processed(&cluster, &["in"], &[&first]).await;
    first.close(PATIENCE).await.unwrap();
}
