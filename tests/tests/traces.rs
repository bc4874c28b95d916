//! Traces: spans of the runtime reach OpenTelemetry, and the context of a trace goes from source to
//! sink records.
#![allow(clippy::unwrap_used, reason = "a test that can't set up its world has failed")]

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use streams_core::client::{IsolationLevel, ProduceRecord, embedded::EmbeddedCluster};
use streams_dsl::{prelude::*, runtime::State, time::SystemClock};
use tracing_subscriber::{
    filter::LevelFilter, layer::SubscriberExt, registry::Registry, util::SubscriberInitExt,
};

const PATIENCE: Duration = Duration::from_secs(60);
const TRACEPARENT: &[u8] = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Runs a topology on two records with a traceparent each, until everything is processed.
async fn run(cluster: &EmbeddedCluster, builder: StreamsBuilder, caching: bool) {
    let mut headers = Headers::new();
    headers.add("traceparent", Some(TRACEPARENT));
    for key in ["a", "b"] {
        let (key, value) = (Some(key.as_bytes()), Some(&b"1"[..]));
        let record = ProduceRecord { timestamp: 7, key, value, headers: &headers };
        cluster.produce("in", None, record).unwrap();
    }
    let directory = tempfile::tempdir().unwrap();
    let config = StreamsConfig::new("traced", "embedded:9092")
        .state_dir(directory.path())
        .commit_interval(Duration::from_millis(20))
        .set("default.dsl.store", "in_memory")
        .set("statestore.cache.max.bytes", if caching { 1_000_000 } else { 0 });
    let topology = builder.build_with(&config).unwrap();
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap();
    streams.start().await.unwrap();
    assert_eq!(streams.wait_for(&[State::Running], PATIENCE).await, State::Running);
    streams.wait_until_idle(Duration::from_millis(300)).await.unwrap();
    streams.close(PATIENCE).await.unwrap();
}

fn cluster() -> EmbeddedCluster {
    let cluster = EmbeddedCluster::new(Arc::new(SystemClock));
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 1).unwrap();
    cluster
}

/// The traceparent of each record of the output topic.
fn traceparents(cluster: &EmbeddedCluster) -> Vec<Option<Vec<u8>>> {
    let records = cluster.read_all("out", IsolationLevel::ReadUncommitted).unwrap();
    let of = |headers: &Headers| headers.last("traceparent").flatten().map(<[u8]>::to_vec);
    records.iter().map(|record| of(&record.headers)).collect()
}

fn attribute(span: &SpanData, key: &str) -> String {
    let of_key = span.attributes.iter().find(|of| of.key.as_str() == key);
    of_key.map(|of| of.value.to_string()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_commits_restores_and_rebalances_are_spans_that_opentelemetry_exports() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    Registry::default().with(LevelFilter::TRACE).with(layer).init();

    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").group_by_key().count().stored("counts");
    run(&cluster(), builder, false).await;

    let spans = exporter.get_finished_spans().unwrap();
    let names: BTreeSet<&str> = spans.iter().map(|span| &*span.name).collect();
    for name in ["turn", "commit", "restore", "rebalance"] {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
    let of = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    assert_eq!(attribute(of("restore"), "task"), "0_0");
    assert_eq!(attribute(of("rebalance"), "active"), "1");
    let thread = attribute(of("turn"), "thread");
    assert!(thread.ends_with("-StreamThread-1"), "{thread}");
    // A commit lasts over several turns and belongs to none.
    assert_eq!(of("commit").parent_span_id, opentelemetry::trace::SpanId::INVALID);
    for name in ["restore", "rebalance"] {
        assert!(of(name).end_time >= of(name).start_time);
    }
}

/// As in Java: records forwarded by an operator have the headers of their input record.
#[tokio::test(flavor = "multi_thread")]
async fn the_context_of_a_trace_goes_from_a_source_record_to_the_records_that_come_of_it() {
    let cluster = cluster();
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in");
    stream
        .map_values(|value| format!("{value}{value}"))
        .select_key(|_, value| value.clone())
        .to("out");
    run(&cluster, builder, false).await;
    assert_eq!(traceparents(&cluster), vec![Some(TRACEPARENT.to_vec()); 2]);
}

/// A result has the headers of the record that changed it, held back by a cache or not.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_of_an_aggregation_has_the_context_of_the_record_that_changed_it() {
    for caching in [false, true] {
        let cluster = cluster();
        let builder = StreamsBuilder::new();
        let counts = builder.stream::<String, String>("in").group_by_key().count();
        counts.stored("counts").to_stream().to("out");
        run(&cluster, builder, caching).await;
        let expected = vec![Some(TRACEPARENT.to_vec()); 2];
        assert_eq!(traceparents(&cluster), expected, "caching: {caching}");
    }
}
