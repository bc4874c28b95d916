//! Windows in a store of which standbys have a copy, at least once.
//!
//! Records come in the order of their times and windows close at once: only a record that comes
//! again can be late, and a store whose stream time ran ahead of what is committed would drop it.

use std::{collections::BTreeMap, time::Duration};

use streams_core::{
    client::IsolationLevel,
    config::ProcessingGuarantee,
    serde,
    testing::simulation::{FaultKind, Faults, Outcome, SimulationBuilder, work},
    topology::Topology,
};
use streams_dsl::{Materialized, Produced, StreamsBuilder, TimeWindows};

use super::{Random, varied, words};

const SIZE_MS: i64 = 500;

fn windows_topology(random: &mut Random) -> Topology {
    let in_memory = random.per_mille(300);
    let builder = StreamsBuilder::new();
    let size = Duration::from_millis(SIZE_MS.unsigned_abs());
    let counts = Materialized::named("counts");
    let counts = if in_memory { counts.in_memory() } else { counts };
    builder
        .stream::<String, String>("in")
        .peek(|_, _| work())
        .group_by_key()
        .windowed_by(TimeWindows::of_size_with_no_grace(size))
        .count()
        .stored(counts)
        .to_stream_with_key(|row, _| format!("{}@{}", row.key, row.window.start))
        .map_values(|count| count.unwrap_or_default())
        .to(Produced::topic("out").with(serde::string(), serde::long()));
    builder.build().unwrap()
}

/// No window has counted fewer records than it has, neither in the results nor in the store.
fn no_window_counts_too_few(outcome: &Outcome) -> Result<(), String> {
    let mut expected: BTreeMap<String, i64> = BTreeMap::new();
    for record in &outcome.input {
        let key = String::from_utf8(record.key.clone().unwrap()).unwrap();
        let start = record.timestamp - record.timestamp % SIZE_MS;
        *expected.entry(format!("{key}@{start}")).or_default() += 1;
    }
    let read =
        |topic: &str| outcome.cluster.read_all(topic, IsolationLevel::ReadCommitted).unwrap();
    let mut most: BTreeMap<String, i64> = BTreeMap::new();
    for record in read("out") {
        let window = String::from_utf8(record.key.unwrap()).unwrap();
        let known = most.entry(window).or_default();
        *known = count_of(record.value).max(*known);
    }
    let changelog = format!("{}-counts-changelog", outcome.application_id);
    let rows =
        read(&changelog).into_iter().map(|row| (window_of(&row.key.unwrap()), count_of(row.value)));
    check(&expected, &most, "came out with")?;
    check(&expected, &rows.collect(), "is stored with")
}

fn count_of(value: Option<Vec<u8>>) -> i64 {
    i64::from_be_bytes(value.unwrap().try_into().unwrap())
}

/// The key and the start of a window, of the key of its row: behind the key eight bytes of time and four of a number.
fn window_of(row: &[u8]) -> String {
    let (key, rest) = row.split_at(row.len() - 12);
    let start = i64::from_be_bytes(*rest.first_chunk().unwrap());
    format!("{}@{start}", String::from_utf8_lossy(key))
}

fn check(
    expected: &BTreeMap<String, i64>,
    counted: &BTreeMap<String, i64>,
    how: &str,
) -> Result<(), String> {
    for (window, count) in expected {
        let counted = counted.get(window).copied().unwrap_or(0);
        if counted < *count {
            return Err(format!("window {window} {how} {counted} of {count} records"));
        }
    }
    Ok(())
}

/// Windows at least once, with a standby of each task.
pub fn standing_by(seed: u64) -> SimulationBuilder {
    let guarantee = ProcessingGuarantee::AtLeastOnce;
    let mut random = Random::new(!seed);
    let cache = if random.per_mille(300) { 1_000_000 } else { 0 };
    let instances = 2 + usize::try_from(random.below(2)).unwrap();
    varied(seed, guarantee, windows_topology)
        .instances(instances)
        .config(move |config| {
            config
                .processing_guarantee(guarantee)
                .num_standby_replicas(1)
                .statestore_cache_max_bytes(cache)
                .set("consumer.max.poll.records", 7)
        })
        .topic("in", 3)
        .topic("out", 3)
        .input(|random| words("in", random))
        // Nobody can hold back a zombie's writes to a changelog without a transaction.
        .faults(
            Faults::all()
                .without(FaultKind::Pause)
                .without(FaultKind::LateWrites)
                .without(FaultKind::SlowCode),
        )
        .check(no_window_counts_too_few)
}
