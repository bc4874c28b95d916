//! A warehouse: most operators with state, in one topology.
//!
//! - `picks` and `scans` of an item are joined, an outer join of streams; each result is asked about by a call that takes
//!   its time (`checked`), and counted by class in sessions, behind a repartition topic. A session comes out once, when it has
//!   closed (`sessions`).
//! - A pick has the price that its item had then: a join with a table of versions that waits for late prices (`priced`).
//! - `items` lie on `shelves`: a join by foreign key (`placed`).
//!
//! Input comes in waves that are far apart in time, with its own times in disorder. Within a wave
//! no window closes; the first records of the next one close them when all of the wave has been
//! processed. So what comes out does not depend on the order in which partitions are read, and
//! [`expected`] computes it from the definitions of the operators alone.

mod expected;

use std::time::Duration;

use streams_core::{
    config::{ProcessingGuarantee, StreamsConfig},
    partition_for_key, serde,
    testing::simulation::{
        FaultKind, Faults, Random, SimulationBuilder, SimulationRecord, call, work,
    },
    topology::Topology,
};
use streams_dsl::{
    AsyncOptions, BufferConfig, JoinWindows, KTable, Materialized, Produced, SessionWindows,
    StreamJoined, StreamsBuilder, Suppressed,
};

use super::varied_with;

const PARTITIONS: i32 = 3;
const ITEMS: u64 = 12;
const CLASSES: u64 = 5;

/// From one wave to the next, in milliseconds.
const WAVE_MS: i64 = 100_000;
/// From one record of a wave to the next.
const STEP_MS: i64 = 97;
/// Records of a wave, at most: they take less time than a window is long.
const RECORDS_MAX: u64 = 60;

/// Longest time between a pick and a scan.
const WINDOW_MS: i64 = 6_000;
/// Grace period of both.
const JOIN_GRACE_MS: i64 = 2_000;
/// Gap of sessions: records that are not joined come out a wave later than those that are.
const GAP_MS: i64 = 700;
const SESSION_GRACE_MS: i64 = 130_000;
/// Time for which a pick waits for its price.
const PRICE_GRACE_MS: i64 = 8_000;

/// Longest time of a call.
const LONGEST: Duration = Duration::from_millis(60);
/// Calls that fail, per thousand.
const FAILURES: u64 = 60;

const fn ms(ms: i64) -> Duration {
    Duration::from_millis(ms.unsigned_abs())
}

/// Result of a pick and a scan of an item, one of which may be missing.
fn pair_of(pick: Option<&str>, scan: Option<&str>) -> String {
    format!("{}+{}", pick.unwrap_or("none"), scan.unwrap_or("none"))
}

/// The class of a pair, of the numbers in it.
fn class_of(pair: &str) -> String {
    let digits = pair.split(|digit: char| !digit.is_ascii_digit());
    let sum: u64 = digits.filter_map(|digits| digits.parse::<u64>().ok()).sum();
    format!("c{}", sum % CLASSES)
}

fn price_of(pick: &str, price: Option<&str>) -> String {
    format!("{pick} at {}", price.unwrap_or("no price"))
}

/// The shelf of an item.
fn shelf_of(item: &str) -> Option<String> {
    item.split_once('@').map(|(_, shelf)| shelf.to_owned())
}

fn place_of(item: &str, shelf: Option<&str>) -> String {
    format!("{item} in {}", shelf.unwrap_or("no place"))
}

fn warehouse_topology(random: &mut Random) -> Topology {
    let in_memory = random.per_mille(300);
    let builder = StreamsBuilder::new();
    let picks = builder.stream::<String, String>("picks").peek(|_, _| work());
    let scans = builder.stream::<String, String>("scans");
    let window = JoinWindows::of_time_difference_and_grace(ms(WINDOW_MS), ms(JOIN_GRACE_MS));
    let joined = StreamJoined::named("pairs");
    let pairs = picks
        .outer_join_stream(&scans, window, |pick: Option<&String>, scan: Option<&String>| {
            pair_of(pick.map(String::as_str), scan.map(String::as_str))
        })
        .stored(if in_memory { joined.in_memory() } else { joined });

    let in_flight = random.pick(&[1, 2, 8, 100]).copied().unwrap();
    let checked = pairs.try_map_values_async(|pair| async move {
        if call(LONGEST).await < FAILURES { Err("not now") } else { Ok(pair) }
    });
    let options = AsyncOptions::default()
        .in_flight(in_flight)
        .timeout(Duration::from_millis(400))
        .retry(6, Duration::from_millis(5));
    let checked = checked.with_async(options);
    checked.to("checked");
    let sessions = SessionWindows::of_inactivity_gap_and_grace(ms(GAP_MS), ms(SESSION_GRACE_MS));
    let counts = Materialized::named("counts");
    checked
        .group_by(|_, pair| class_of(pair))
        .windowed_by(sessions)
        .count()
        .stored(if in_memory { counts.in_memory() } else { counts })
        .suppress(Suppressed::until_window_closes(BufferConfig::unbounded()))
        .to_stream_with_key(|row, _| format!("{} {} {}", row.key, row.window.start, row.window.end))
        .map_values(|count| count.unwrap_or_default())
        .to(Produced::topic("sessions").with(serde::string(), serde::long()));

    let prices = Materialized::versioned("prices", ms(2 * WAVE_MS));
    let prices = builder.table::<String, String>("prices").stored(prices);
    picks
        .left_join(&prices, |pick, price: Option<&String>| {
            price_of(pick, price.map(String::as_str))
        })
        .named("priced")
        .with_grace_period(ms(PRICE_GRACE_MS))
        .to("priced");

    place_items(&builder, in_memory);
    builder.build().unwrap()
}

/// `items` and `shelves` → `placed`.
fn place_items(builder: &StreamsBuilder, in_memory: bool) {
    let table = |topic: &str| -> KTable<String, String> {
        let store = Materialized::named(topic);
        builder.table(topic).stored(if in_memory { store.in_memory() } else { store })
    };
    let (items, shelves) = (table("items"), table("shelves"));
    let placed = items.left_join_on(
        &shelves,
        |item| shelf_of(item),
        |item, shelf: Option<&String>| place_of(item, shelf.map(String::as_str)),
    );
    placed.named("placed").to_stream().to("placed");
}

/// The times of a wave's records, in disorder.
fn times(wave: i64, count: u64, random: &mut Random) -> Vec<i64> {
    let mut steps: Vec<i64> = (0..i64::try_from(count).unwrap()).collect();
    for last in (1..steps.len()).rev() {
        let other = usize::try_from(random.below(u64::try_from(last + 1).unwrap())).unwrap();
        steps.swap(last, other);
    }
    steps.into_iter().map(|step| wave * WAVE_MS + step * STEP_MS).collect()
}

/// An item of each partition.
fn one_of_each_partition() -> Vec<String> {
    let items = || (0..ITEMS).map(|item| format!("i{item}"));
    let of = |partition: i32| {
        items().find(|item| partition_for_key(item.as_bytes(), PARTITIONS) == partition).unwrap()
    };
    (0..PARTITIONS).map(of).collect()
}

/// Some of everything. There is a pick in each partition, which lets what waits there since the
/// wave before come out.
fn day(wave: i64, random: &mut Random) -> Vec<SimulationRecord> {
    let count = RECORDS_MAX / 2 + random.below(RECORDS_MAX / 2);
    let times = times(wave, count, random);
    let first = one_of_each_partition();
    let record = |(n, time): (usize, i64)| {
        if let Some(item) = first.get(n) {
            return SimulationRecord::new("picks", item.as_str(), format!("p{n}"), time);
        }
        let item = format!("i{}", random.below(ITEMS));
        let goes = random.per_mille(200);
        let shelf = random.below(5);
        match random.below(100) {
            0..35 => SimulationRecord::new("picks", item, format!("p{n}"), time),
            35..65 => SimulationRecord::new("scans", item, format!("s{n}"), time),
            65..77 if goes => SimulationRecord::tombstone("prices", item, time),
            65..77 => SimulationRecord::new("prices", item, format!("{wave}.{n}"), time),
            77..90 if goes => SimulationRecord::tombstone("items", item, time),
            77..90 if shelf == 4 => SimulationRecord::new("items", item, "nowhere", time),
            77..90 => {
                let value = format!("v{}@h{shelf}", n % 3);
                SimulationRecord::new("items", item, value, time)
            }
            _ if goes => SimulationRecord::tombstone("shelves", format!("h{shelf}"), time),
            _ => SimulationRecord::new("shelves", format!("h{shelf}"), format!("{wave}.{n}"), time),
        }
    };
    times.into_iter().enumerate().map(record).collect()
}

/// A pick and a scan of each item, so that time moves on in every partition, also behind the
/// repartition topic.
fn inventory(wave: i64, random: &mut Random) -> Vec<SimulationRecord> {
    let times = times(wave, 2 * ITEMS, random);
    let record = |(n, time): (usize, i64)| {
        let (item, topic) = (format!("i{}", n / 2), if n % 2 == 0 { "picks" } else { "scans" });
        // There is only one class.
        let value = if n % 2 == 0 { format!("p{}", n / 2) } else { "s0".to_owned() };
        SimulationRecord::new(topic, item, value, time)
    };
    times.into_iter().enumerate().map(record).collect()
}

/// A warehouse, whose results are computed from its input: with exactly-once they are those, with
/// at-least-once none is lost.
pub fn warehouse(seed: u64, guarantee: ProcessingGuarantee) -> SimulationBuilder {
    // What closes a window looks for it: not only once in a second, or the last one of a wave would
    // come out a wave later.
    let settings = |config: StreamsConfig| {
        config.set("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__", 0)
    };
    let warehouse = varied_with(seed, guarantee, warehouse_topology, settings)
        .topic("picks", PARTITIONS)
        .topic("scans", PARTITIONS)
        .topic("prices", PARTITIONS)
        .topic("items", 2)
        .topic("shelves", 3)
        .topic("checked", 2)
        .topic("sessions", 2)
        .topic("priced", 2)
        .topic("placed", 2)
        .steps(300)
        .input(|random| day(1, random))
        .input_afterwards(|random| day(2, random))
        .input_afterwards(|random| inventory(3, random))
        .input_afterwards(|random| inventory(4, random));
    if guarantee == ProcessingGuarantee::ExactlyOnceV2 {
        return warehouse.check(expected::is_exact);
    }
    // Nobody can hold back a zombie's writes to a changelog without a transaction.
    let faults = Faults::all()
        .without(FaultKind::Pause)
        .without(FaultKind::LateWrites)
        .without(FaultKind::SlowCode);
    warehouse.faults(faults).check(expected::is_complete)
}
