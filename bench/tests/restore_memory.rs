//! A restore takes the memory that it counts.
#![forbid(unsafe_code)]

use std::ops::Bound;

use allocation_counter::measure;
use state_store::{
    Database, Direction, Entries, MemoryDatabase, Restorer, Result, SortedRows, StoreFormat,
    StoreId, Visit, WriteBatch,
};

/// Limit that the caller sets for the rows.
const LIMIT: usize = 4 * 1024 * 1024;
/// Limit on the actual memory.
const ALLOWED: u64 = 6 * 1024 * 1024;
const RECORDS: u64 = 500_000;

/// A database that discards rows, so that its own memory does not count.
#[derive(Debug)]
struct Forgetful(MemoryDatabase);

impl Database for Forgetful {
    fn get(&self, store: StoreId, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.0.get(store, key)
    }

    fn range(
        &self,
        store: StoreId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
    ) -> Result<Entries<'_>> {
        self.0.range(store, from, to, direction)
    }

    fn scan(
        &self,
        store: StoreId,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<()> {
        self.0.scan(store, bounds, direction, visit)
    }

    fn write(&self, batch: WriteBatch) -> Result<()> {
        drop(batch);
        Ok(())
    }

    fn ingest(&self, _: StoreId, rows: &mut SortedRows<'_, '_>) -> Result<()> {
        rows.for_each(drop);
        Ok(())
    }

    fn offset(&self, changelog: &str) -> Result<Option<i64>> {
        self.0.offset(changelog)
    }

    fn offsets(&self) -> Result<Vec<(String, i64)>> {
        self.0.offsets()
    }

    fn approximate_entries(&self, store: StoreId) -> Result<u64> {
        self.0.approximate_entries(store)
    }

    fn flush(&self) -> Result<()> {
        self.0.flush()
    }
}

/// Peak memory of a restore of rows of this size, written whenever they reach the limit.
fn most_bytes(value: &[u8], keys: u64, records: u64) -> Result<u64> {
    let database = Forgetful(MemoryDatabase::new(1));
    let mut restorer = Restorer::new(StoreFormat::KeyValue);
    let mut restore = || -> Result<()> {
        for record in 0..records {
            // Not in order, like the keys of a changelog.
            let key = (record % keys).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            restorer.push(&key.to_be_bytes(), Some(value), 0)?;
            if restorer.bytes() > LIMIT {
                restorer.apply(&database, StoreId(0), "changelog", 0)?;
            }
        }
        Ok(())
    };
    let mut outcome = Ok(());
    let measured = measure(|| outcome = restore());
    outcome.map(|()| measured.bytes_max)
}

/// With rows of 16 bytes, 8 MB of keys and values took 85 MB.
#[test]
fn a_restore_takes_at_most_half_as_much_again_as_it_counts() -> Result<()> {
    let cases = [(8, RECORDS, RECORDS), (8, 1_000, RECORDS), (200, RECORDS, RECORDS)];
    for (value, keys, records) in cases.into_iter().chain([(20_000, 2_000, 5_000)]) {
        let most = most_bytes(&vec![7; value], keys, records)?;
        assert!(most <= ALLOWED, "values of {value} bytes of {keys} keys: {most} bytes");
        assert!(most >= ALLOWED / 4 || keys == 1_000, "it is used: {most} bytes");
    }
    Ok(())
}
