//! A producer whose clock is far ahead.

use std::time::Duration;

use streams_core::{
    KafkaStreams,
    client::{IsolationLevel, embedded::EmbeddedCluster},
    config::{ProcessingGuarantee, StreamsConfig, TimestampAheadPolicy},
    serde::{long, string},
    time::{Clock, SystemClock},
    topology::Topology,
};
use streams_dsl::{Produced, StreamsBuilder, TimeWindows};

use super::{DEAD_LETTERS, assert_says, failure};
use crate::harness::{PATIENCE, cluster, config, processed, produce};

const DAY_MS: i64 = 86_400_000;

/// Counts of each key per day.
fn per_day() -> Topology {
    let builder = StreamsBuilder::new();
    let windows = TimeWindows::of_size_with_no_grace(Duration::from_secs(86_400));
    let grouped = builder.stream::<String, String>("in").group_by_key();
    let counts = grouped.windowed_by(windows).count().stored("counts");
    let by_key = counts.to_stream_with_key(|row, _| row.key.clone());
    by_key
        .map_values(|count| count.unwrap_or_default())
        .to(Produced::topic("out").with(string(), long()));
    let settings = StreamsConfig::new("app", "embedded:9092").set("default.dsl.store", "in_memory");
    builder.build_with(&settings).unwrap()
}

/// A record of today, one of next year, and one more of today.
fn feed() -> EmbeddedCluster {
    let cluster = cluster();
    for topic in ["in", "out", DEAD_LETTERS] {
        cluster.create_topic(topic, 1).unwrap();
    }
    let now_ms = SystemClock.now_ms();
    for time in [now_ms, now_ms + 365 * DAY_MS, now_ms] {
        produce(&cluster, "in", "k", "v", time);
    }
    cluster
}

async fn start(
    cluster: &EmbeddedCluster,
    change: impl FnOnce(StreamsConfig) -> StreamsConfig,
) -> KafkaStreams {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), ProcessingGuarantee::AtLeastOnce);
    let streams =
        KafkaStreams::with_client_supplier(per_day(), change(config), cluster.clone()).unwrap();
    streams.start().await.unwrap();
    streams
}

/// The greatest count of a day in the output.
fn most(cluster: &EmbeddedCluster) -> i64 {
    let records = cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap();
    let counts = records
        .into_iter()
        .map(|record| i64::from_be_bytes(record.value.unwrap_or_default().try_into().unwrap()));
    counts.max().unwrap_or_default()
}

/// As in Java: the day closes with the record of next year, and the last record is late.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_limit_a_record_of_next_year_closes_today() {
    let cluster = feed();
    let streams = start(&cluster, |config| config).await;
    processed(&cluster, &["in"], &[&streams]).await;
    streams.close(PATIENCE).await.unwrap();
    assert_eq!((most(&cluster), streams.metrics().dropped), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_next_year_closes_no_window_where_it_is_dropped_as_a_dead_letter() {
    let cluster = feed();
    let limit = Duration::from_secs(3_600);
    let streams = start(&cluster, |config| {
        config
            .timestamp_max_ahead(Some(limit))
            .timestamp_ahead_policy(TimestampAheadPolicy::Drop)
            .dead_letter_queue_topic(DEAD_LETTERS)
    })
    .await;
    processed(&cluster, &["in"], &[&streams]).await;
    streams.close(PATIENCE).await.unwrap();
    assert_eq!((most(&cluster), streams.metrics().dropped), (2, 1));
    let dead = cluster.read_all(DEAD_LETTERS, IsolationLevel::ReadCommitted).unwrap();
    assert_eq!(dead.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_next_year_ends_the_thread_where_the_policy_is_to_fail() {
    let cluster = feed();
    let limit = Duration::from_secs(3_600);
    let streams = start(&cluster, |config| config.timestamp_max_ahead(Some(limit))).await;
    let error = failure(&streams).await;
    assert_says(&error, &["in-0@1", "ahead of the wall clock", "timestamp.ahead.policy"]);
}
