//! Log lines of records that are dropped.
//!
//! Each dropped record had its own WARN: 2,000 late records were 2,002 lines, and a faulty producer
//! filled the disks of those who read its topic.

use super::*;
use crate::{
    config::{DeserializationHandlerChoice, ProcessingHandlerChoice},
    testing::log_lines::lines_of,
};

const FLOOD: i64 = 2_000;

/// Drops every record, or fails on it.
struct Picky {
    fails: bool,
}

impl Processor<String, i64, String, i64> for Picky {
    fn process(
        &mut self,
        record: Record<'_, String, i64>,
        context: &mut Context<'_, String, i64>,
    ) -> Result<(), BoxError> {
        if self.fails {
            return Err(format!("{} is no good", record.value).into());
        }
        context.drop_record("it is of no use");
        Ok(())
    }
}

fn driver(fails: bool, config: StreamsConfig) -> TopologyTestDriver {
    let mut builder = TopologyBuilder::new();
    let records = builder.add_source("source", SourceOptions::new(["in"], string(), long()));
    let picky = move || Picky { fails };
    let picked = builder.add_processor("picky", picky, &[records]);
    builder.add_sink("sink", SinkOptions::topic("out", string(), long()), &[picked]);
    TopologyTestDriver::new(&builder.build().unwrap(), config).unwrap()
}

/// The warnings of a flood, then of one more record half a minute later, then of the end.
fn warnings(driver: TopologyTestDriver, pipe: impl Fn(&TopologyTestDriver)) -> Vec<String> {
    let lines = lines_of(|| {
        for _ in 0..FLOOD {
            pipe(&driver);
        }
        driver.advance_wall_clock_time(Duration::from_secs(30)).unwrap();
        pipe(&driver);
        pipe(&driver);
        assert_eq!(driver.dropped_records(), u64::try_from(FLOOD).unwrap() + 2);
        drop(driver);
    });
    lines.into_iter().filter(|line| line.starts_with("WARN")).collect()
}

#[track_caller]
fn assert_said(lines: &[String], node: &str, said: &str) {
    let [first, later, rest] = lines else { panic!("{} lines: {lines:?}", lines.len()) };
    for (line, dropped) in [(first, None), (later, Some("dropped=2000")), (rest, Some("dropped=1"))]
    {
        assert!(line.contains("task=0_0") && line.contains(node), "{line}");
        assert!(dropped.is_none_or(|dropped| line.contains(dropped)), "{line}");
    }
    assert!(first.contains(said), "{first}");
    assert!(first.contains("in-0@0") && later.contains("in-0@2000"), "{first}, {later}");
}

#[test]
fn records_that_a_processor_drops_are_one_line_and_a_count_per_interval() {
    let lines = warnings(driver(false, config()), |driver| {
        let mut input = driver.input_topic("in", string(), long());
        input.pipe_input("k".to_owned(), 1, 0).unwrap();
    });
    assert_said(&lines, "picky", "it is of no use");
}

#[test]
fn records_that_can_not_be_read_are_one_line_and_a_count_per_interval() {
    let config =
        config().deserialization_exception_handler(DeserializationHandlerChoice::LogAndContinue);
    let lines = warnings(driver(false, config), |driver| {
        let mut input = driver.input_topic("in", string(), string());
        input.pipe_input("k".to_owned(), "poison".to_owned(), 0).unwrap();
    });
    assert_said(&lines, "source", "dropped a record: source `source` can't read the value");
}

#[test]
fn records_that_user_code_fails_on_are_one_line_and_a_count_per_interval() {
    let config = config().processing_exception_handler(ProcessingHandlerChoice::LogAndContinue);
    let lines = warnings(driver(true, config), |driver| {
        let mut input = driver.input_topic("in", string(), long());
        input.pipe_input("k".to_owned(), 7, 0).unwrap();
    });
    assert_said(&lines, "picky", "7 is no good");
}

#[test]
fn records_without_a_timestamp_are_one_line_and_a_count_per_interval() {
    let config = config().set("default.timestamp.extractor", "LogAndSkipOnInvalidTimestamp");
    let lines = warnings(driver(false, config), |driver| {
        let mut input = driver.input_topic("in", string(), long());
        input.pipe_input("k".to_owned(), 1, -1).unwrap();
    });
    assert_said(&lines, "source", "its timestamp is negative (-1)");
}
