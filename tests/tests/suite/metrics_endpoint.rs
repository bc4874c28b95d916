//! An instance's metrics as text, and over HTTP.

use std::{net::SocketAddr, time::Duration};

use streams_core::{
    ErrorKind, KafkaStreams,
    config::{ProcessingGuarantee, StreamsConfig},
    runtime::{
        State,
        prometheus_client::{encoding::text::encode, registry::Registry},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    harness::{PATIENCE, cluster, config, counting_topology},
    metrics::sum,
};

const AT_LEAST_ONCE: ProcessingGuarantee = ProcessingGuarantee::AtLeastOnce;

fn listening(directory: &std::path::Path, at: &str) -> StreamsConfig {
    config(directory, AT_LEAST_ONCE).set("metrics.listen", at)
}

/// Sends a request and returns the status and the body.
async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// They held the state directory's lock if they were in a registry that outlived the instance.
#[tokio::test]
async fn a_registry_of_the_program_has_the_metrics_for_as_long_as_the_instance_is_there() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    let config = config(directory.path(), AT_LEAST_ONCE).client_id("me");
    let topology = counting_topology(false);
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster).unwrap();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(streams.metrics_collector()));
    let encoded = |registry: &Registry| {
        let mut text = String::new();
        encode(&mut text, registry).unwrap();
        text
    };
    let text = encoded(&registry);
    assert_eq!(text, streams.metrics_text());
    let expected = "# HELP kafka_streams_stream_metrics_alive_stream_threads Stream threads that are alive.\n\
                    # TYPE kafka_streams_stream_metrics_alive_stream_threads gauge\n\
                    kafka_streams_stream_metrics_alive_stream_threads{client_id=\"me\"} 0.0\n";
    assert!(text.contains(expected), "{text}");
    let expected = "# TYPE kafka_streams_stream_metrics_dead_letter_records counter\n\
                    kafka_streams_stream_metrics_dead_letter_records_total{client_id=\"me\"} 0.0\n";
    assert!(text.contains(expected), "{text}");
    drop(streams);
    assert_eq!(encoded(&registry), "# EOF\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_endpoint_serves_metrics_and_health_until_the_instance_is_closed() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    let config = listening(directory.path(), "127.0.0.1:0");
    let topology = counting_topology(false);
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap();
    assert_eq!(streams.metrics_address(), None, "it is not started");
    cluster.create_topic("in", 2).unwrap();
    cluster.create_topic("out", 1).unwrap();
    streams.start().await.unwrap();
    let address = streams.metrics_address().unwrap();
    assert_eq!(get(address, "/healthz").await.0, 200);
    assert_eq!(streams.wait_for(&[State::Running], PATIENCE).await, State::Running);
    assert_eq!(get(address, "/readyz").await, (200, "RUNNING\n".to_owned()));
    let (status, text) = get(address, "/metrics").await;
    assert_eq!(status, 200);
    assert!(text.contains("kafka_streams_stream_metrics_client_state{"), "{text}");
    assert!(text.contains("# EOF\n"), "{text}");
    assert_eq!(get(address, "/other").await.0, 404);
    streams.close(PATIENCE).await.unwrap();
    assert_eq!(streams.metrics_address(), None);
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_in_error_is_neither_ready_nor_worth_keeping() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    // Its source topic is missing, which ends its thread.
    let config = listening(directory.path(), "127.0.0.1:0");
    let topology = counting_topology(false);
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster).unwrap();
    streams.start().await.unwrap();
    let address = streams.metrics_address().unwrap();
    assert_eq!(streams.wait_for(&[State::Error], PATIENCE).await, State::Error);
    assert_eq!(get(address, "/healthz").await, (503, "ERROR\n".to_owned()));
    assert_eq!(get(address, "/readyz").await.0, 503);
    let failed = sum(&streams.all_metrics(), "kafka_streams_stream_metrics_failed_stream_threads");
    assert_eq!(failed, Some(1.0));
    drop(streams);
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

/// A client that opens a connection and sends nothing must not delay the close.
#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_an_error_of_the_start_and_a_silent_client_holds_nothing_up() {
    let (cluster, directory) = (cluster(), tempfile::tempdir().unwrap());
    cluster.create_topic("in", 2).unwrap();
    cluster.create_topic("out", 1).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let make = |directory: &std::path::Path| {
        let config = listening(directory, &address.to_string());
        let topology = counting_topology(false);
        KafkaStreams::with_client_supplier(topology, config, cluster.clone()).unwrap()
    };
    let streams = make(directory.path());
    let error = streams.start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = format!("metrics.listen={address} can't be listened at; choose an address");
    assert!(error.to_string().contains(&text), "{error}");
    assert_eq!(streams.wait_for(&[State::Error], PATIENCE).await, State::Error);
    drop((streams, taken));

    let streams = make(directory.path());
    streams.start().await.unwrap();
    let silent = TcpStream::connect(address).await.unwrap();
    streams.wait_for(&[State::Running], PATIENCE).await;
    let closed = tokio::time::timeout(Duration::from_secs(30), streams.close(PATIENCE)).await;
    closed.unwrap().unwrap();
    drop(silent);
}
