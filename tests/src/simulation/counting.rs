//! Counts words.

use std::collections::BTreeMap;

use streams_core::{
    BoxError, Record,
    config::ProcessingGuarantee,
    processor::{Context, Processor},
    serde,
    store::{KeyValueStore, StoreRef, Stores},
    testing::simulation::{Compare, FaultKind, Faults, Outcome, SimulationBuilder, work},
    topology::{SinkOptions, SourceOptions, Topology, TopologyBuilder},
};

use super::{counts_of, equal, last_counts, varied, words};

/// Counts records by key in the store `counts`, and forwards each count.
struct Counter {
    counts: StoreRef<KeyValueStore<String, i64>>,
}

impl Processor<String, String, String, i64> for Counter {
    fn process(
        &mut self,
        record: Record<'_, String, String>,
        context: &mut Context<'_, String, i64>,
    ) -> Result<(), BoxError> {
        work();
        let count =
            context.store(self.counts)?.update::<_, streams_core::Error>(record.key, |count| {
                let count = count.copied().unwrap_or(0) + 1;
                Ok((Some(count), count))
            })?;
        Ok(context.forward(record.with_value(&count))?)
    }
}

/// `in` → count by key, in a store on disk or in memory → `out`.
pub fn counting_topology(persistent: bool) -> Topology {
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::new(["in"], serde::string(), serde::string());
    let source = builder.add_source("source", source);
    let counts = Stores::key_value("counts", serde::string(), serde::long());
    let counts = if persistent { counts } else { counts.in_memory() };
    let counts = builder.add_state_store(counts);
    let counter = builder.add_processor("counter", move || Counter { counts }, &[source]);
    builder.connect(counter.id(), counts);
    let sink = SinkOptions::topic("out", serde::string(), serde::long());
    builder.add_sink("sink", sink, &[counter]);
    builder.build().unwrap()
}

/// Counts words in a store on disk or in memory; nothing is checked but what always is.
pub fn counts(seed: u64, guarantee: ProcessingGuarantee) -> SimulationBuilder {
    varied(seed, guarantee, |random| counting_topology(random.per_mille(700)))
        .topic("in", 4)
        .topic("out", 4)
        .input(|random| words("in", random))
        .output("out", Compare::Records)
}

/// Counts words: with exactly-once as one sequential run does, with at-least-once not too few.
pub fn counting(seed: u64, guarantee: ProcessingGuarantee) -> SimulationBuilder {
    let counting = counts(seed, guarantee);
    if guarantee == ProcessingGuarantee::ExactlyOnceV2 {
        let is_exact = |outcome: &Outcome| {
            equal(&last_counts(&outcome.cluster, "out"), &expected_counts(outcome))
        };
        return counting.check(is_exact);
    }
    // Nobody can hold back a zombie's writes to a changelog without a transaction.
    let faults = Faults::all()
        .without(FaultKind::Pause)
        .without(FaultKind::LateWrites)
        .without(FaultKind::SlowCode);
    counting.faults(faults).check(is_enough)
}

/// Returns whether no key of `out` was counted too low.
pub(super) fn is_enough(outcome: &Outcome) -> Result<(), String> {
    let counts = last_counts(&outcome.cluster, "out");
    let is_short =
        |(key, expected): &(String, i64)| counts.get(key).is_none_or(|count| count < expected);
    match expected_counts(outcome).into_iter().find(is_short) {
        None => Ok(()),
        Some((key, least)) => Err(format!("{key} is not {least}: {counts:?}")),
    }
}

/// Number of occurrences of each key in the input.
pub fn expected_counts(outcome: &Outcome) -> BTreeMap<String, i64> {
    let keys = outcome.input.iter().filter_map(|record| record.key.as_deref());
    counts_of(keys.map(|key| std::str::from_utf8(key).unwrap()))
}
