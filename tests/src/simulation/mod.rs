//! Applications for simulations, each with its input, its faults and what must come of it.
//!
//! A scenario is a function of a seed and a guarantee, which gives a [`SimulationBuilder`] that is
//! ready to run. The seed varies instances, threads, standbys, warm-ups, caches and batch sizes
//! too. Invariant: what a scenario draws from its seed does not depend on what else it is set to,
//! so that a seed that failed once stays of use.
#![expect(clippy::unwrap_used, reason = "a scenario that can't be set up has failed")]

mod appearing;
mod calling;
mod counting;
mod deduplicating;
mod idling;
mod lookup;
mod losing;
mod market;
mod merging;
mod orders;
mod shop;
mod standing_by;
mod stepping;
mod ticking;
mod ties;
mod visiting;
mod warehouse;

use std::{collections::BTreeMap, time::Duration};

use streams_core::{
    client::{IsolationLevel, embedded::EmbeddedCluster},
    config::{ProcessingGuarantee, StreamsConfig},
    testing::simulation::{Random, Simulation, SimulationBuilder, SimulationRecord},
    topology::Topology,
};

pub use self::{
    appearing::appearing,
    calling::calling,
    counting::{counting, counting_topology, counts, expected_counts},
    deduplicating::deduplicating,
    idling::idling,
    lookup::lookup,
    losing::losing,
    market::market,
    merging::merging,
    orders::orders,
    shop::{shop, shop_that_compares},
    standing_by::standing_by,
    stepping::stepping,
    ticking::ticking,
    ties::ties,
    visiting::visiting,
    warehouse::warehouse,
};

/// A simulation in a set-up that the seed varies: instances, threads, standbys, warm-ups.
pub fn varied(
    seed: u64,
    guarantee: ProcessingGuarantee,
    topology: impl Fn(&mut Random) -> Topology + 'static,
) -> SimulationBuilder {
    varied_with(seed, guarantee, topology, |config| config)
}

/// The same with some settings of the scenario's own.
fn varied_with(
    seed: u64,
    guarantee: ProcessingGuarantee,
    topology: impl Fn(&mut Random) -> Topology + 'static,
    settings: impl Fn(StreamsConfig) -> StreamsConfig + 'static,
) -> SimulationBuilder {
    let mut random = Random::new(seed);
    let standbys = usize::try_from(random.below(3)).unwrap();
    let acceptable_lag = random.pick(&[0, 5, 10_000]).copied().unwrap();
    let cache = if random.per_mille(300) { 1_000_000 } else { 0 };
    let instances = 1 + usize::try_from(random.below(4)).unwrap();
    let threads = 1 + usize::try_from(random.below(2)).unwrap();
    let poll_records = random.pick(&[1, 7, 1_000]).copied().unwrap();
    let buffered = random.pick(&[1, 5, 1_000]).copied().unwrap();
    let is_static = random.per_mille(250);
    let config = move |config: StreamsConfig| {
        settings(config)
            .processing_guarantee(guarantee)
            .num_standby_replicas(standbys)
            .acceptable_recovery_lag(acceptable_lag)
            .statestore_cache_max_bytes(cache)
            .probing_rebalance_interval(Duration::from_secs(60))
            .buffered_records_per_partition(buffered)
            .set("consumer.max.poll.records", poll_records)
    };
    let instance_config = move |index: usize, config: StreamsConfig| {
        if is_static { config.group_instance_id(format!("static-{index}")) } else { config }
    };
    Simulation::builder(move || topology(&mut random.clone()))
        .seed(seed)
        .instances(instances)
        .threads(threads)
        .config(config)
        .instance_config(instance_config)
}

/// Records of seven keys in `topic`.
pub fn words(topic: &str, random: &mut Random) -> Vec<SimulationRecord> {
    let count = 60 + random.below(120);
    let word = |n: u64| {
        let (key, value) = (format!("k{}", random.below(7)), format!("v{}", random.below(3)));
        SimulationRecord::new(topic, key, value, i64::try_from((n + 1) * 100).unwrap())
    };
    (0..count).map(word).collect()
}

/// The last value of each key of a topic with counts, as far as it is committed.
pub fn last_counts(cluster: &EmbeddedCluster, topic: &str) -> BTreeMap<String, i64> {
    let records = cluster.read_all(topic, IsolationLevel::ReadCommitted).unwrap();
    let mut counts = BTreeMap::new();
    for record in records {
        let key = String::from_utf8(record.key.unwrap()).unwrap();
        match record.value {
            Some(value) => {
                counts.insert(key, i64::from_be_bytes(value.try_into().unwrap()));
            }
            None => {
                counts.remove(&key);
            }
        }
    }
    counts
}

/// Number of occurrences of each key.
pub fn counts_of<'a>(keys: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, i64> {
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for key in keys {
        *counts.entry(key.to_owned()).or_default() += 1;
    }
    counts
}

fn equal<T: PartialEq + std::fmt::Debug>(actual: &T, expected: &T) -> Result<(), String> {
    if actual == expected { Ok(()) } else { Err(format!("{actual:?} instead of {expected:?}")) }
}
