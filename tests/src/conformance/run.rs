//! Running one scenario.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use streams_core::{
    BoxError, Error, ErrorKind, Headers, serde,
    testing::{ProducedRecord, TestRecord, TopologyTestDriver},
};

use super::{
    Checked, Verdict, describe,
    golden_row::compare,
    read,
    scenario::{ExpectedError, InputRecord, Scenario, Step, config},
    stores, topologies,
    wire::{bytes_of, header_texts, json_of},
};

const STACK_TRACE: &str = "__streams.errors.stacktrace";
/// Headers whose texts are Java's own: they only have to be there.
const OWN_TEXTS: [&str; 2] = ["__streams.errors.exception", "__streams.errors.message"];

/// The verdict on a scenario file.
pub(super) fn check_file(path: &Path) -> Verdict {
    let scenario: Scenario = match read(path) {
        Ok(scenario) => scenario,
        Err(error) => return Verdict::Fail(format!("the file can't be read: {error}")),
    };
    match topologies::find(&scenario.topology) {
        Some(build) => check(&scenario, build).into(),
        None => Verdict::Skip(topologies::why_missing(&scenario.topology)),
    }
}

fn check(scenario: &Scenario, build: topologies::Build) -> Checked {
    let topology = build.topology(&config(&scenario.config))?;
    let (expected, actual) =
        (describe::canonical(&scenario.describe), describe::canonical(&topology.describe()));
    let driver = TopologyTestDriver::new(&topology, config(&scenario.config))?;
    let run = feed(&driver, &scenario.input);

    let produced = driver.produced();
    let mut output = Vec::new();
    let mut per_input = Vec::new();
    let mut first = 0;
    for end in &run.ends {
        let of_step = produced.get(first..*end).unwrap_or_default();
        let rows: Vec<Value> =
            of_step.iter().filter_map(|record| output_row(scenario, record)).collect();
        per_input.push(rows.len());
        output.extend(rows);
        first = *end;
    }
    let expected_output: Vec<Value> = scenario.output.iter().map(without_own_texts).collect();
    compare("output", &expected_output, &output)?;
    if per_input != scenario.output_per_input {
        let expected = &scenario.output_per_input;
        return Err(format!("output_per_input: expected {expected:?}, found {per_input:?}").into());
    }
    check_error(scenario.error.as_ref(), run.error.as_ref().map(|error| (run.ends.len(), error)))?;
    if scenario.error.is_none() {
        check_stores(scenario, &driver)?;
    }
    let dropped = driver.dropped_records();
    if dropped != scenario.dropped_records {
        let expected = scenario.dropped_records;
        return Err(format!("dropped_records: expected {expected}, found {dropped}").into());
    }
    if expected != actual {
        let lines =
            expected.lines().zip(actual.lines()).find(|(expected, actual)| expected != actual);
        let (expected, actual) = lines.unwrap_or((&expected, &actual));
        return Err(format!("describe: expected `{expected}`, found `{actual}`").into());
    }
    driver.close()?;
    Ok(())
}

/// Result of feeding a driver.
pub(super) struct Run {
    /// After each step, how many records were produced so far.
    pub(super) ends: Vec<usize>,
    /// The error that ended the run.
    pub(super) error: Option<BoxError>,
}

/// Feeds a driver until the end or the first error.
pub(super) fn feed(driver: &TopologyTestDriver, steps: &[Step]) -> Run {
    let mut ends = Vec::new();
    for step in steps {
        let done = match step {
            Step::Advance { advance_wall_clock_ms } => driver
                .advance_wall_clock_time(Duration::from_millis(*advance_wall_clock_ms))
                .map_err(BoxError::from),
            Step::Record(record) => pipe(driver, record),
        };
        if let Err(error) = done {
            return Run { ends, error: Some(error) };
        }
        ends.push(driver.produced_len());
    }
    Run { ends, error: None }
}

fn pipe(driver: &TopologyTestDriver, record: &InputRecord) -> Checked {
    let bytes = || serde::option(serde::bytes());
    let mut topic = driver.input_topic(&record.topic, bytes(), bytes());
    let mut headers = Headers::new();
    for (name, value) in &record.headers {
        headers.add(name, value.as_deref().map(str::as_bytes));
    }
    let (key, value) = (bytes_of(&record.key)?, bytes_of(&record.value)?);
    let record = TestRecord::new(key, value, record.timestamp).with_headers(headers);
    Ok(topic.pipe_record(&record)?)
}

/// The row of a record on an output topic; others have none.
fn output_row(scenario: &Scenario, record: &ProducedRecord) -> Option<Value> {
    let types = scenario.topics.get(record.topic())?;
    let is_input = scenario
        .input
        .iter()
        .any(|step| matches!(step, Step::Record(input) if *input.topic == *record.topic()));
    if is_input {
        return None;
    }
    let key = json_of(types.key, types.window_ms, record.key.as_deref());
    let value = json_of(types.value, types.window_ms, record.value.as_deref());
    let timestamp = record.timestamp;
    let mut row =
        json!({ "topic": record.topic(), "key": key, "value": value, "timestamp": timestamp });
    let headers = header_texts(&record.headers);
    let headers: Vec<Value> =
        headers.into_iter().filter(|header| header.get(0) != Some(&STACK_TRACE.into())).collect();
    if !headers.is_empty()
        && let Some(row) = row.as_object_mut()
    {
        row.insert("headers".to_owned(), headers.into());
    }
    Some(without_own_texts(&row))
}

/// The row, with the values of headers that hold Java's own texts taken out.
fn without_own_texts(row: &Value) -> Value {
    let mut row = row.clone();
    if let Some(headers) = row.get_mut("headers").and_then(Value::as_array_mut) {
        for header in headers {
            let own =
                header.get(0).and_then(Value::as_str).is_some_and(|name| OWN_TEXTS.contains(&name));
            if let Some(value) = header.get_mut(1).filter(|value| own && !value.is_null()) {
                *value = "(a text)".into();
            }
        }
    }
    row
}

fn check_error(expected: Option<&ExpectedError>, actual: Option<(usize, &BoxError)>) -> Checked {
    match (expected, actual) {
        (None, None) => Ok(()),
        (None, Some((input, error))) => Err(format!("input {input} failed: {error}").into()),
        (Some(expected), None) => Err(format!(
            "expected {} at input {}, but nothing failed",
            expected.exception, expected.input
        )
        .into()),
        (Some(expected), Some((input, error))) if expected.input != input => Err(format!(
            "expected {} at input {}, but input {input} failed: {error}",
            expected.exception, expected.input
        )
        .into()),
        (Some(expected), Some((_, error))) => {
            let kind = error.downcast_ref::<Error>().map(Error::kind);
            let wanted = match &*expected.exception {
                "SerializationException" => ErrorKind::Deserialization,
                _ => ErrorKind::Processing,
            };
            if kind == Some(wanted) {
                return Ok(());
            }
            Err(format!("expected an error of kind {wanted:?}, found {error:?}").into())
        }
    }
}

fn check_stores(scenario: &Scenario, driver: &TopologyTestDriver) -> Checked {
    let window_ms = scenario.topics.values().find_map(|types| types.window_ms);
    for (name, expected) in &scenario.stores {
        let actual = stores::rows(driver, name, window_ms.unwrap_or(10_000))?;
        compare(&format!("store {name} row"), expected, &actual)?;
    }
    Ok(())
}
