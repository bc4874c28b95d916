//! Stateful operators to measure, each with its records.

use std::{sync::Arc, time::Duration};

use streams_dsl::{
    JoinWindows, KStream, KTable, Materialized, Result, SessionWindows, SlidingWindows,
    StreamsBuilder, TimeWindows, Topology, client::Records,
};

use crate::{INPUT, OTHER_INPUT, OUTPUT, driver};

/// Number of records per round.
pub const ROUND: i64 = 1_000;

/// Number of keys in a round of one input. Each comes back after as many milliseconds.
const KEYS: i64 = 100;

/// An operator over keys and values of type `i64`, which runs round after round while stream time
/// advances.
///
/// A round is a thousand records, a millisecond apart. An operator over two inputs gets half of
/// them from each.
#[derive(Debug)]
pub struct Operator {
    name: &'static str,
    topology: Topology,
    inputs: &'static [&'static str],
    /// Milliseconds from the last record of a round to the first one of the next.
    pause_ms: i64,
}

impl Operator {
    /// All operators that are measured.
    ///
    /// # Errors
    /// No error is expected: the topologies are fixed.
    pub fn all() -> Result<Vec<Self>> {
        let one: &[_] = &[INPUT];
        let two: &[_] = &[INPUT, OTHER_INPUT];
        let operator = |name, inputs, pause_ms, topology| Self { name, topology, inputs, pause_ms };
        Ok(vec![
            operator("tumbling_count", one, 1, tumbling_count()?),
            operator("hopping_count_of_ten", one, 1, hopping_count()?),
            operator("sliding_count", one, 1, sliding_count()?),
            operator("session_count", one, 1_000, session_count()?),
            operator("stream_stream_join", two, 1, stream_stream_join()?),
            operator("stream_stream_outer_join", two, 1, stream_stream_outer_join()?),
            operator("foreign_key_join", two, 1, foreign_key_join()?),
        ])
    }

    /// Name of the operator in the figures.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// A task of the operator that has not processed or committed anything yet.
    ///
    /// # Errors
    /// No error is expected: the topologies are fixed.
    pub fn start(&self) -> Result<Rounds<'_>> {
        Ok(Rounds { operator: self, driver: driver(&self.topology)?, next_ms: 0 })
    }
}

/// The rounds of one task.
#[derive(Debug)]
pub struct Rounds<'a> {
    operator: &'a Operator,
    driver: streams_dsl::testing::TaskDriver,
    next_ms: i64,
}

impl Rounds<'_> {
    /// Queues the records of the next round.
    ///
    /// # Errors
    /// No error is expected: the topologies are fixed.
    pub fn enqueue(&mut self) -> Result {
        let inputs = self.operator.inputs;
        let step = i64::try_from(inputs.len()).unwrap_or(1);
        for (first, topic) in (self.next_ms..).zip(inputs) {
            let mut records = Records::new();
            for number in 0..ROUND / step {
                let (key, time) = ((number % KEYS).to_be_bytes(), first + number * step);
                records.push(time, Some(&key), Some(&time.to_be_bytes()), []);
            }
            self.driver.enqueue(topic, Arc::new(records))?;
        }
        self.next_ms += ROUND - 1 + self.operator.pause_ms;
        Ok(())
    }

    /// Processes the queued records, and those that they cause in the topology's own topics.
    ///
    /// # Errors
    /// No error is expected: the topologies are fixed.
    pub fn process(&mut self) -> Result {
        loop {
            self.driver.process()?;
            if self.driver.return_written()? == 0 {
                return Ok(());
            }
        }
    }

    /// Commits the processed records, and processes those that the commit causes in the topology's
    /// own topics.
    ///
    /// # Errors
    /// No error is expected: the topologies are fixed.
    pub fn commit(&mut self) -> Result {
        loop {
            self.driver.commit()?;
            if self.driver.return_written()? == 0 {
                return Ok(());
            }
            self.process()?;
        }
    }
}

/// Builds a topology from the stream of [`INPUT`].
fn of_stream(operator: impl FnOnce(&StreamsBuilder, KStream<i64, i64>)) -> Result<Topology> {
    let builder = StreamsBuilder::new();
    operator(&builder, builder.stream(INPUT));
    builder.build()
}

/// Windows of one second: ten records per window and key.
fn tumbling_count() -> Result<Topology> {
    let windows = TimeWindows::of_size_with_no_grace(Duration::from_secs(1));
    of_stream(|_, records| {
        records.group_by_key().windowed_by(windows).count().to_stream().to(OUTPUT);
    })
}

/// Windows of ten seconds, one starting each second: a record is in ten of them.
fn hopping_count() -> Result<Topology> {
    let windows = TimeWindows::of_size_with_no_grace(Duration::from_secs(10))
        .advance_by(Duration::from_secs(1));
    of_stream(|_, records| {
        records.group_by_key().windowed_by(windows).count().to_stream().to(OUTPUT);
    })
}

/// Windows of half a second: a record falls into five existing windows, and creates one.
fn sliding_count() -> Result<Topology> {
    let windows = SlidingWindows::of_time_difference_with_no_grace(Duration::from_millis(500));
    of_stream(|_, records| {
        records.group_by_key().windowed_by(windows).count().to_stream().to(OUTPUT);
    })
}

/// Sessions of ten records: those of a key in a round.
fn session_count() -> Result<Topology> {
    let windows = SessionWindows::of_inactivity_gap_with_no_grace(Duration::from_millis(500));
    of_stream(|_, records| {
        records.group_by_key().windowed_by(windows).count().to_stream().to(OUTPUT);
    })
}

/// A record meets one of the other stream.
fn around() -> JoinWindows {
    JoinWindows::of_time_difference_with_no_grace(Duration::from_millis(50))
}

/// Each record meets one of the other stream: one result per two records.
fn stream_stream_join() -> Result<Topology> {
    of_stream(|builder, records| {
        let others = builder.stream::<i64, i64>(OTHER_INPUT);
        records.join_stream(&others, around(), |left, right| left + right).to(OUTPUT);
    })
}

/// Like the inner join, with the store of unmatched records.
fn stream_stream_outer_join() -> Result<Topology> {
    of_stream(|builder, records| {
        let others = builder.stream::<i64, i64>(OTHER_INPUT);
        let sum = |left: Option<&i64>, right: Option<&i64>| {
            left.copied().unwrap_or_default() + right.copied().unwrap_or_default()
        };
        records.outer_join_stream(&others, around(), sum).to(OUTPUT);
    })
}

/// Rows, ten of which refer to each row of the other table, and which change their reference each
/// time.
fn foreign_key_join() -> Result<Topology> {
    let builder = StreamsBuilder::new();
    let rows: KTable<i64, i64> = builder.table(INPUT);
    let others: KTable<i64, i64> = builder.table(OTHER_INPUT);
    rows.join_on(&others, |value| value % (KEYS / 10), |value, other| value + other)
        .stored(Materialized::named("joined"))
        .to_stream()
        .to(OUTPUT);
    builder.build()
}
