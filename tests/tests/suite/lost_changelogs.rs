//! Changelog topics that are deleted, or unsuitable for a store, while the application runs.

use std::path::Path;

use streams_core::{
    KafkaStreams,
    client::{IsolationLevel, NewTopic, embedded::EmbeddedCluster},
    config::ProcessingGuarantee,
};

use crate::harness::{
    PATIENCE, cluster, config, counting_topology, eventually, last_counts, processed, produce,
};

const CHANGELOG: &str = "app-counts-changelog";
const GUARANTEES: [ProcessingGuarantee; 2] =
    [ProcessingGuarantee::AtLeastOnce, ProcessingGuarantee::ExactlyOnceV2];

fn topics() -> EmbeddedCluster {
    let cluster = cluster();
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 1).unwrap();
    cluster
}

/// Starts an instance with a count in memory, which reacts this way if its changelog is lost.
async fn started(
    cluster: &EmbeddedCluster,
    guarantee: ProcessingGuarantee,
    lost: &str,
) -> KafkaStreams {
    let config = config(Path::new("unused"), guarantee).set("state.changelog.lost", lost);
    let topology = counting_topology(false);
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap();
    streams.start().await.unwrap();
    streams
}

/// Counts ten keys twice, and deletes the changelog. The group recreates it.
async fn with_a_deleted_changelog(
    cluster: &EmbeddedCluster,
    guarantee: ProcessingGuarantee,
    lost: &str,
) -> KafkaStreams {
    let streams = started(cluster, guarantee, lost).await;
    for record in 0..20 {
        produce(cluster, "in", &format!("k{}", record % 10), "v", record);
    }
    processed(cluster, &["in"], &[&streams]).await;
    cluster.delete_topic(CHANGELOG).unwrap();
    eventually("the changelog is made anew", || cluster.topics().contains_key(CHANGELOG)).await;
    streams
}

/// The new changelog had only later writes: after the next restart all other counts started from
/// zero.
#[tokio::test(flavor = "multi_thread")]
async fn a_changelog_that_is_deleted_while_it_runs_stops_the_instance() {
    for guarantee in GUARANTEES {
        let cluster = topics();
        let streams = with_a_deleted_changelog(&cluster, guarantee, "fail").await;
        produce(&cluster, "in", "k1", "v", 20);
        eventually("the instance has failed", || streams.error().is_some()).await;
        let error = streams.error().unwrap().to_string();
        for part in ["app-counts-changelog-0", "`counts`", "0_0", "state.changelog.lost"] {
            assert!(error.contains(part), "{guarantee:?}: {error}");
        }
        streams.close(PATIENCE).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changelog_that_is_deleted_while_it_runs_is_written_anew_if_that_is_wanted() {
    for guarantee in GUARANTEES {
        let cluster = topics();
        let streams = with_a_deleted_changelog(&cluster, guarantee, "rewrite").await;
        produce(&cluster, "in", "k1", "v", 20);
        processed(&cluster, &["in"], &[&streams]).await;
        streams.close(PATIENCE).await.unwrap();
        // With at-least-once the new log has a row of the attempt that noticed it, whose record
        // comes again.
        let count = last_counts(&cluster, "out")["k1"];
        assert!(count == 3 || guarantee == GUARANTEES[0] && count == 4, "{guarantee:?}: {count}");
        assert_eq!(last_counts(&cluster, CHANGELOG), last_counts(&cluster, "out"));

        // Nothing is left in memory.
        let streams = started(&cluster, guarantee, "fail").await;
        produce(&cluster, "in", "k2", "v", 21);
        processed(&cluster, &["in"], &[&streams]).await;
        streams.close(PATIENCE).await.unwrap();
        assert_eq!(last_counts(&cluster, "out")["k2"], 3, "{guarantee:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changelog_that_is_deleted_while_it_runs_takes_the_state_along_if_that_is_wanted() {
    for guarantee in GUARANTEES {
        let cluster = topics();
        let streams = with_a_deleted_changelog(&cluster, guarantee, "restart-empty").await;
        // The first record meets the state that still exists.
        for (key, time) in [("k1", 20), ("k2", 21)] {
            produce(&cluster, "in", key, "v", time);
            processed(&cluster, &["in"], &[&streams]).await;
        }
        streams.close(PATIENCE).await.unwrap();
        assert_eq!(last_counts(&cluster, "out")["k2"], 1, "{guarantee:?}");
    }
}

/// Rows would be lost at the end of the topic's retention, without any warning.
#[tokio::test(flavor = "multi_thread")]
async fn a_changelog_that_forgets_rows_stops_the_instance() {
    let cluster = topics();
    let policy = ("cleanup.policy".to_owned(), "delete".to_owned());
    let (name, partitions, config) = (CHANGELOG.to_owned(), 1, [policy].into());
    let topic = NewTopic { name, partitions, replication_factor: -1, config };
    cluster.create_topic_with(topic).unwrap();
    let streams = started(&cluster, ProcessingGuarantee::AtLeastOnce, "fail").await;
    eventually("the instance has failed", || streams.error().is_some()).await;
    let error = streams.error().unwrap().to_string();
    for part in [CHANGELOG, "`counts`", "0_0", "cleanup.policy", "compact"] {
        assert!(error.contains(part), "{error}");
    }
    streams.close(PATIENCE).await.unwrap();
    assert_eq!(cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap().len(), 0);
}
