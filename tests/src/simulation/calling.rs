//! Calls of another service, which take their time and fail now and then.
//!
//! The results of a first operator are compared record by record: those of a key come in order. A
//! second one below it has no order and re-keys, so that what comes of it is counted in another
//! sub-topology.

use std::{collections::BTreeMap, time::Duration};

use streams_core::{
    config::ProcessingGuarantee,
    testing::simulation::{
        Compare, FaultKind, Faults, Outcome, Random, SimulationBuilder, SimulationRecord, call,
    },
    topology::Topology,
};
use streams_dsl::{AsyncOptions, Materialized, StreamsBuilder};

use super::{counts_of, equal, last_counts, varied};

/// Longest time of a call.
const LONGEST: Duration = Duration::from_millis(120);

/// Calls that fail, per thousand.
const FAILURES: u64 = 80;

/// Class by which a value is counted.
fn class_of(value: &str) -> String {
    format!("c{}", value.len())
}

/// `in` → a call → `called` → a call → count by class → `counts`.
fn calling_topology(random: &mut Random) -> Topology {
    let in_flight = random.pick(&[1, 2, 8, 100]).copied().unwrap();
    let options = AsyncOptions::default()
        .in_flight(in_flight)
        .timeout(Duration::from_millis(400))
        .retry(6, Duration::from_millis(5));
    let builder = StreamsBuilder::new();
    let called = builder.stream::<String, String>("in").try_map_values_async(|value| async move {
        if call(LONGEST).await < FAILURES { Err("not now") } else { Ok(format!("called {value}")) }
    });
    let called = called.with_async(options);
    called.to("called");
    let classes = called.map_async(|_, value| async move {
        call(LONGEST).await;
        (class_of(&value), value)
    });
    let classes = classes.named("classes").with_async(options.unordered());
    let stored = Materialized::named("counts");
    let stored = if random.per_mille(300) { stored.in_memory() } else { stored };
    classes.group_by_key().count().stored(stored).to_stream().to("counts");
    builder.build().unwrap()
}

/// Records of which each has a value of its own.
fn requests(random: &mut Random) -> Vec<SimulationRecord> {
    let count = 60 + random.below(120);
    let request = |n: u64| {
        let (key, padding) =
            (format!("k{}", random.below(7)), "x".repeat(usize::try_from(n % 4).unwrap()));
        let value = format!("{n:03}{padding}");
        SimulationRecord::new("in", key, value, i64::try_from((n + 1) * 100).unwrap())
    };
    (0..count).map(request).collect()
}

fn expected(outcome: &Outcome) -> BTreeMap<String, i64> {
    let values = outcome.input.iter().filter_map(|record| record.value.as_deref());
    let values = values.map(|value| format!("called {}", std::str::from_utf8(value).unwrap()));
    let classes: Vec<String> = values.map(|value| class_of(&value)).collect();
    counts_of(classes.iter().map(String::as_str))
}

/// Calls another service: with exactly-once each record has its results once, with at-least-once
/// none is lost.
pub fn calling(seed: u64, guarantee: ProcessingGuarantee) -> SimulationBuilder {
    let calling = varied(seed, guarantee, calling_topology)
        .topic("in", 4)
        .topic("called", 4)
        .topic("counts", 3)
        .input(requests);
    if guarantee == ProcessingGuarantee::ExactlyOnceV2 {
        let is_exact =
            |outcome: &Outcome| equal(&last_counts(&outcome.cluster, "counts"), &expected(outcome));
        return calling.output("called", Compare::Records).check(is_exact);
    }
    // Nobody can hold back a zombie's writes to a changelog without a transaction.
    let faults = Faults::all()
        .without(FaultKind::Pause)
        .without(FaultKind::LateWrites)
        .without(FaultKind::SlowCode);
    calling.faults(faults).check(|outcome| {
        let counts = last_counts(&outcome.cluster, "counts");
        let is_short =
            |(key, least): &(String, i64)| counts.get(key).is_none_or(|count| count < least);
        match expected(outcome).into_iter().find(is_short) {
            None => Ok(()),
            Some((key, least)) => Err(format!("{key} is not {least}: {counts:?}")),
        }
    })
}
