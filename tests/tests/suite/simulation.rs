//! The runtime under faults, from seeds. A seed that failed once stays among those of its test.

use std::{collections::BTreeMap, time::Duration};

use streams_core::{
    BoxError, Headers, Record,
    client::IsolationLevel,
    config::{ProcessingGuarantee, StreamsConfig},
    processor::{Context, Processor, Punctuation, PunctuationType},
    serde,
    store::{KeyValueStore, StoreRef, Stores},
    testing::simulation::{
        Compare, FaultKind, Faults, Outcome, Random, Simulation, SimulationBuilder,
        SimulationRecord, seeds,
    },
    topology::{SinkOptions, SourceOptions, Topology, TopologyBuilder},
};
use streams_dsl::{Materialized, StreamsBuilder, TimeWindows};

use crate::harness::{counting_topology, counts_of, last_counts};

/// Records of seven keys in `topic`.
fn words(topic: &str, random: &mut Random) -> Vec<SimulationRecord> {
    let count = 60 + random.below(120);
    let word = |n: u64| {
        let (key, value) = (format!("k{}", random.below(7)), format!("v{}", random.below(3)));
        SimulationRecord::new(topic, key, value, i64::try_from((n + 1) * 100).unwrap())
    };
    (0..count).map(word).collect()
}

/// A simulation in a set-up that the seed varies: instances, threads, standbys, warm-ups.
fn varied(
    seed: u64,
    guarantee: ProcessingGuarantee,
    topology: impl Fn(&mut Random) -> Topology + 'static,
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
        config
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

/// Counts words in a store on disk or in memory.
fn counting(seed: u64, guarantee: ProcessingGuarantee) -> SimulationBuilder {
    varied(seed, guarantee, |random| counting_topology(random.per_mille(700)))
        .topic("in", 4)
        .topic("out", 4)
        .input(|random| words("in", random))
        .output("out", Compare::Records)
}

fn expected_counts(outcome: &Outcome) -> BTreeMap<String, i64> {
    let keys = outcome.input.iter().filter_map(|record| record.key.as_deref());
    counts_of(keys.map(|key| std::str::from_utf8(key).unwrap()))
}

fn equal<T: PartialEq + std::fmt::Debug>(actual: &T, expected: &T) -> Result<(), String> {
    if actual == expected { Ok(()) } else { Err(format!("{actual:?} instead of {expected:?}")) }
}

fn count_exactly_once(seed: u64) {
    counting(seed, ProcessingGuarantee::ExactlyOnceV2)
        .check(|outcome| equal(&last_counts(&outcome.cluster, "out"), &expected_counts(outcome)))
        .run()
        .unwrap();
}

#[test]
fn simulation_exactly_once_counts_are_those_of_a_sequential_run() {
    seeds(0..60).for_each(count_exactly_once);
}

#[test]
fn simulation_at_least_once_loses_nothing() {
    for seed in seeds(0..20) {
        counting(seed, ProcessingGuarantee::AtLeastOnce)
            // What a zombie writes to a changelog without a transaction nobody can hold back.
            .faults(Faults::all().without(FaultKind::Pause))
            .check(|outcome| {
                let counts = last_counts(&outcome.cluster, "out");
                let is_short = |(key, expected): &(String, i64)| {
                    counts.get(key).is_none_or(|count| count < expected)
                };
                match expected_counts(outcome).into_iter().find(is_short) {
                    None => Ok(()),
                    Some((key, least)) => Err(format!("{key} is not {least}: {counts:?}")),
                }
            })
            .run()
            .unwrap();
    }
}

/// Counts records, and ticks of the wall clock under a key of the task's own.
struct Ticker {
    counts: StoreRef<KeyValueStore<String, i64>>,
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

/// Every key counts up from 1 without a gap: no tick and no record is lost or counted twice.
fn counts_have_no_gap(outcome: &Outcome) -> Result<(), String> {
    let records = outcome.cluster.read_all("out", IsolationLevel::ReadCommitted);
    let mut last: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    for record in records.unwrap() {
        let (key, count) = (record.key.unwrap(), record.value.unwrap());
        let count = i64::from_be_bytes(count.try_into().unwrap());
        let before = last.insert(key.clone(), count).unwrap_or(0);
        if count != before + 1 {
            let key = String::from_utf8(key).unwrap();
            return Err(format!("{key} goes from {before} to {count}"));
        }
    }
    let records = last.into_iter().map(|(key, count)| (String::from_utf8(key).unwrap(), count));
    let words = records.filter(|(key, _)| !key.starts_with("tick")).collect();
    equal(&words, &expected_counts(outcome))
}

fn tick_exactly_once(seed: u64) {
    let topology = |random: &mut Random| ticking_topology(random.per_mille(700));
    varied(seed, ProcessingGuarantee::ExactlyOnceV2, topology)
        .topic("in", 4)
        .topic("out", 4)
        .input(|random| words("in", random))
        .check(counts_have_no_gap)
        .run()
        .unwrap();
}

#[test]
fn simulation_punctuations_are_exactly_once_too() {
    seeds(0..60).for_each(tick_exactly_once);
}

/// The repartitioned count, stream-table join and windows of a shop.
fn shop_topology(random: &mut Random) -> Topology {
    let in_memory = random.per_mille(300);
    let builder = StreamsBuilder::new();
    let orders = builder.stream::<String, String>("orders");
    let per_product = Materialized::named("per-product");
    let per_product = if in_memory { per_product.in_memory() } else { per_product };
    orders
        .group_by(|_, product| product.clone())
        .count_as(per_product)
        .to_stream()
        .to("per-product");
    let customers = builder.table::<String, String>("customers");
    let beside = |order: &String, customer: &String| format!("{order} of {customer}");
    orders.join(&customers, beside).to("enriched");
    let windows =
        TimeWindows::of_size_and_grace(Duration::from_secs(3), Duration::from_secs(3_600))
            .advance_by(Duration::from_secs(1));
    orders.group_by_key().windowed_by(windows).count_as("windows").to_stream().to("windows");
    builder.build().unwrap()
}

fn customers(_random: &mut Random) -> Vec<SimulationRecord> {
    let customer = |n: i64| SimulationRecord::new("customers", format!("k{n}"), format!("c{n}"), 0);
    (0..6).map(customer).collect()
}

fn shop(seed: u64, guarantee: ProcessingGuarantee) -> SimulationBuilder {
    varied(seed, guarantee, shop_topology)
        .topic("orders", 3)
        .topic("customers", 3)
        .topic("per-product", 2)
        .topic("enriched", 3)
        .topic("windows", 3)
        .input_before(customers)
        .input(|random| words("orders", random))
}

fn shop_exactly_once(seed: u64) {
    shop(seed, ProcessingGuarantee::ExactlyOnceV2)
        .output("per-product", Compare::LastValues)
        .output("enriched", Compare::Records)
        .output("windows", Compare::LastValues)
        .run()
        .unwrap();
}

#[test]
fn simulation_of_a_shop_is_exactly_once_through_repartition_join_and_windows() {
    seeds(0..60).for_each(shop_exactly_once);
}

#[test]
fn simulation_of_a_shop_without_caches_repeats_no_intermediate_result() {
    for seed in seeds(0..20) {
        shop(seed, ProcessingGuarantee::ExactlyOnceV2)
            .config(|config| {
                let config = config.processing_guarantee(ProcessingGuarantee::ExactlyOnceV2);
                config.statestore_cache_max_bytes(0)
            })
            .output("per-product", Compare::Records)
            .output("enriched", Compare::Records)
            .output("windows", Compare::Records)
            .run()
            .unwrap();
    }
}

#[test]
fn simulation_of_a_shop_at_least_once_loses_nothing() {
    for seed in seeds(0..20) {
        shop(seed, ProcessingGuarantee::AtLeastOnce)
            .output("enriched", Compare::Records)
            .run()
            .unwrap();
    }
}

/// A producer that was fenced alone left its thread without tasks for good; a zombie whose input the next owner had
/// purged ended its thread; a zombie committed what punctuations had written without any input; a standby whose
/// restore could not begin was forgotten, and its task never ran again.
#[test]
fn simulation_of_seeds_that_failed_once() {
    [314].into_iter().for_each(count_exactly_once);
    [52, 114].into_iter().for_each(tick_exactly_once);
    [0, 3, 461].into_iter().for_each(shop_exactly_once);
}

#[test]
fn simulation_of_one_seed_always_takes_the_same_course() {
    for seed in seeds(0..3) {
        let run = || shop(seed, ProcessingGuarantee::ExactlyOnceV2).run().unwrap();
        let (first, second) = (run(), run());
        assert_eq!(first.trace.to_string(), second.trace.to_string());
        assert_eq!(first.counters, second.counters);
    }
}

#[cfg(feature = "rocksdb")]
#[test]
fn simulation_on_rocksdb_is_exactly_once() {
    for seed in seeds(0..5) {
        let directory = tempfile::tempdir().unwrap();
        let topology = |_: &mut Random| counting_topology(true);
        varied(seed, ProcessingGuarantee::ExactlyOnceV2, topology)
            .state_dir(directory.path())
            .topic("in", 4)
            .topic("out", 4)
            .input(|random| words("in", random))
            .output("out", Compare::Records)
            .run()
            .unwrap();
    }
}

#[test]
fn simulation_without_faults_loses_nothing_and_repeats_nothing() {
    let simulation = counting(1, ProcessingGuarantee::AtLeastOnce).faults(Faults::none());
    let outcome = simulation.run().unwrap();
    assert_eq!(last_counts(&outcome.cluster, "out"), expected_counts(&outcome));
    assert_eq!(outcome.counters.crashes, 0);
}
