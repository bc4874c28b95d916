//! Looks words up in a global store.

use std::convert::Infallible;

use streams_core::{
    BoxError, Record,
    config::ProcessingGuarantee,
    processor::Context,
    serde,
    store::{KeyValueStore, StoreRef, Stores},
    testing::simulation::{Compare, Random, SimulationBuilder, SimulationRecord},
    topology::{SinkOptions, SourceOptions, Topology, TopologyBuilder},
};

use super::{varied, words};

type Names = KeyValueStore<String, String>;

/// `names` → the global store `names`, where an empty value deletes; `in` → each value with the row
/// of its key → `out`.
fn topology(persistent: bool) -> Topology {
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::new(["names"], serde::string(), serde::string());
    let store = Stores::key_value("names", serde::string(), serde::string());
    let store = if persistent { store } else { store.in_memory() };
    let keep = |names: StoreRef<Names>| {
        move |record: Record<'_, String, String>,
              context: &mut Context<'_, Infallible, Infallible>| {
            let value = (!record.value.is_empty()).then(|| record.value.clone());
            context.store(names)?.put(record.key, value).map_err(BoxError::from)
        }
    };
    let names = builder.add_global_store("names", source, "keep", store, keep);
    let source = SourceOptions::new(["in"], serde::string(), serde::string());
    let source = builder.add_source("source", source);
    let look_up = move || {
        move |record: Record<'_, String, String>, context: &mut Context<'_, String, String>| {
            let name = context.global_store(names)?.get(record.key)?;
            let value = format!("{} of {}", record.value, name.as_deref().unwrap_or("nobody"));
            context.forward(record.with_value(&value)).map_err(BoxError::from)
        }
    };
    let look_up = builder.add_processor("look-up", look_up, &[source]);
    let sink = SinkOptions::topic("out", serde::string(), serde::string());
    builder.add_sink("sink", sink, &[look_up]);
    builder.build().unwrap()
}

/// Names of six of the seven words, some of them changed or deleted again.
fn names(random: &mut Random) -> Vec<SimulationRecord> {
    let name = |n: u64| {
        let value = if random.per_mille(200) { String::new() } else { format!("n{n}") };
        SimulationRecord::new("names", format!("k{}", random.below(6)), value, 1)
    };
    (0..40).map(name).collect()
}

/// Words to look up, between names of which nobody asks: when an instance reads a name is up to it.
fn words_and_names(random: &mut Random) -> Vec<SimulationRecord> {
    let mut records = words("in", random);
    for n in 0..30 {
        let at = usize::try_from(random.below(60)).unwrap();
        let value = if n % 5 == 0 { String::new() } else { format!("n{n}") };
        let key = format!("other{}", random.below(9));
        records.insert(at, SimulationRecord::new("names", key, value, 1));
    }
    records
}

/// Looks words up in a global store that has all that is asked for before the first instance
/// starts.
pub fn lookup(seed: u64, guarantee: ProcessingGuarantee) -> SimulationBuilder {
    varied(seed, guarantee, |random| topology(random.per_mille(700)))
        .topic("names", 3)
        .topic("in", 4)
        .topic("out", 4)
        .input_before(names)
        .input(words_and_names)
        .output("out", Compare::Records)
}
