//! Two merged topics with unequal numbers of partitions, which grow.
//!
//! Every record has a name of its own, so that each must have its result, wherever it was written.

use std::collections::BTreeMap;

use streams_core::{
    client::IsolationLevel,
    config::{ProcessingGuarantee, StreamsConfig},
    testing::simulation::{Outcome, Random, SimulationBuilder, SimulationRecord, work},
    topology::Topology,
};
use streams_dsl::StreamsBuilder;

use super::{equal, varied_with};

/// `left` and `right` → each record as it is → `out`.
fn merging_topology() -> Topology {
    let builder = StreamsBuilder::new();
    let left = builder.stream::<String, String>("left");
    let right = builder.stream::<String, String>("right");
    left.merge(&right).peek(|_, _| work()).to("out");
    builder.build().unwrap()
}

fn names(random: &mut Random) -> Vec<SimulationRecord> {
    let record = |n: i64| {
        let topic = if random.per_mille(500) { "left" } else { "right" };
        SimulationRecord::new(topic, format!("k{}", random.below(40)), format!("v{n}"), n * 100)
    };
    (0..150).map(record).collect()
}

/// Number of times that each input record came out: once, or with at-least-once at least once.
fn each_comes_out(outcome: &Outcome, exactly_once: bool) -> Result<(), String> {
    let mut seen: BTreeMap<(Vec<u8>, Vec<u8>), usize> = BTreeMap::new();
    for record in outcome.cluster.read_all("out", IsolationLevel::ReadCommitted).unwrap() {
        *seen.entry((record.key.unwrap(), record.value.unwrap())).or_default() += 1;
    }
    let is_wrong = |record: &&SimulationRecord| {
        let name = (record.key.clone().unwrap(), record.value.clone().unwrap());
        let times = seen.get(&name).copied().unwrap_or(0);
        times == 0 || (exactly_once && times > 1)
    };
    match outcome.input.iter().find(is_wrong) {
        None if exactly_once => equal(&seen.len(), &outcome.input.len()),
        None => Ok(()),
        Some(record) => Err(format!("{record:?} did not come out as often as it should")),
    }
}

/// Two merged topics; each record comes out.
pub fn merging(seed: u64, guarantee: ProcessingGuarantee) -> SimulationBuilder {
    let exactly_once = guarantee == ProcessingGuarantee::ExactlyOnceV2;
    let settings = |config: StreamsConfig| config.set("metadata.max.age.ms", 1_000);
    varied_with(seed, guarantee, |_| merging_topology(), settings)
        .topic("left", 4)
        .topic("right", 2)
        .topic("out", 3)
        .grows("left", 6)
        .grows("right", 5)
        .grows("out", 5)
        .input(names)
        .check(move |outcome| each_comes_out(outcome, exactly_once))
}
