//! Counts words, and the ticks of punctuations.

use std::{collections::BTreeMap, time::Duration};

use streams_core::{
    BoxError, Headers, Record,
    client::IsolationLevel,
    config::ProcessingGuarantee,
    processor::{Context, Processor, Punctuation, PunctuationType},
    serde,
    store::{KeyValueStore, StoreRef, Stores},
    testing::simulation::{Outcome, SimulationBuilder, work},
    topology::{SinkOptions, SourceOptions, Topology, TopologyBuilder},
};

use super::{equal, expected_counts, varied, words};

/// Counts records, and ticks of the wall clock and of stream time under a key of the task's own.
pub(super) struct Ticker {
    pub(super) counts: StoreRef<KeyValueStore<String, i64>>,
}

impl Ticker {
    fn count(
        &self,
        key: &String,
        timestamp: i64,
        context: &mut Context<'_, String, i64>,
    ) -> Result<(), BoxError> {
        let store = context.store(self.counts)?;
        let count = store.get(key)?.copied().unwrap_or(0) + 1;
        store.put(key, Some(count))?;
        let headers = Headers::new();
        Ok(context.forward(Record::new(key, &count, timestamp, &headers))?)
    }
}

impl Processor<String, String, String, i64> for Ticker {
    fn init(&mut self, context: &mut Context<'_, String, i64>) -> Result<(), BoxError> {
        context.schedule(Duration::from_millis(700), PunctuationType::WallClockTime);
        context.schedule(Duration::from_millis(900), PunctuationType::StreamTime);
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<'_, String, String>,
        context: &mut Context<'_, String, i64>,
    ) -> Result<(), BoxError> {
        work();
        self.count(record.key, record.timestamp, context)
    }

    fn punctuate(
        &mut self,
        punctuation: Punctuation,
        context: &mut Context<'_, String, i64>,
    ) -> Result<(), BoxError> {
        let key = format!("tick of {}", context.task_id());
        self.count(&key, punctuation.timestamp, context)
    }
}

fn ticking_topology(persistent: bool) -> Topology {
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::new(["in"], serde::string(), serde::string());
    let source = builder.add_source("source", source);
    let counts = Stores::key_value("counts", serde::string(), serde::long());
    let counts = if persistent { counts } else { counts.in_memory() };
    let counts = builder.add_state_store(counts);
    let ticker = builder.add_processor("ticker", move || Ticker { counts }, &[source]);
    builder.connect(ticker.id(), counts);
    let sink = SinkOptions::topic("out", serde::string(), serde::long());
    builder.add_sink("sink", sink, &[ticker]);
    builder.build().unwrap()
}

/// Every key of `topic` counts up from 1 without a gap, and to as many as the input has: no tick
/// and no record is lost or counted twice.
pub(super) fn counts_have_no_gap(outcome: &Outcome, topic: &str) -> Result<(), String> {
    let records = outcome.cluster.read_all(topic, IsolationLevel::ReadCommitted);
    let mut last: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    for record in records.unwrap() {
        let (key, count) = (record.key.unwrap(), record.value.unwrap());
        let count = i64::from_be_bytes(count.try_into().unwrap());
        let before = last.insert(key.clone(), count).unwrap_or(0);
        if count != before + 1 {
            let key = String::from_utf8(key).unwrap();
            return Err(format!("in topic {topic} {key} goes from {before} to {count}"));
        }
    }
    let records = last.into_iter().map(|(key, count)| (String::from_utf8(key).unwrap(), count));
    let words = records.filter(|(key, _)| !key.starts_with("tick")).collect();
    equal(&words, &expected_counts(outcome))
}

/// Counts words and ticks, both exactly once.
pub fn ticking(seed: u64, guarantee: ProcessingGuarantee) -> SimulationBuilder {
    varied(seed, guarantee, |random| ticking_topology(random.per_mille(700)))
        .topic("in", 4)
        .topic("out", 4)
        .input(|random| words("in", random))
        .check(|outcome| counts_have_no_gap(outcome, "out"))
}
