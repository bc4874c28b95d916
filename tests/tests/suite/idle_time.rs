//! Windows that close while no record comes, in instances.

use std::time::Duration;

use streams_core::{
    KafkaStreams, client::IsolationLevel, client::embedded::EmbeddedCluster,
    config::ProcessingGuarantee, topology::Topology,
};
use streams_dsl::{EmitStrategy, Materialized, StreamsBuilder, TimeWindows};

use crate::harness::{PATIENCE, cluster, config, eventually, processed, produce};

/// The values of each one-second window, once, to `out`.
fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    let windows = TimeWindows::of_size_with_no_grace(Duration::from_secs(1));
    let emit = EmitStrategy::on_window_close().with_idle_time(Duration::from_millis(300));
    let words = builder.stream::<String, String>("in").group_by_key().windowed_by(windows);
    let all = words.emit_strategy(emit).reduce(|all, word| format!("{all} {word}"));
    let all = all.stored(Materialized::named("words").in_memory());
    let all = all.to_stream().map_values(|all| all.clone().unwrap_or_default());
    all.select_key(|windowed, _| windowed.key.clone()).to("out");
    builder.build().unwrap()
}

fn written(cluster: &EmbeddedCluster) -> Vec<String> {
    let records = cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap();
    records.into_iter().map(|record| String::from_utf8(record.value.unwrap()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_windows_close_and_a_restart_closes_none_again() {
    for guarantee in [ProcessingGuarantee::AtLeastOnce, ProcessingGuarantee::ExactlyOnceV2] {
        let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
        cluster.create_topic("in", 1).unwrap();
        cluster.create_topic("out", 1).unwrap();
        let instance = || {
            let config = config(directory.path(), guarantee);
            KafkaStreams::with_client_supplier(topology(), config, cluster.clone()).unwrap()
        };
        let first = instance();
        first.start().await.unwrap();
        produce(&cluster, "in", "a", "x", 100);
        produce(&cluster, "in", "a", "y", 200);
        eventually("the window has closed", || written(&cluster) == ["x y"]).await;
        first.close(PATIENCE).await.unwrap();

        let second = instance();
        second.start().await.unwrap();
        // Late for the windows emitted before the restart, and not for those after it.
        produce(&cluster, "in", "a", "late", 300);
        produce(&cluster, "in", "a", "z", 60_000);
        processed(&cluster, &["in"], &[&second]).await;
        eventually("the next window has closed", || written(&cluster) == ["x y", "z"]).await;
        second.close(PATIENCE).await.unwrap();
    }
}
