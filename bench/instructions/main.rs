//! The program whose instructions `scripts/instructions.sh` counts: instructions PATH ROUNDS
//!
//! A round is a thousand records. The difference between two numbers of rounds is due to the
//! records alone, without start and end of the program. Everything is in this process, with
//! in-memory stores and a producer that discards.
#![forbid(unsafe_code)]

use std::{hint::black_box, iter, sync::Arc};

use bench::{INPUT, driver, grouped_count, kafka::Failure, numbers, one_in_one_out};
use kafka_client::record_batch::{BatchBuilder, BatchSeal, Compression, RecordBatches};
use streams_dsl::Topology;

/// Number of records per round.
const RECORDS: i64 = 1_000;
/// Number of keys among them, for a path that looks its key up in a store.
const KEYS: i64 = 100;
/// The value that the codec writes and reads.
const VALUE: [u8; 100] = [b'v'; 100];

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, rounds] = arguments.as_slice() else {
        return Err("usage: instructions PATH ROUNDS".into());
    };
    let rounds: u64 = rounds.parse()?;
    match path.as_str() {
        "one-in-one-out" => process(&one_in_one_out()?, KEYS, rounds, false),
        "grouped-count" => process(&grouped_count::<i64>()?, KEYS, rounds, false),
        // Each record has its own key, so all records of a round are in the commit.
        "commit" => process(&grouped_count::<i64>()?, RECORDS, rounds, true),
        "batch-codec" => code(rounds),
        _ => Err(format!("no path is called {path}").into()),
    }
}

/// The work of a stream thread for polled records, and for their commit.
fn process(topology: &Topology, keys: i64, rounds: u64, commits: bool) -> Result<(), Failure> {
    let mut driver = driver(topology)?;
    let records = Arc::new(numbers(RECORDS, keys));
    for _ in 0..rounds {
        driver.enqueue(INPUT, Arc::clone(&records))?;
        driver.process()?;
        if commits {
            driver.commit()?;
        }
    }
    Ok(())
}

/// Writes a batch with its checksum, checks it and reads its records in place.
fn code(rounds: u64) -> Result<(), Failure> {
    for round in 0..rounds {
        let mut builder = BatchBuilder::new(Vec::new());
        for number in 0..RECORDS {
            let key = number.to_be_bytes();
            builder.append(number, Some(&key), Some(&VALUE), iter::empty(), usize::MAX)?;
        }
        let seal = BatchSeal { base_sequence: i32::try_from(round)?, ..BatchSeal::PLAIN };
        let bytes = builder.seal(&seal, Compression::None, None)?;
        for batch in RecordBatches::new(bytes) {
            let batch = batch?;
            batch.check()?;
            let records = batch.records()?;
            for entry in records.entries() {
                let entry = entry?;
                let key = entry.key.map(|span| records.slice(span));
                let value = entry.value.map(|span| records.slice(span));
                black_box((key, value, entry.timestamp));
            }
        }
    }
    Ok(())
}
