//! Records whose timestamps are at the end of time.

use std::time::Duration;

use streams_core::{
    BoxError, Record,
    config::StreamsConfig,
    processor::{Context, Processor, Punctuation, PunctuationType},
    serde::{long, string},
    testing::TopologyTestDriver,
    topology::{SinkOptions, SourceOptions, TopologyBuilder},
};

/// Forwards the time of each punctuation.
struct Ticks(PunctuationType);

impl Processor<String, i64, String, i64> for Ticks {
    fn init(&mut self, context: &mut Context<'_, String, i64>) -> Result<(), BoxError> {
        context.schedule(Duration::from_millis(10), self.0);
        Ok(())
    }

    fn process(
        &mut self,
        _record: Record<'_, String, i64>,
        _context: &mut Context<'_, String, i64>,
    ) -> Result<(), BoxError> {
        Ok(())
    }

    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        context: &mut Context<'_, String, i64>,
    ) -> Result<(), BoxError> {
        let time = punctuation.timestamp;
        let headers = streams_core::Headers::new();
        Ok(context.forward(Record::new(&"tick".to_owned(), &time, time, &headers))?)
    }
}

fn driver(kind: PunctuationType) -> TopologyTestDriver {
    let mut builder = TopologyBuilder::new();
    let source = builder.add_source("source", SourceOptions::new(["in"], string(), long()));
    let ticks = builder.add_processor("ticks", move || Ticks(kind), &[source]);
    builder.add_sink("sink", SinkOptions::topic("out", string(), long()), &[ticks]);
    let config = StreamsConfig::new("app", "unused:9092");
    TopologyTestDriver::new(&builder.build().unwrap(), config).unwrap()
}

fn ticks(driver: &TopologyTestDriver) -> Vec<i64> {
    let ticks = driver.output_topic("out", string(), long()).read_key_values_to_list().unwrap();
    ticks.into_iter().map(|(_, time)| time).collect()
}

/// The next time of a punctuation overflowed: a panic in a test build, millions of calls in a
/// release.
#[test]
fn a_timestamp_at_the_end_of_time_makes_a_punctuation_due_once_and_never_again() {
    let driver = driver(PunctuationType::StreamTime);
    let mut input = driver.input_topic("in", string(), long());
    for (time, expected) in
        [(5, vec![5]), (i64::MAX - 3, vec![i64::MAX - 3]), (i64::MAX, vec![]), (7, vec![])]
    {
        input.pipe_input("k".to_owned(), 1, time).unwrap();
        assert_eq!(ticks(&driver), expected, "at {time}");
    }
}

#[test]
fn a_wall_clock_at_the_end_of_time_makes_a_punctuation_due_once_and_never_again() {
    let driver = driver(PunctuationType::WallClockTime);
    for expected in [vec![i64::MAX], vec![]] {
        driver.advance_wall_clock_time(Duration::MAX).unwrap();
        assert_eq!(ticks(&driver), expected);
    }
}
