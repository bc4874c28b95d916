//! The scenario files.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use streams_core::config::StreamsConfig;

use super::base_config;

/// A scenario, or the part of a byte golden that says how it was made.
#[derive(Debug, Deserialize)]
pub(super) struct Scenario {
    pub(super) topology: String,
    pub(super) config: Map<String, Value>,
    pub(super) topics: BTreeMap<String, TopicTypes>,
    pub(super) input: Vec<Step>,
    pub(super) output: Vec<Value>,
    pub(super) output_per_input: Vec<usize>,
    pub(super) stores: BTreeMap<String, Vec<Value>>,
    pub(super) dropped_records: u64,
    pub(super) describe: String,
    #[serde(default)]
    pub(super) error: Option<ExpectedError>,
}

/// Types of the keys and values of a topic.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct TopicTypes {
    pub(super) key: Type,
    pub(super) value: Type,
    #[serde(default)]
    pub(super) window_ms: Option<i64>,
}

/// A type of keys or values.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Type {
    String,
    Long,
    Json,
    TimeWindowed,
    SessionWindowed,
}

/// One thing that happens to the driver.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Step {
    Advance { advance_wall_clock_ms: u64 },
    Record(InputRecord),
}

/// A record that is piped in.
#[derive(Debug, Deserialize)]
pub(super) struct InputRecord {
    pub(super) topic: String,
    pub(super) key: Value,
    pub(super) value: Value,
    pub(super) timestamp: i64,
    #[serde(default)]
    pub(super) headers: Vec<(String, Option<String>)>,
}

/// Step at which Java failed.
#[derive(Debug, Deserialize)]
pub(super) struct ExpectedError {
    pub(super) input: usize,
    pub(super) exception: String,
}

/// The configuration of a run: what all scenarios share, and its own.
pub(super) fn config(own: &Map<String, Value>) -> StreamsConfig {
    own.iter().fold(base_config(), |config, (key, value)| match value {
        Value::String(text) => config.set(key, text),
        other => config.set(key, other),
    })
}
