//! Two cached stores, of which the lower one is flushed first and again when the upper one has
//! forwarded into it.
//!
//! Every value has a name of its own, and the lower store writes each change as a step from what
//! downstream has seen last.

use std::collections::BTreeMap;

use streams_core::{
    BoxError, Record,
    client::IsolationLevel,
    config::ProcessingGuarantee::ExactlyOnceV2,
    processor::{Context, Processor},
    serde::string,
    store::{KeyValueStore, StoreRef, Stores},
    testing::simulation::{Outcome, Random, SimulationBuilder, SimulationRecord, work},
    topology::{NodeRef, SinkOptions, SourceOptions, Topology, TopologyBuilder},
};

use super::varied;

/// Placeholder for no value in a step.
const NONE: &str = "none";

/// Keeps the newest value of each key, and forwards what its cache held back: the value or, if it
/// `shows`, the step.
struct Keep {
    store: StoreRef<KeyValueStore<String, String>>,
    shows: bool,
}

impl Processor<String, String, String, String> for Keep {
    fn process(
        &mut self,
        record: Record<'_, String, String>,
        context: &mut Context<'_, String, String>,
    ) -> Result<(), BoxError> {
        work();
        let value = Some(record.value.clone()).filter(|value| value != NONE);
        Ok(context.store(self.store)?.put(record.key, value)?)
    }

    fn flush(&mut self, context: &mut Context<'_, String, String>) -> Result<(), BoxError> {
        while let Some(change) = context.store(self.store)?.next_pending(true)? {
            let new = change.new.as_deref().unwrap_or(NONE);
            let old = change.old.as_deref().unwrap_or(NONE);
            let text = if self.shows { format!("{old} {new}") } else { new.to_owned() };
            let time = change.context.timestamp;
            context.with_record_context(&change.context, |context, headers| {
                context.forward(Record::new(&change.key, &text, time, headers))
            })?;
        }
        Ok(())
    }
}

/// `direct` and what store `upper` keeps of `above` → store `lower` → its steps → `out`.
fn stepping_topology() -> Topology {
    let mut builder = TopologyBuilder::new();
    let cached = |name| Stores::key_value(name, string(), string()).with_caching_enabled();
    let (lower, upper) =
        (builder.add_state_store(cached("lower")), builder.add_state_store(cached("upper")));
    let options = |topic: &'static str| SourceOptions::new([topic], string(), string());
    let above = builder.add_source("above", options("above"));
    let keep = move || Keep { store: upper, shows: false };
    let keep: NodeRef<String, String> = builder.add_processor("keep", keep, &[above]);
    builder.connect(keep.id(), upper);
    builder.flush_with(upper, keep.id());
    let direct = builder.add_source("direct", options("direct"));
    let show = move || Keep { store: lower, shows: true };
    let show: NodeRef<String, String> = builder.add_processor("show", show, &[direct, keep]);
    builder.connect(show.id(), lower);
    builder.flush_with(lower, show.id());
    builder.add_sink("sink", SinkOptions::topic("out", string(), string()), &[show]);
    builder.build().unwrap()
}

fn values(random: &mut Random) -> Vec<SimulationRecord> {
    let record = |n: i64| {
        let topic = if random.per_mille(500) { "direct" } else { "above" };
        let value = if random.per_mille(150) { NONE.to_owned() } else { format!("v{n}") };
        SimulationRecord::new(topic, format!("k{}", random.below(5)), value, n * 100)
    };
    (0..150).map(record).collect()
}

/// Each step of a key begins where the one before it ended.
fn steps_are_unbroken(outcome: &Outcome) -> Result<(), String> {
    let mut last: BTreeMap<String, String> = BTreeMap::new();
    for record in outcome.cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap() {
        let key = String::from_utf8(record.key.unwrap()).unwrap();
        let step = String::from_utf8(record.value.unwrap()).unwrap();
        let (old, new) = step.split_once(' ').unwrap();
        let before = last.insert(key.clone(), new.to_owned()).unwrap_or_else(|| NONE.to_owned());
        if old != before {
            return Err(format!("{key} goes from {old} to {new}, but it was {before}"));
        }
    }
    Ok(())
}

/// Steps of cached stores, exactly once.
pub fn stepping(seed: u64) -> SimulationBuilder {
    varied(seed, ExactlyOnceV2, |_| stepping_topology())
        .topic("direct", 3)
        .topic("above", 3)
        .topic("out", 2)
        .input(values)
        .check(steps_are_unbroken)
}
