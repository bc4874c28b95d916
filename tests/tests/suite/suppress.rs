//! Changes that are held back survive whatever happens to the instance that holds them.

use std::{path::Path, time::Duration};

use streams_core::{
    KafkaStreams,
    client::{
        IsolationLevel,
        embedded::{EmbeddedCluster, StoredRecord},
    },
    config::ProcessingGuarantee,
    serde::{long, string},
    topology::Topology,
};
use streams_dsl::{BufferConfig, Produced, StreamsBuilder, Suppressed, TimeWindows};

use crate::harness::{PATIENCE, cluster, config, processed, produce};

/// Counts of each key in windows of 10 ms, each once, when the window closes.
fn final_counts(in_memory: bool) -> Topology {
    let builder = StreamsBuilder::new();
    let windows = TimeWindows::of_size_with_no_grace(Duration::from_millis(10));
    let counts = builder.stream::<String, String>("in").group_by_key().windowed_by(windows).count();
    let closed = counts.suppress(Suppressed::until_window_closes(BufferConfig::unbounded()));
    let by_start = closed.to_stream_with_key(|row, _| format!("{}@{}", row.key, row.window.start));
    by_start
        .map_values(|count| count.unwrap_or_default())
        .to(Produced::topic("out").with(string(), long()));
    let mut settings = streams_core::config::StreamsConfig::new("app", "embedded:9092");
    if in_memory {
        settings = settings.set("default.dsl.store", "in_memory");
    }
    builder.build_with(&settings).unwrap()
}

/// What came out, each record once.
fn written(cluster: &EmbeddedCluster) -> Vec<(String, i64)> {
    let records = cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap();
    let pair = |record: &StoredRecord| {
        let key = String::from_utf8(record.key.clone().unwrap()).unwrap();
        (key, i64::from_be_bytes(record.value.clone().unwrap().try_into().unwrap()))
    };
    records.iter().map(pair).collect()
}

fn instance(
    cluster: &EmbeddedCluster,
    directory: &Path,
    guarantee: ProcessingGuarantee,
    in_memory: bool,
) -> KafkaStreams {
    let config = config(directory, guarantee);
    KafkaStreams::with_client_supplier(final_counts(in_memory), config, cluster.clone()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_that_are_held_back_come_out_once_though_the_instance_crashes_in_between() {
    let engines: &[bool] = if cfg!(feature = "rocksdb") { &[true, false] } else { &[true] };
    for &in_memory in engines {
        let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
        cluster.create_topic("in", 1).unwrap();
        cluster.create_topic("out", 1).unwrap();
        let guarantee = ProcessingGuarantee::ExactlyOnceV2;
        for (time, key) in [(1, "a"), (2, "b"), (3, "a"), (12, "c")] {
            produce(&cluster, "in", key, "v", time);
        }
        let first = instance(&cluster, directory.path(), guarantee, in_memory);
        first.start().await.unwrap();
        processed(&cluster, &["in"], &[&first]).await;
        let one = ("a@0".to_owned(), 2);
        let two = ("b@0".to_owned(), 1);
        assert_eq!(written(&cluster), [one.clone(), two.clone()]);
        // Dropped without a close, as a process that ends.
        drop(first);

        produce(&cluster, "in", "c", "v", 19);
        produce(&cluster, "in", "d", "v", 20);
        let second = instance(&cluster, directory.path(), guarantee, in_memory);
        second.start().await.unwrap();
        processed(&cluster, &["in"], &[&second]).await;
        assert_eq!(written(&cluster), [one, two, ("c@10".to_owned(), 2)]);
        second.close(PATIENCE).await.unwrap();
    }
}
