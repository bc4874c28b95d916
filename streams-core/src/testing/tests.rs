use std::time::Duration;

use super::*;
use crate::{
    BoxError, Direction, ErrorKind, Headers, Record, Result,
    config::StreamsConfig,
    processor::{Context, Processor, Punctuation, PunctuationType},
    serde::{long, string},
    store::{KeyValueStore, StoreRef, Stores},
    topology::{NodeRef, SinkOptions, SourceOptions, Topology, TopologyBuilder},
};

mod ahead;
mod drops;
mod global;
mod wrappers;

type Texts<'a> = Context<'a, String, String>;

fn config() -> StreamsConfig {
    StreamsConfig::new("app", "unused:9092")
}

fn source(builder: &mut TopologyBuilder, name: &str, topic: &str) -> NodeRef<String, String> {
    builder.add_source(name, SourceOptions::new([topic], string(), string()))
}

fn sink(builder: &mut TopologyBuilder, name: &str, topic: &str, parent: NodeRef<String, String>) {
    builder.add_sink(name, SinkOptions::topic(topic, string(), string()), &[parent]);
}

fn texts(driver: &TopologyTestDriver, topic: &str) -> TestOutputTopic<String, String> {
    driver.output_topic(topic, string(), string())
}

/// Counts records by key, fails on "bad", and forwards the counts at each tick of the wall clock.
struct Counter(StoreRef<KeyValueStore<String, i64>>);

impl Processor<String, String, String, String> for Counter {
    fn init(&mut self, context: &mut Texts<'_>) -> Result<(), BoxError> {
        context.schedule(Duration::from_secs(10), PunctuationType::WallClockTime);
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<'_, String, String>,
        context: &mut Texts<'_>,
    ) -> Result<(), BoxError> {
        if record.value == "bad" {
            return Err("a bad value".into());
        }
        let store = context.store(self.0)?;
        let count = store.get(record.key)?.copied().unwrap_or_default() + 1;
        Ok(store.put(record.key, Some(count))?)
    }

    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        context: &mut Texts<'_>,
    ) -> Result<(), BoxError> {
        let rows = context.store(self.0)?.all(Direction::Forward)?;
        let rows: Vec<(String, i64)> = rows.collect::<Result<_>>()?;
        for (key, count) in rows {
            let (value, headers) = (count.to_string(), Headers::new());
            context.forward(Record::new(&key, &value, punctuation.timestamp, &headers))?;
        }
        Ok(())
    }
}

fn counting() -> Topology {
    let mut builder = TopologyBuilder::new();
    let source = source(&mut builder, "source", "in");
    let store = builder.add_state_store(Stores::key_value("counts", string(), long()));
    let counter = builder.add_processor("counter", move || Counter(store), &[source]);
    builder.connect(counter.id(), store);
    sink(&mut builder, "sink", "out", counter);
    builder.build().unwrap()
}

#[test]
fn what_is_written_to_a_topic_that_is_read_goes_back_into_its_queue() {
    let mut builder = TopologyBuilder::new();
    let first = source(&mut builder, "first", "in");
    sink(&mut builder, "to-internal", "between", first);
    builder.add_repartition_topic("between", None);
    let second = source(&mut builder, "second", "between");
    sink(&mut builder, "to-out", "out", second);
    let driver = TopologyTestDriver::new(&builder.build().unwrap(), config()).unwrap();

    let mut input = driver.input_topic("in", string(), string());
    let mut headers = Headers::new();
    headers.add("h", Some(b"1"));
    let record = TestRecord::new("k".to_owned(), "v".to_owned(), 7).with_headers(headers);
    input.pipe_record(&record).unwrap();

    assert_eq!(texts(&driver, "out").read_record().unwrap(), Some(record));
    let topics: Vec<String> =
        driver.produced().iter().map(|record| record.topic().to_owned()).collect();
    assert_eq!(topics, ["app-between", "out"]);
}

#[test]
fn the_wall_clock_moves_only_when_it_is_told_to() {
    let topology = counting();
    let driver = TopologyTestDriver::builder(&topology, config());
    let driver = driver.wall_clock_ms(1_000).build().unwrap();
    let mut input = driver.input_topic("in", string(), string());
    input.pipe_input("k".to_owned(), "v".to_owned(), 50_000).unwrap();

    driver.advance_wall_clock_time(Duration::from_millis(9_999)).unwrap();
    let out = texts(&driver, "out");
    assert!(out.is_empty());
    driver.advance_wall_clock_time(Duration::from_millis(1)).unwrap();
    assert_eq!(driver.current_time_ms().unwrap(), 11_000);
    let tick = TestRecord::new("k".to_owned(), "1".to_owned(), 11_000);
    assert_eq!(out.read_records_to_list().unwrap(), [tick]);
    driver.close().unwrap();
}

#[test]
fn each_record_is_committed_to_the_changelog() {
    let driver = TopologyTestDriver::new(&counting(), config()).unwrap();
    let mut input = driver.input_topic("in", string(), string());
    input = input.with_auto_advance(5, Duration::from_millis(10));
    let records = [("a", "1"), ("a", "2")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    input.pipe_all(records).unwrap();

    let changelog = driver.output_topic("app-counts-changelog", string(), long());
    let expected = [TestRecord::new("a".to_owned(), 1, 5), TestRecord::new("a".to_owned(), 2, 15)];
    assert_eq!(changelog.len(), 2);
    assert_eq!(changelog.read_records_to_list().unwrap(), expected);
    assert_eq!(changelog.read_key_value().unwrap(), None, "each record is read once");
}

#[test]
fn a_store_can_be_read_and_filled_but_not_held_while_records_are_piped() {
    let driver = TopologyTestDriver::new(&counting(), config()).unwrap();
    let mut input = driver.input_topic("in", string(), string());
    let mut store = driver.key_value_store::<String, i64>("counts").unwrap();
    store.put(&"k".to_owned(), Some(41)).unwrap();
    let error = input.pipe_input("k".to_owned(), "v".to_owned(), 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidState);
    drop(store);

    input.pipe_input("k".to_owned(), "v".to_owned(), 0).unwrap();
    let mut store = driver.key_value_store::<String, i64>("counts").unwrap();
    assert_eq!(store.get(&"k".to_owned()).unwrap(), Some(&42));
    drop(store);
    let error = driver.key_value_store::<String, String>("counts").unwrap_err();
    assert!(error.to_string().contains("is not a"), "{error}");
    let error = driver.key_value_store::<String, i64>("count").unwrap_err();
    assert!(error.to_string().contains("there is: counts"), "{error}");
}

#[test]
fn a_topic_that_the_topology_does_not_read_is_an_error() {
    let driver = TopologyTestDriver::new(&counting(), config()).unwrap();
    let mut input = driver.input_topic("other", string(), string());
    let error = input.pipe_input("k".to_owned(), "v".to_owned(), 0).unwrap_err();
    assert!(error.to_string().contains("it reads: in"), "{error}");
}

#[test]
fn a_record_that_fails_is_passed_over() {
    let driver = TopologyTestDriver::new(&counting(), config()).unwrap();
    let mut input = driver.input_topic("in", string(), string());
    let error = input.pipe_input("k".to_owned(), "bad".to_owned(), 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Processing);
    input.pipe_input("k".to_owned(), "good".to_owned(), 1).unwrap();
    let mut store = driver.key_value_store::<String, i64>("counts").unwrap();
    assert_eq!(store.get(&"k".to_owned()).unwrap(), Some(&1));
}

#[test]
fn a_handler_in_code_takes_the_place_of_the_configured_one() {
    let topology = counting();
    let driver = TopologyTestDriver::builder(&topology, config())
        .processing_exception_handler(crate::handler::LogAndContinue {
            dead_letter_topic: Some("letters".to_owned()),
        })
        .build()
        .unwrap();
    let mut input = driver.input_topic("in", string(), string());
    input.pipe_input("k".to_owned(), "bad".to_owned(), 3).unwrap();
    assert_eq!(driver.dropped_records(), 1);
    let letter = texts(&driver, "letters").read_record().unwrap().unwrap();
    assert_eq!((&*letter.value, letter.timestamp), ("bad", 3));
}
