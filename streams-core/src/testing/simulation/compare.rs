//! Comparison of the topology's output with the expected output.

use std::{collections::BTreeMap, fmt::Write};

use super::SimulationRecord;
use crate::{
    Result,
    client::{IsolationLevel, embedded::EmbeddedCluster},
    config::StreamsConfig,
    testing::TopologyTestDriver,
    topology::Topology,
};

/// Method of comparing the committed records of an output topic with those of the reference, key by
/// key. Timestamps and the order of different keys are ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// All values of a key, in order. With at-least-once no value may be missing, counting
    /// repetitions.
    Records,
    /// The last value of each key: for topics in which caches or commits determine the number of
    /// records. A key whose last value is null counts as one without records: a row that came and
    /// went between two commits may leave nothing. Not compared with at-least-once.
    LastValues,
}

/// The values of each key of a topic, in order.
pub(super) type Values = BTreeMap<Option<Vec<u8>>, Vec<Option<Vec<u8>>>>;

/// The topology's output if one driver processes the whole input, one record at a time.
pub(super) fn reference(
    topology: &Topology,
    config: StreamsConfig,
    input: &[SimulationRecord],
) -> Result<BTreeMap<String, Values>> {
    let driver = TopologyTestDriver::new(topology, config)?;
    for record in input {
        let data = (record.key.as_deref(), record.value.as_deref());
        driver.pipe_bytes(&record.topic, data, record.timestamp)?;
    }
    let mut topics: BTreeMap<String, Values> = BTreeMap::new();
    for record in driver.produced() {
        let values = topics.entry(record.topic().to_owned()).or_default();
        values.entry(record.key).or_default().push(record.value);
    }
    Ok(topics)
}

/// The committed records of a topic.
pub(super) fn committed(cluster: &EmbeddedCluster, topic: &str) -> Result<Values> {
    let mut values = Values::new();
    for record in cluster.read_all(topic, IsolationLevel::ReadCommitted)? {
        values.entry(record.key).or_default().push(record.value);
    }
    Ok(values)
}

/// The difference of `actual` from `expected`, if there is one.
pub(super) fn difference(
    compare: Compare,
    exactly_once: bool,
    expected: &Values,
    actual: &Values,
) -> Option<String> {
    let none = Vec::new();
    let keys = expected.keys().chain(actual.keys());
    let wrong = |key: &&Option<Vec<u8>>| {
        let expected = expected.get(*key).unwrap_or(&none);
        let actual = actual.get(*key).unwrap_or(&none);
        match (compare, exactly_once) {
            (Compare::Records, true) => expected != actual,
            (Compare::Records, false) => actual.len() < expected.len(),
            (Compare::LastValues, true) => {
                let last = |values: &[Option<Vec<u8>>]| values.last().cloned().flatten();
                last(expected) != last(actual)
            }
            (Compare::LastValues, false) => false,
        }
    };
    let key = keys.into_iter().find(wrong)?;
    let show = |values: &Values| {
        values.get(key).unwrap_or(&none).iter().map(|value| bytes(value.as_deref())).collect()
    };
    let (expected, actual): (Vec<String>, Vec<String>) = (show(expected), show(actual));
    Some(format!(
        "key {} has the values [{}] where the reference has [{}]",
        bytes(key.as_deref()),
        actual.join(", "),
        expected.join(", ")
    ))
}

/// Bytes as text if they are text, otherwise as hex digits.
pub(super) fn bytes(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "null".to_owned() };
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => format!("{text:?}"),
        _ => {
            let mut digits = "0x".to_owned();
            for byte in bytes {
                // Writing to a string does not fail.
                let _ = write!(digits, "{byte:02x}");
            }
            digits
        }
    }
}
