//! Windows when the instance that counted in them is gone.

use std::{path::Path, time::Duration};

use streams_core::{
    Headers, KafkaStreams,
    client::{IsolationLevel, ProduceRecord, embedded::EmbeddedCluster},
    config::{ProcessingGuarantee, StreamsConfig},
    topology::Topology,
};
use streams_dsl::{StreamsBuilder, TimeWindows};

use crate::harness::{PATIENCE, cluster, config, eventually, processed, produce};

/// Counts of each key in windows of 10 ms. Records from `beside` are copied to the output, by the
/// same task.
fn counts(beside: Option<&str>) -> Topology {
    let builder = StreamsBuilder::new();
    let windows = TimeWindows::of_size_with_no_grace(Duration::from_millis(10));
    let grouped = builder.stream::<String, String>("in").group_by_key();
    let counts = grouped.windowed_by(windows).count().stored("counts");
    let by_start = counts.to_stream_with_key(|row, _| format!("{}@{}", row.key, row.window.start));
    let by_start = by_start.map_values(|count| count.unwrap_or_default().to_string());
    match beside {
        Some(topic) => by_start.merge(&builder.stream::<String, String>(topic)).to("out"),
        None => by_start.to("out"),
    };
    let mut settings = StreamsConfig::new("app", "embedded:9092");
    if !cfg!(feature = "rocksdb") {
        settings = settings.set("default.dsl.store", "in_memory");
    }
    builder.build_with(&settings).unwrap()
}

async fn started(cluster: &EmbeddedCluster, topology: Topology, directory: &Path) -> KafkaStreams {
    let config = config(directory, ProcessingGuarantee::AtLeastOnce).num_standby_replicas(1);
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap();
    streams.start().await.unwrap();
    streams
}

async fn instance(cluster: &EmbeddedCluster, directory: &Path) -> KafkaStreams {
    started(cluster, counts(None), directory).await
}

/// A cluster with these topics, of one partition each.
fn topics(names: &[&str]) -> EmbeddedCluster {
    let cluster = cluster();
    for name in names {
        cluster.create_topic(name, 1).unwrap();
    }
    cluster
}

/// Adds a row to the changelog, of a record whose offset nobody has committed.
fn logged(cluster: &EmbeddedCluster, key: &str, start: i64, count: i64) {
    let key = [key.as_bytes(), &start.to_be_bytes(), &[0; 4]].concat();
    let (value, headers) = (count.to_be_bytes(), Headers::new());
    let record =
        ProduceRecord { timestamp: start, key: Some(&key), value: Some(&value), headers: &headers };
    cluster.produce("app-counts-changelog", Some(0), record).unwrap();
}

/// The last count of a window in the output.
fn last(cluster: &EmbeddedCluster, window: &str) -> i64 {
    let records = cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap();
    let mut records = records.into_iter().rev();
    let record = records.find(|record| record.key.as_deref() == Some(window.as_bytes()));
    String::from_utf8(record.unwrap().value.unwrap()).unwrap().parse().unwrap()
}

/// Writes after the last commit moved the store's time beyond the end of a window, into which the
/// same records then came again: it started again with one.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_there_for_records_that_are_processed_again_at_least_once() {
    for is_disk_lost in [false, true] {
        let cluster = topics(&["in", "out"]);
        let directory = tempfile::tempdir().unwrap();
        let streams = instance(&cluster, directory.path()).await;
        produce(&cluster, "in", "k", "v", 52);
        produce(&cluster, "in", "k", "v", 55);
        processed(&cluster, &["in"], &[&streams]).await;
        streams.close(PATIENCE).await.unwrap();
        drop(streams);
        assert_eq!(last(&cluster, "k@50"), 2);

        // As left by an instance that is killed before it commits the offsets.
        logged(&cluster, "k", 50, 3);
        logged(&cluster, "k", 90, 1);
        let elsewhere = tempfile::tempdir().unwrap();
        let directory = if is_disk_lost { elsewhere.path() } else { directory.path() };
        let streams = instance(&cluster, directory).await;
        for time in [57, 90] {
            produce(&cluster, "in", "k", "v", time);
        }
        processed(&cluster, &["in"], &[&streams]).await;
        streams.close(PATIENCE).await.unwrap();
        assert_eq!((last(&cluster, "k@50"), last(&cluster, "k@90")), (4, 2));
    }
}

/// Waits until a second instance has read `rows` rows of the changelog as a standby.
async fn standby_has_read(standby: &KafkaStreams, rows: u64) {
    eventually("the standby has read the changelog", || standby.metrics().standby_updates >= rows)
        .await;
}

/// A standby counted all records that it read from the changelog as processed. The uncommitted
/// writes of the killed instance moved its store's time beyond the end of a window, and the rows of
/// that window were gone when it took over.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_there_for_records_that_are_processed_again_by_a_standby() {
    let cluster = topics(&["in", "out"]);
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let active = instance(&cluster, directories[0].path()).await;
    produce(&cluster, "in", "k", "v", 52);
    produce(&cluster, "in", "k", "v", 55);
    processed(&cluster, &["in"], &[&active]).await;
    let standby = instance(&cluster, directories[1].path()).await;
    standby_has_read(&standby, 1).await;
    // Killed between the flush of the changelog and the commit of offsets.
    drop(active);
    logged(&cluster, "k", 50, 3);
    logged(&cluster, "k", 90, 1);
    standby_has_read(&standby, 3).await;
    for time in [57, 90] {
        produce(&cluster, "in", "k", "v", time);
    }
    processed(&cluster, &["in"], &[&standby]).await;
    standby.close(PATIENCE).await.unwrap();
    assert_eq!((last(&cluster, "k@50"), last(&cluster, "k@90")), (4, 2));
}

/// The latest of all inputs' committed times was the limit of each store. An input that was far
/// ahead raised that of a store which it does not reach, so windows were gone for the records that
/// came again.
#[tokio::test(flavor = "multi_thread")]
async fn an_input_that_is_far_ahead_ends_no_window_of_a_store_that_it_does_not_reach() {
    for by_standby in [false, true] {
        let cluster = topics(&["in", "beside", "out"]);
        let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let topology = || counts(Some("beside"));
        let active = started(&cluster, topology(), directories[0].path()).await;
        produce(&cluster, "in", "k", "v", 52);
        produce(&cluster, "in", "k", "v", 55);
        produce(&cluster, "beside", "far", "0", 1_000_000);
        processed(&cluster, &["in", "beside"], &[&active]).await;
        let mut standby = None;
        if by_standby {
            let instance = started(&cluster, topology(), directories[1].path()).await;
            standby_has_read(&instance, 1).await;
            standby = Some(instance);
        }
        drop(active);
        logged(&cluster, "k", 50, 3);
        logged(&cluster, "k", 90, 1);
        let next = match standby {
            Some(standby) => {
                standby_has_read(&standby, 3).await;
                standby
            }
            None => started(&cluster, topology(), directories[1].path()).await,
        };
        for time in [57, 90] {
            produce(&cluster, "in", "k", "v", time);
        }
        processed(&cluster, &["in"], &[&next]).await;
        next.close(PATIENCE).await.unwrap();
        assert_eq!((last(&cluster, "k@50"), last(&cluster, "k@90")), (4, 2), "{by_standby}");
    }
}
