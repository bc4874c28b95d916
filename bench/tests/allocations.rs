//! No allocation per record on the record path.
//!
//! Each test first warms the path up, so that queues, buffers and overlays have the room that they
//! need, and then counts over ten thousand records. Allocations per batch or commit, rather than
//! per record, happen outside the count.
#![forbid(unsafe_code)]

use std::sync::Arc;

use allocation_counter::measure;
use bench::{
    HEADERS, INPUT, driver, four_operators, grouped_count, numbers, one_in_one_out, texts,
};
use streams_dsl::{Record, Result, Topology, client::Records, testing::TaskDriver};

const RECORDS: i64 = 10_000;
const KEYS: i64 = 100;

/// Number of allocations while a warm task processes queued records.
fn allocations_from_the_queue(topology: &Topology, records: Records) -> Result<u64> {
    let mut driver = driver(topology)?;
    let records = Arc::new(records);
    let process = |driver: &mut TaskDriver| {
        driver.enqueue(INPUT, records.clone())?;
        count(|| driver.process())
    };
    process(&mut driver)?;
    process(&mut driver)
}

/// Number of allocations while the nodes of a warm task get records with these keys.
fn allocations_behind_the_source<K: 'static>(topology: &Topology, keys: &[K]) -> Result<u64> {
    let mut driver = driver(topology)?;
    let numbers: Vec<i64> = (0..RECORDS).collect();
    let mut push = || {
        let records = keys.iter().cycle().zip(&numbers);
        let records = records.map(|(key, number)| Record::new(key, number, *number, &HEADERS));
        count(|| driver.push(INPUT, records))
    };
    push()?;
    push()
}

/// Number of allocations in a run that must process all records.
fn count(run: impl FnOnce() -> Result<u64>) -> Result<u64> {
    let mut processed = Ok(0);
    let info = measure(|| processed = run());
    assert_eq!(processed?, RECORDS.unsigned_abs());
    Ok(info.count_total)
}

#[test]
fn four_stateless_operators_allocate_nothing() {
    let topology = four_operators().unwrap();
    let keys: Vec<i64> = (0..KEYS).collect();
    assert_eq!(allocations_behind_the_source(&topology, &keys).unwrap(), 0);
    assert_eq!(allocations_from_the_queue(&topology, numbers(RECORDS, KEYS)).unwrap(), 0);
}

#[test]
fn a_grouped_count_that_hits_the_overlay_allocates_nothing() {
    let topology = grouped_count::<i64>().unwrap();
    let keys: Vec<i64> = (0..KEYS).collect();
    assert_eq!(allocations_behind_the_source(&topology, &keys).unwrap(), 0);
    assert_eq!(allocations_from_the_queue(&topology, numbers(RECORDS, KEYS)).unwrap(), 0);
}

#[test]
fn a_grouped_count_of_texts_allocates_nothing_but_the_keys_that_the_source_reads() {
    let topology = grouped_count::<String>().unwrap();
    let keys: Vec<String> = (0..KEYS).map(|key| format!("customer-{key:04}")).collect();
    assert_eq!(allocations_behind_the_source(&topology, &keys).unwrap(), 0);
    let allocations = allocations_from_the_queue(&topology, texts(RECORDS, KEYS)).unwrap();
    assert_eq!(allocations, RECORDS.unsigned_abs());
}

#[test]
fn a_count_goes_on_without_allocations_after_a_commit() {
    let mut driver = driver(&grouped_count::<i64>().unwrap()).unwrap();
    let records = Arc::new(numbers(RECORDS, KEYS));
    driver.enqueue(INPUT, records.clone()).unwrap();
    driver.process().unwrap();
    driver.commit().unwrap();
    driver.enqueue(INPUT, records).unwrap();
    assert_eq!(count(|| driver.process()).unwrap(), 0);
}

#[test]
fn one_in_one_out_allocates_nothing() {
    let topology = one_in_one_out().unwrap();
    assert_eq!(allocations_from_the_queue(&topology, numbers(RECORDS, KEYS)).unwrap(), 0);
}
