//! What it saves to write the rows of a commit in the order of their keys: `cargo run --release -p state-store
//! --no-default-features --example sorted_batches -- KEYS ROWS`.
//!
//! Batches of so many rows at random keys go to a database in memory that has all keys, in turn as they come and sorted.
//! The figures are nanoseconds per row, sorting apart.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it prints a measurement")]
#![expect(clippy::disallowed_methods, reason = "it measures the time that it takes")]

use std::{
    env,
    error::Error,
    time::{Duration, Instant},
};

use state_store::{Database, MemoryDatabase, StoreId, WriteBatch};

const STORE: StoreId = StoreId(0);
/// Rows that are written in each turn.
const WRITTEN: u64 = 1_000_000;
/// An odd number, so that its multiples are spread over all keys.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let keys: u64 = arguments.next().map_or(Ok(1_000_000), |text| text.parse())?;
    let rows: u64 = arguments.next().map_or(Ok(2_500), |text| text.parse())?;
    for sorted in [false, true, false, true] {
        let (sorting, writing) = turn(keys, rows, sorted)?;
        println!("sorted: {sorted}; sorting {sorting} ns, writing {writing} ns");
    }
    Ok(())
}

/// Nanoseconds per row of sorting and of writing.
fn turn(keys: u64, rows: u64, sorted: bool) -> Result<(u128, u128), Box<dyn Error>> {
    let database = MemoryDatabase::new(1);
    let mut all = WriteBatch::new();
    (0..keys).for_each(|key| all.put(STORE, &key.to_be_bytes(), &[0; 16]));
    database.write(all)?;
    let (mut sorting, mut writing) = (Duration::ZERO, Duration::ZERO);
    let mut number: u64 = 0;
    while number < WRITTEN {
        let mut batch = WriteBatch::new();
        for _ in 0..rows {
            let key = (number.wrapping_mul(STEP) >> 32) % keys;
            batch.put(STORE, &key.to_be_bytes(), &[1; 16]);
            number += 1;
        }
        let begun = Instant::now();
        if sorted {
            batch.sort();
        }
        sorting += begun.elapsed();
        let begun = Instant::now();
        database.write(batch)?;
        writing += begun.elapsed();
    }
    let per_row = |time: Duration| time.as_nanos() / u128::from(number.max(1));
    Ok((per_row(sorting), per_row(writing)))
}
