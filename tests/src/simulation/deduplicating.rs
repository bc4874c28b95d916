//! Payments that are sent once or more, some of them through a repartition topic.
//!
//! Each payment has a name of its own, so that it must go on once, wherever a crash takes its
//! processing apart.

use std::{collections::BTreeMap, time::Duration};

use streams_core::{
    client::IsolationLevel,
    config::ProcessingGuarantee,
    testing::simulation::{Outcome, Random, SimulationBuilder, SimulationRecord, work},
    topology::Topology,
};
use streams_dsl::StreamsBuilder;

use super::{equal, varied};

/// `in` → each payment of a customer once → `out`; by the payment → once → `out-rekeyed`.
fn deduplicating_topology() -> Topology {
    let builder = StreamsBuilder::new();
    let day = Duration::from_secs(86_400);
    let payments = builder.stream::<String, String>("in").peek(|_, _| work());
    payments.deduplicate_by_key_value(day, |_, payment| payment.clone()).to("out");
    payments.select_key(|_, payment| payment.clone()).deduplicate_by_key(day).to("out-rekeyed");
    builder.build().unwrap()
}

/// Payments, each of which is sent up to three times, with others between.
fn sent(random: &mut Random) -> Vec<SimulationRecord> {
    let mut sent = Vec::new();
    for n in 0..120_i64 {
        let customer = format!("k{}", random.below(30));
        for again in 0..random.between(1, 3) {
            let delay = again * random.between(0, 3_000);
            sent.push((n * 100 + delay, customer.clone(), format!("p{n}")));
        }
    }
    sent.sort();
    let record = |(time, customer, payment)| SimulationRecord::new("in", customer, payment, time);
    sent.into_iter().map(record).collect()
}

/// Number of times that each payment came out: once, or with at-least-once at least once.
fn each_goes_on(outcome: &Outcome, topic: &str, exactly_once: bool) -> Result<(), String> {
    let mut seen: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for record in outcome.cluster.read_all(topic, IsolationLevel::ReadCommitted).unwrap() {
        *seen.entry(record.value.unwrap()).or_default() += 1;
    }
    let mut payments: Vec<_> =
        outcome.input.iter().filter_map(|record| record.value.clone()).collect();
    payments.sort();
    payments.dedup();
    equal(&seen.len(), &payments.len())?;
    match seen.iter().find(|(_, times)| exactly_once && **times > 1) {
        Some((payment, times)) => {
            Err(format!("{} went on {times} times", String::from_utf8_lossy(payment)))
        }
        None => Ok(()),
    }
}

/// Payments that are sent again; each goes on.
pub fn deduplicating(seed: u64, guarantee: ProcessingGuarantee) -> SimulationBuilder {
    let exactly_once = guarantee == ProcessingGuarantee::ExactlyOnceV2;
    varied(seed, guarantee, |_| deduplicating_topology())
        .topic("in", 4)
        .topic("out", 2)
        .topic("out-rekeyed", 2)
        .input(sent)
        .check(move |outcome| {
            each_goes_on(outcome, "out", exactly_once)?;
            each_goes_on(outcome, "out-rekeyed", exactly_once)
        })
}
