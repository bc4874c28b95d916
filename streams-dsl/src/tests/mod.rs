//! Topologies of the DSL, and messages about mistakes.

mod brute_force;
mod describe;
mod documents;
mod global_tables;
mod idle_time;
mod mistakes;
mod retries;
mod stores;
mod stream_joins;
mod variants;
mod versioned;
mod wrappers;

use streams_core::{
    serde::{option, string},
    testing::TopologyTestDriver,
};

use crate::{StreamsBuilder, StreamsConfig};

/// Output on topic `out`, as `key=value@timestamp`, when these records go in: topic, key, value and
/// timestamp. All are texts, and `-` is a null.
#[track_caller]
pub(crate) fn effect(
    build: impl FnOnce(&StreamsBuilder),
    records: &[(&str, &str, &str, i64)],
) -> Vec<String> {
    let builder = StreamsBuilder::new();
    build(&builder);
    let config = StreamsConfig::new("app", "localhost:9092");
    let driver = TopologyTestDriver::new(&builder.build().unwrap(), config).unwrap();
    let texts = || option(string());
    let text = |text: &str| (text != "-").then(|| text.to_owned());
    for (topic, key, value, timestamp) in records {
        let mut topic = driver.input_topic(topic, texts(), texts());
        topic.pipe_input(text(key), text(value), *timestamp).unwrap();
    }
    let records = driver.output_topic("out", texts(), texts()).read_records_to_list().unwrap();
    let shown = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let line = |key, value, timestamp| format!("{}={}@{timestamp}", shown(key), shown(value));
    records.into_iter().map(|record| line(record.key, record.value, record.timestamp)).collect()
}
