//! Counts the words of topics that match a pattern, most of which come to be while instances run.

use streams_core::{
    config::{ProcessingGuarantee, StreamsConfig},
    testing::simulation::{
        Compare, FaultKind, Faults, Outcome, Random, SimulationBuilder, SimulationRecord, work,
    },
    topology::Topology,
};
use streams_dsl::{Consumed, StreamsBuilder};

use super::{
    counting::{expected_counts, is_enough},
    equal, last_counts, varied_with,
};

/// `in-…` → count by key → `out`; a new key for each record is made in between, so that there is a
/// repartition topic, too.
fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    let words = builder.stream::<String, String>(Consumed::pattern("in-[a-z]+"));
    let words = words.peek(|_, _| work());
    words.group_by_key().count().stored("counts").to_stream().to("out");
    let by_value = words.group_by(|_, value| value.clone());
    by_value.count().stored("by-value").to_stream().to("values");
    builder.build().unwrap()
}

fn words(random: &mut Random) -> Vec<SimulationRecord> {
    let topics = ["in-a", "in-b", "in-c", "in-d"];
    let word = |n: u64| {
        // Each topic comes later than the one before.
        let known = usize::try_from(1 + n / 40).unwrap().min(topics.len());
        let topic = random.pick(topics.split_at(known).0).copied().unwrap();
        let (key, value) = (format!("k{}", random.below(7)), format!("v{}", random.below(3)));
        SimulationRecord::new(topic, key, value, i64::try_from((n + 1) * 100).unwrap())
    };
    (0..160).map(word).collect()
}

/// Counts words of topics by pattern: with exactly-once as one sequential run does, with
/// at-least-once not too few.
pub fn appearing(seed: u64, guarantee: ProcessingGuarantee) -> SimulationBuilder {
    let settings = |config: StreamsConfig| config.set("metadata.max.age.ms", 1_000);
    let simulation = varied_with(seed, guarantee, |_| topology(), settings)
        .topic("out", 3)
        .topic("values", 2)
        .input(words)
        // All of one number of partitions, so that each word has one task.
        .appears("in-a", 4)
        .appears("in-b", 4)
        .appears("in-c", 4)
        .appears("in-d", 4);
    if guarantee == ProcessingGuarantee::ExactlyOnceV2 {
        let is_exact = |outcome: &Outcome| {
            equal(&last_counts(&outcome.cluster, "out"), &expected_counts(outcome))
        };
        return simulation.output("values", Compare::LastValues).check(is_exact);
    }
    let faults = Faults::all()
        .without(FaultKind::Pause)
        .without(FaultKind::LateWrites)
        .without(FaultKind::SlowCode);
    simulation.faults(faults).check(is_enough)
}
