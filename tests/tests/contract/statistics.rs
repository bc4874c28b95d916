//! Figures of the clients' connections.

use std::time::Duration;

use streams_core::{
    TopicPartition,
    client::{
        ClientKind, ClientStatistics, ClientSupplier, ConsumerSettings, ProducerSettings,
        native::NativeSupplier, rdkafka::RdKafkaSupplier,
    },
    config::StreamsConfig,
};

use crate::world::{append, eventually, new_topic};

const INTERVAL: &str = "statistics.interval.ms";

#[test]
fn clients_of_librdkafka_report_their_connections_if_an_interval_is_set() {
    let Some(bootstrap) = tests::broker::bootstrap() else { return };
    let config = StreamsConfig::new("statistics", bootstrap)
        .set(format!("consumer.{INTERVAL}"), 100)
        .set(format!("producer.{INTERVAL}"), 100);
    clients_report_their_connections(&RdKafkaSupplier::new(&config).unwrap());
}

#[test]
fn native_clients_report_their_connections() {
    let Some(bootstrap) = tests::broker::bootstrap() else { return };
    let config = StreamsConfig::new("statistics", bootstrap);
    clients_report_their_connections(&NativeSupplier::new(&config).unwrap());
}

fn clients_report_their_connections(clients: &dyn ClientSupplier) {
    let topic = tests::broker::unique("statistics");
    clients.admin().unwrap().create_topics(&[new_topic(&topic, 1)]).wait().unwrap();
    let partition = TopicPartition::new(topic, 0);

    let client_id = "writer".to_owned();
    let settings = ProducerSettings { client_id, ..ProducerSettings::default() };
    let mut producer = clients.producer(&settings).unwrap();
    let client_id = "reader".to_owned();
    let settings = ConsumerSettings { client_id, ..ConsumerSettings::default() };
    let mut consumer = clients.consumer(&settings).unwrap();
    consumer.assign(&partition, 0).unwrap();

    let has_moved = |client: &ClientStatistics| {
        let numbers = [client.connections, client.requests, client.bytes_out, client.bytes_in];
        numbers.iter().all(|number| *number > 0) && client.latency_max_ms > 0.0
    };
    let reported = eventually("a report of both clients", || {
        append(&mut *producer, &partition, &["value"]);
        producer.flush().unwrap();
        consumer.poll(1_000, Duration::from_millis(20)).unwrap();
        let reported = clients.statistics();
        (reported.len() == 2 && reported.iter().all(has_moved)).then_some(reported)
    });
    let names: Vec<_> = reported.iter().map(|client| (&*client.client_id, client.kind)).collect();
    assert_eq!(names, [("reader", ClientKind::Consumer), ("writer", ClientKind::Producer)]);

    drop((producer, consumer));
    eventually("the end of both", || clients.statistics().is_empty().then_some(()));
}
