//! Windows when the instance that counted in them is gone.

use std::{path::Path, time::Duration};

use streams_core::{
    Headers, KafkaStreams,
    client::{IsolationLevel, ProduceRecord, embedded::EmbeddedCluster},
    config::{ProcessingGuarantee, StreamsConfig},
    serde::{long, string},
    topology::Topology,
};
use streams_dsl::{Produced, StreamsBuilder, TimeWindows};

use crate::harness::{PATIENCE, cluster, config, processed, produce};

/// Counts of each key in windows of 10 ms.
fn counts() -> Topology {
    let builder = StreamsBuilder::new();
    let windows = TimeWindows::of_size_with_no_grace(Duration::from_millis(10));
    let grouped = builder.stream::<String, String>("in").group_by_key();
    let counts = grouped.windowed_by(windows).count_as("counts");
    let by_start = counts.to_stream_with_key(|row, _| format!("{}@{}", row.key, row.window.start));
    by_start
        .map_values(|count| count.unwrap_or_default())
        .to(Produced::topic("out").with(string(), long()));
    let mut settings = StreamsConfig::new("app", "embedded:9092");
    if !cfg!(feature = "rocksdb") {
        settings = settings.set("default.dsl.store", "in_memory");
    }
    builder.build_with(&settings).unwrap()
}

async fn instance(cluster: &EmbeddedCluster, directory: &Path) -> KafkaStreams {
    let config = config(directory, ProcessingGuarantee::AtLeastOnce);
    let streams = KafkaStreams::with_client_supplier(counts(), config, cluster.clone()).unwrap();
    streams.start().await.unwrap();
    streams
}

/// A row of the changelog, of a record whose offset nobody has committed.
fn logged(cluster: &EmbeddedCluster, key: &str, start: i64, count: i64) {
    let key = [key.as_bytes(), &start.to_be_bytes(), &[0; 4]].concat();
    let (value, headers) = (count.to_be_bytes(), Headers::new());
    let record =
        ProduceRecord { timestamp: start, key: Some(&key), value: Some(&value), headers: &headers };
    cluster.produce("app-counts-changelog", Some(0), record).unwrap();
}

/// The last count of a window that came out.
fn last(cluster: &EmbeddedCluster, window: &str) -> i64 {
    let records = cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap();
    let mut records = records.into_iter().rev();
    let record = records.find(|record| record.key.as_deref() == Some(window.as_bytes()));
    i64::from_be_bytes(record.unwrap().value.unwrap().try_into().unwrap())
}

/// What was written after the last commit took the store's time beyond the end of a window, into which the same records
/// then came once more: it began again with one.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_there_for_records_that_are_processed_again_at_least_once() {
    for is_disk_lost in [false, true] {
        let cluster = cluster();
        cluster.create_topic("in", 1).unwrap();
        cluster.create_topic("out", 1).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let streams = instance(&cluster, directory.path()).await;
        produce(&cluster, "in", "k", "v", 52);
        produce(&cluster, "in", "k", "v", 55);
        processed(&cluster, &["in"], &[&streams]).await;
        streams.close(PATIENCE).await.unwrap();
        drop(streams);
        assert_eq!(last(&cluster, "k@50"), 2);

        // As an instance leaves them that is killed before it commits the offsets.
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
