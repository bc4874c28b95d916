//! An instance's metrics, as a list.

use std::collections::BTreeMap;

use streams_core::{KafkaStreams, config::ProcessingGuarantee, runtime::Metric};

use crate::harness::{
    PATIENCE, cluster, config, counting_topology, eventually, processed, produce,
};

const AT_LEAST_ONCE: ProcessingGuarantee = ProcessingGuarantee::AtLeastOnce;

/// The sum of the values of a metric over all its tags.
pub(crate) fn sum(metrics: &[Metric], name: &str) -> Option<f64> {
    let of_name = metrics.iter().filter(|metric| metric.prometheus_name() == name);
    let values: Vec<f64> = of_name.map(|metric| metric.value).collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_what_threads_tasks_stores_and_topics_did() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    cluster.create_topic("in", 2).unwrap();
    cluster.create_topic("out", 1).unwrap();
    for number in 0..100 {
        produce(&cluster, "in", &format!("key-{}", number % 10), "word", 1_000 - number);
    }
    let config = config(directory.path(), AT_LEAST_ONCE);
    let topology = counting_topology(false);
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap();
    streams.start().await.unwrap();
    processed(&cluster, &["in"], &[&streams]).await;
    // Tasks are measured once per second.
    let store_name = "kafka_streams_stream_state_metrics_put_total";
    eventually("the tasks were looked at", || {
        sum(&streams.all_metrics(), store_name).is_some_and(|puts| puts >= 100.0)
    })
    .await;
    let metrics = streams.all_metrics();
    let at_least = BTreeMap::from([
        ("kafka_streams_stream_metrics_client_state", 2.0),
        ("kafka_streams_stream_metrics_alive_stream_threads", 1.0),
        ("kafka_streams_stream_thread_metrics_process_total", 100.0),
        ("kafka_streams_stream_thread_metrics_poll_total", 1.0),
        ("kafka_streams_stream_thread_metrics_commit_total", 1.0),
        ("kafka_streams_stream_thread_metrics_process_rate", 1.0),
        ("kafka_streams_stream_thread_metrics_task_created_total", 2.0),
        ("kafka_streams_stream_thread_metrics_rebalance_total", 1.0),
        ("kafka_streams_stream_task_metrics_process_total", 100.0),
        // All records of a partition but the first are late by this much.
        ("kafka_streams_stream_task_metrics_record_lateness_max", 50.0),
        ("kafka_streams_stream_task_metrics_record_e2e_latency_min", 1_000_000.0),
        ("kafka_streams_stream_topic_metrics_records_consumed_total", 100.0),
        // Five bytes of key, four of value.
        ("kafka_streams_stream_topic_metrics_bytes_consumed_total", 900.0),
        ("kafka_streams_stream_topic_metrics_records_produced_total", 110.0),
        ("kafka_streams_stream_state_metrics_get_total", 100.0),
        ("kafka_streams_stream_state_metrics_cache_miss_total", 10.0),
        ("kafka_streams_stream_state_metrics_flush_total", 1.0),
        ("kafka_streams_stream_state_metrics_num_entries", 10.0),
    ]);
    for (name, least) in at_least {
        let value = sum(&metrics, name);
        assert!(value.is_some_and(|value| value >= least), "{name}: {value:?} < {least}");
    }
    for name in [
        "kafka_streams_stream_metrics_failed_stream_threads",
        "kafka_streams_stream_metrics_dead_letter_records_total",
        "kafka_streams_stream_task_metrics_dropped_records_total",
        "kafka_streams_stream_thread_metrics_standing_still_partitions",
        "kafka_consumer_consumer_fetch_manager_metrics_records_lag",
    ] {
        assert_eq!(sum(&metrics, name), Some(0.0), "{name}");
    }
    let produced: BTreeMap<_, _> = metrics
        .iter()
        .filter(|metric| metric.name == "records-produced-total")
        .filter_map(|metric| Some((metric.tags.last()?.1.as_str(), metric.value)))
        .collect();
    assert_eq!(produced.keys().copied().collect::<Vec<_>>(), ["app-counts-changelog", "out"]);
    assert!(produced["out"] >= 100.0, "{produced:?}");
    streams.close(PATIENCE).await.unwrap();
}

#[cfg(not(feature = "metrics"))]
#[tokio::test]
async fn a_build_without_the_feature_says_that_it_serves_nothing() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    let config = config(directory.path(), AT_LEAST_ONCE).set("metrics.listen", "127.0.0.1:0");
    let made = KafkaStreams::with_client_supplier(counting_topology(false), config, cluster);
    let error = made.unwrap_err();
    assert_eq!(error.kind(), streams_core::ErrorKind::Config);
    assert!(error.to_string().contains("without the feature `metrics`"), "{error}");
}
