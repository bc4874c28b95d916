//! Tests on a real broker, whose addresses come from the environment; without them the tests are
//! skipped.

mod admin;
mod consuming;
mod offsets;
mod producer;
mod producing;
mod security;

use std::{collections::BTreeMap, env, time::Duration};

use uuid::Uuid;

use crate::{Client, ClientConfig, NewTopic, TopicPartition};

/// The value of a variable, if tests with brokers are wanted and there is a broker for this one.
fn variable(name: &str) -> Option<String> {
    let value = env::var(name).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        println!("skipped, as {name} is not set");
    }
    value
}

/// A client of the broker, if there is one. Its time-outs are short, so that tests fail soon.
fn client() -> Option<Client> {
    let mut config = ClientConfig::new([variable("KAFKA_STREAMS_TEST_BOOTSTRAP")?]);
    config.request_timeout = Duration::from_secs(10);
    Some(Client::new(config))
}

/// A name that no other test uses.
fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", Uuid::new_v4())
}

/// Creates a topic.
async fn new_topic(client: &Client, partitions: i32) -> String {
    let topic = topic(&unique("client-test"), partitions, &[]);
    client.create_topics(std::slice::from_ref(&topic)).await.unwrap();
    topic.name
}

fn topic(name: &str, partitions: i32, config: &[(&str, &str)]) -> NewTopic {
    let config = config.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let config: BTreeMap<String, String> = config.collect();
    NewTopic { name: name.into(), partitions, replication_factor: 1, config }
}

fn at(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(topic, partition)
}
