//! Byte goldens: what a topology writes to its internal topics.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value};
use streams_core::testing::{ProducedRecord, TopologyTestDriver};

use super::{
    Checked, Verdict, read,
    run::feed,
    scenario::{Step, config},
    topologies,
    wire::{hex, unhex},
};

/// A byte golden.
#[derive(Debug, Deserialize)]
struct Golden {
    topology: String,
    config: Map<String, Value>,
    input: Vec<Step>,
    topics: BTreeMap<String, Vec<Row>>,
}

/// A record on an internal topic; bytes in hexadecimal digits.
#[derive(Debug, Deserialize)]
struct Row {
    key: Option<String>,
    value: Option<String>,
    timestamp: Option<i64>,
    #[serde(default)]
    headers: Vec<(String, Option<String>)>,
    #[serde(default)]
    partition: Option<i32>,
}

/// The verdict on a byte golden.
pub(super) fn check_file(path: &Path) -> Verdict {
    let golden: Golden = match read(path) {
        Ok(golden) => golden,
        Err(error) => return Verdict::Fail(format!("the file can't be read: {error}")),
    };
    match topologies::find(&golden.topology) {
        Some(build) => check(&golden, build).into(),
        None => Verdict::Skip(topologies::why_missing(&golden.topology)),
    }
}

fn check(golden: &Golden, build: topologies::Build) -> Checked {
    let topology = build.topology(&config(&golden.config))?;
    let driver = TopologyTestDriver::new(&topology, config(&golden.config))?;
    if let Some(error) = feed(&driver, &golden.input).error {
        return Err(error);
    }
    let mut produced: BTreeMap<String, Vec<ProducedRecord>> = BTreeMap::new();
    for record in driver.produced() {
        produced.entry(record.topic().to_owned()).or_default().push(record);
    }
    for (topic, rows) in &golden.topics {
        check_topic(topic, rows, produced.get(topic).map_or(&[][..], Vec::as_slice))?;
    }
    let internal = |topic: &&String| topic.starts_with("oracle-");
    match produced.keys().filter(internal).find(|topic| !golden.topics.contains_key(*topic)) {
        Some(topic) => Err(format!("Java writes nothing to {topic}").into()),
        None => Ok(()),
    }
}

fn check_topic(topic: &str, expected: &[Row], actual: &[ProducedRecord]) -> Checked {
    let mut expected: Vec<&Row> = expected.iter().collect();
    let mut actual: Vec<&ProducedRecord> = actual.iter().collect();
    // Buffers of held-back changes are written by Java in the order of a hash set, and without a
    // timestamp: what counts is the order of each key.
    if expected.iter().all(|row| row.timestamp.is_none()) {
        expected.sort_by_key(|row| row.key.clone());
        actual.sort_by_key(|record| record.key.clone());
    }
    // Java removes a session before it puts the one that grew of it, which may have the same times:
    // the tombstone is overwritten before anyone can read it. Here a changelog gets one record for
    // each key and commit.
    if topic.ends_with("-changelog") {
        leave_out_overwritten(&mut expected, |row| (row.key.clone(), row.value.is_none()));
        leave_out_overwritten(&mut actual, |row| {
            (row.key.as_deref().map(hex), row.value.is_none())
        });
    }
    for (index, (expected, actual)) in expected.iter().zip(&actual).enumerate() {
        if !is_equal(expected, actual) {
            let text =
                format!("{topic} record {index}: expected {expected:?}, found {}", text(actual));
            return Err(text.into());
        }
    }
    if expected.len() != actual.len() {
        let (expected, actual) = (expected.len(), actual.len());
        return Err(format!("{topic}: expected {expected} records, found {actual}").into());
    }
    Ok(())
}

/// Leaves out tombstones right before a value of the same key.
fn leave_out_overwritten<R: Copy>(rows: &mut Vec<R>, key: impl Fn(R) -> (Option<String>, bool)) {
    let next: Vec<_> = rows.iter().skip(1).map(|row| key(*row)).collect();
    let mut next = next.into_iter();
    rows.retain(|row| {
        let (this, is_tombstone) = key(*row);
        next.next().is_none_or(|(next, next_is_tombstone)| {
            !is_tombstone || next_is_tombstone || next != this
        })
    });
}

fn is_equal(expected: &Row, actual: &ProducedRecord) -> bool {
    let headers = actual.headers.iter().map(|(name, value)| (name.to_owned(), value.map(hex)));
    expected.key == actual.key.as_deref().map(hex)
        && (expected.value == actual.value.as_deref().map(hex)
            || is_same_object(expected.value.as_deref(), actual.value.as_deref()))
        // Without a timestamp Java's producer sets the wall clock.
        && expected.timestamp.is_none_or(|timestamp| timestamp == actual.timestamp)
        && expected.partition.is_none_or(|partition| partition == actual.topic_partition.partition)
        && expected.headers.iter().cloned().eq(headers)
}

/// Returns whether both are the same JSON object: its white space is not the library's to choose.
fn is_same_object(expected: Option<&str>, actual: Option<&[u8]>) -> bool {
    let (Some(expected), Some(actual)) = (expected, actual) else { return false };
    let parse = |text: &[u8]| serde_json::from_slice::<Map<String, Value>>(text).ok();
    let expected = unhex(expected).ok().and_then(|text| parse(&text));
    expected.is_some() && expected == parse(actual)
}

fn text(record: &ProducedRecord) -> String {
    let (key, value) = (record.key.as_deref().map(hex), record.value.as_deref().map(hex));
    let headers = &record.headers;
    format!("key {key:?}, value {value:?}, timestamp {}, headers {headers:?}", record.timestamp)
}
