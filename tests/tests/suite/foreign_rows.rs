//! With at-least-once, an expelled member may still write to a changelog.

use std::path::Path;

use streams_core::{
    Headers, KafkaStreams,
    client::{ProduceRecord, embedded::EmbeddedCluster},
    config::ProcessingGuarantee,
};

use crate::harness::{
    PATIENCE, cluster, config, counting_topology, counts_of, eventually, last_counts, processed,
    produce,
};

const CHANGELOG: &str = "app-counts-changelog";

async fn instance(cluster: &EmbeddedCluster, directory: &Path) -> KafkaStreams {
    let config = config(directory, ProcessingGuarantee::AtLeastOnce);
    let topology = counting_topology(cfg!(feature = "rocksdb"));
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap();
    streams.start().await.unwrap();
    streams
}

/// Writes a row as another member would.
pub(crate) fn another_writes(cluster: &EmbeddedCluster, key: &str, count: i64) {
    let (value, headers) = (count.to_be_bytes(), Headers::new());
    let (key, value) = (Some(key.as_bytes()), Some(&value[..]));
    let record = ProduceRecord { timestamp: 1, key, value, headers: &headers };
    cluster.produce(CHANGELOG, Some(0), record).unwrap();
}

/// They ended the changelog of a table as its newest rows, and the next owner counted on from
/// there.
#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_member_that_was_given_up_do_not_stay_the_newest() {
    let cluster = cluster();
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 1).unwrap();
    let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let streams = instance(&cluster, directory.path()).await;
    let mut words = vec!["a", "a", "b"];
    for word in &words {
        produce(&cluster, "in", word, "v", 1);
    }
    processed(&cluster, &["in"], &[&streams]).await;

    another_writes(&cluster, "a", 1);
    another_writes(&cluster, "not counted", 7);
    produce(&cluster, "in", "b", "v", 2);
    words.push("b");
    let logged = || last_counts(&cluster, CHANGELOG);
    eventually("the rows are written anew", || logged() == counts_of(words.iter().copied())).await;
    processed(&cluster, &["in"], &[&streams]).await;

    // This task writes nothing more before it is given up.
    another_writes(&cluster, "b", 1);
    streams.close(PATIENCE).await.unwrap();
    assert_eq!(logged(), counts_of(words.iter().copied()));

    let streams = instance(&cluster, elsewhere.path()).await;
    for word in ["a", "b"] {
        produce(&cluster, "in", word, "v", 3);
        words.push(word);
    }
    processed(&cluster, &["in"], &[&streams]).await;
    streams.close(PATIENCE).await.unwrap();
    assert_eq!(last_counts(&cluster, "out"), counts_of(words.iter().copied()));
}
