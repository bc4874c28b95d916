//! Joins with global tables, in running instances.

use std::path::Path;

use streams_core::{
    KafkaStreams, client::embedded::EmbeddedCluster, config::ProcessingGuarantee, serde::string,
    topology::Topology,
};
use streams_dsl::{Materialized, StreamsBuilder};

use crate::harness::{PATIENCE, cluster, config, eventually, processed, produce};

/// Values of `in` are keys of rows; the topics have different numbers of partitions.
fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    let rows = Materialized::named("rows").in_memory();
    let table = builder.global_table::<String, String>("tab").stored(rows);
    builder
        .stream::<String, String>("in")
        .left_join_global(
            &table,
            |_, value| value.clone(),
            |value, row| format!("{value}={}", row.map_or("none", String::as_str)),
        )
        .to("out");
    builder.build().unwrap()
}

fn topics(cluster: &EmbeddedCluster) {
    cluster.create_topic("tab", 3).unwrap();
    cluster.create_topic("in", 2).unwrap();
    cluster.create_topic("out", 1).unwrap();
}

fn instance(cluster: &EmbeddedCluster, directory: &Path) -> KafkaStreams {
    let config = config(directory, ProcessingGuarantee::AtLeastOnce);
    KafkaStreams::with_client_supplier(topology(), config, cluster.clone()).unwrap()
}

fn written(cluster: &EmbeddedCluster) -> Vec<(String, String)> {
    let rows = cluster.read::<String, String>("out", &string(), &string()).unwrap();
    let mut rows: Vec<_> = rows.into_iter().map(|(key, value)| (key, value.unwrap())).collect();
    rows.sort();
    rows.dedup();
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_any_partition_find_the_rows_of_all_partitions() {
    let (cluster, keys) = (cluster(), 40);
    topics(&cluster);
    for key in 0..keys {
        produce(&cluster, "tab", &format!("r{key}"), &format!("row{key}"), 0);
        // The key of a record is unrelated to the partition of its row.
        produce(&cluster, "in", &format!("k{key}"), &format!("r{}", (key + 7) % keys), 0);
    }
    produce(&cluster, "in", "k", "r-unknown", 0);
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let instances = directories.each_ref().map(|directory| instance(&cluster, directory.path()));
    for instance in &instances {
        instance.start().await.unwrap();
    }
    processed(&cluster, &["in"], &instances.each_ref()).await;
    let joined = |key| {
        let row = (key + 7) % keys;
        (format!("k{key}"), format!("r{row}=row{row}"))
    };
    let mut expected: Vec<_> = (0..keys).map(joined).collect();
    expected.push(("k".to_owned(), "r-unknown=none".to_owned()));
    expected.sort();
    assert_eq!(written(&cluster), expected);
    for instance in instances {
        instance.close(PATIENCE).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_sees_the_row_that_its_instance_has_read_when_it_is_processed() {
    let cluster = cluster();
    topics(&cluster);
    produce(&cluster, "tab", "r", "old", 1_000);
    let directory = tempfile::tempdir().unwrap();
    let streams = instance(&cluster, directory.path());
    streams.start().await.unwrap();
    produce(&cluster, "in", "k", "r", 1);
    processed(&cluster, &["in"], &[&streams]).await;
    assert_eq!(written(&cluster), [("k".to_owned(), "r=old".to_owned())]);
    // Neither the row's time nor the record's matters.
    produce(&cluster, "tab", "r", "new", 2_000);
    eventually("the new row is seen", || {
        produce(&cluster, "in", "k", "r", 1);
        written(&cluster).iter().any(|(_, value)| value == "r=new")
    })
    .await;
    streams.close(PATIENCE).await.unwrap();
}
