//! The runtime under faults, from seeds. A seed that failed stays in the list of its test.

use std::{collections::BTreeMap, time::Duration};

use streams_core::{
    config::{ProcessingGuarantee, StreamsConfig},
    testing::simulation::{
        Compare, FaultKind, Faults, Outcome, Random, Simulation, SimulationBuilder,
        SimulationRecord, seeds,
    },
};

use crate::harness::{counting_topology, counts_of, last_counts};

/// Records of seven keys in topic `in`.
fn words(random: &mut Random) -> Vec<SimulationRecord> {
    let count = 60 + random.below(120);
    let word = |n: u64| {
        let key = format!("k{}", random.below(7));
        SimulationRecord::new("in", key, format!("{n}"), i64::try_from(n).unwrap())
    };
    (0..count).map(word).collect()
}

/// Counts words on stores on disk or in memory, in a set-up that the seed varies.
fn counting(seed: u64, guarantee: ProcessingGuarantee) -> SimulationBuilder {
    let mut random = Random::new(seed);
    let persistent = random.per_mille(700);
    let standbys = usize::try_from(random.below(2)).unwrap();
    let config = move |config: StreamsConfig| {
        config.processing_guarantee(guarantee).num_standby_replicas(standbys)
    };
    Simulation::builder(move || counting_topology(persistent))
        .seed(seed)
        .instances(1 + usize::try_from(random.below(4)).unwrap())
        .threads(1 + usize::try_from(random.below(2)).unwrap())
        .config(config)
        .topic("in", 4)
        .topic("out", 4)
        .input(words)
        .output("out", Compare::Records)
}

fn expected_counts(outcome: &Outcome) -> BTreeMap<String, i64> {
    let keys = outcome.input.iter().filter_map(|record| record.key.as_deref());
    counts_of(keys.map(|key| std::str::from_utf8(key).unwrap()))
}

#[test]
fn simulation_exactly_once_counts_are_those_of_a_sequential_run() {
    for seed in seeds(0..40) {
        let check = |outcome: &Outcome| {
            let (counts, expected) = (last_counts(&outcome.cluster, "out"), expected_counts(outcome));
            if counts == expected { Ok(()) } else { Err(format!("{counts:?}, not {expected:?}")) }
        };
        counting(seed, ProcessingGuarantee::ExactlyOnceV2).check(check).run().unwrap();
    }
}

#[test]
fn simulation_at_least_once_loses_nothing() {
    for seed in seeds(0..20) {
        counting(seed, ProcessingGuarantee::AtLeastOnce)
            // What a zombie writes to a changelog without a transaction nobody can hold back.
            .faults(Faults::all().without(FaultKind::Pause))
            .check(|outcome| {
                let counts = last_counts(&outcome.cluster, "out");
                let short = expected_counts(outcome).into_iter().find(|(key, expected)| {
                    counts.get(key).is_none_or(|count| count < expected)
                });
                short.map_or(Ok(()), |(key, expected)| Err(format!("{key} has not {expected}: {counts:?}")))
            })
            .run()
            .unwrap();
    }
}

#[test]
fn simulation_of_one_seed_always_takes_the_same_course() {
    for seed in seeds(0..3) {
        let run = || {
            let simulation = counting(seed, ProcessingGuarantee::ExactlyOnceV2);
            simulation.run().unwrap()
        };
        let (first, second) = (run(), run());
        assert_eq!(first.trace.to_string(), second.trace.to_string());
        assert_eq!(first.counters, second.counters);
    }
}

#[test]
fn simulation_without_faults_loses_nothing_and_repeats_nothing() {
    let simulation = counting(1, ProcessingGuarantee::AtLeastOnce).faults(Faults::none());
    let outcome = simulation.config(|config| config.poll_interval(Duration::from_millis(1))).run();
    let outcome = outcome.unwrap();
    assert_eq!(last_counts(&outcome.cluster, "out"), expected_counts(&outcome));
    assert_eq!(outcome.counters.crashes, 0);
}
