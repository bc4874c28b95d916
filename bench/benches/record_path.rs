//! The record path: the cost of a record from its queue, or from its source node, to the end of its
//! branch.
//!
//! An iteration is a thousand records, so a microsecond in criterion's report is a nanosecond per
//! record. `docs/BENCHMARKS.md` describes what each figure includes.
#![forbid(unsafe_code)]

use std::{hint::black_box, sync::Arc, time::Duration};

use bench::{
    COUNTS, HEADERS, INPUT, driver, four_operators, grouped_count, numbers, one_in_one_out, texts,
};
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use streams_dsl::{
    Record, Result, Topology,
    client::Records,
    store::{TimestampedKeyValueStore, ValueAndTimestamp},
};

/// Number of records per iteration.
const RECORDS: i64 = 1_000;
/// Number of different keys among them.
const KEYS: i64 = 100;

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .sample_size(100)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    let mut group = criterion.benchmark_group("record_path");
    group.throughput(Throughput::Elements(RECORDS.unsigned_abs()));

    let four_operators = four_operators()?;
    pushed(&mut group, "four_operators/nodes", &four_operators, &keys())?;
    queued(&mut group, "four_operators/task", &four_operators, numbers(RECORDS, KEYS))?;

    let count = grouped_count::<i64>()?;
    store(&mut group, "grouped_count/store", &count, &keys())?;
    pushed(&mut group, "grouped_count/nodes", &count, &keys())?;
    queued(&mut group, "grouped_count/task", &count, numbers(RECORDS, KEYS))?;

    let count = grouped_count::<String>()?;
    store(&mut group, "grouped_count_of_texts/store", &count, &text_keys())?;
    pushed(&mut group, "grouped_count_of_texts/nodes", &count, &text_keys())?;
    queued(&mut group, "grouped_count_of_texts/task", &count, texts(RECORDS, KEYS))?;

    queued(&mut group, "one_in_one_out/task", &one_in_one_out()?, numbers(RECORDS, KEYS))?;
    group.finish();
    criterion.final_summary();
    Ok(())
}

fn keys() -> Vec<i64> {
    (0..RECORDS).map(|number| number % KEYS).collect()
}

fn text_keys() -> Vec<String> {
    (0..RECORDS).map(|number| format!("customer-{:04}", number % KEYS)).collect()
}

/// Records pushed by the source node: the nodes alone.
fn pushed<K: 'static>(
    group: &mut Group<'_>,
    name: &str,
    topology: &Topology,
    keys: &[K],
) -> Result<()> {
    let mut driver = driver(topology)?;
    let numbers: Vec<(&K, i64)> = keys.iter().zip(0..).collect();
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let records = black_box(&numbers).iter();
            let records = records.map(|(key, number)| Record::new(*key, number, *number, &HEADERS));
            driver.push(INPUT, records)
        });
    });
    Ok(())
}

/// Records taken from the task's queue: the whole path in a stream thread between poll and commit.
fn queued(group: &mut Group<'_>, name: &str, topology: &Topology, records: Records) -> Result<()> {
    let mut driver = driver(topology)?;
    let records = Arc::new(records);
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            driver.enqueue(INPUT, records.clone())?;
            driver.process()
        });
    });
    Ok(())
}

/// A read and a write of the store for each record, as a count does them.
fn store<K: 'static>(
    group: &mut Group<'_>,
    name: &str,
    topology: &Topology,
    keys: &[K],
) -> Result<()> {
    let mut driver = driver(topology)?;
    let store = driver.state_store::<TimestampedKeyValueStore<K, i64>>(COUNTS)?;
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            for key in black_box(keys) {
                store.update(key, |stored| {
                    let value = stored.map_or(0, |stored| stored.value) + 1;
                    Ok::<_, streams_dsl::Error>((
                        Some(ValueAndTimestamp { value, timestamp: 0 }),
                        (),
                    ))
                })?;
            }
            Ok::<_, streams_dsl::Error>(())
        });
    });
    Ok(())
}
