//! A database in memory: the twin of the one on disk, for in-memory stores and for tests.
//!
//! It has the same semantics to the letter but one: nothing outlives it.

use std::collections::BTreeMap;
use std::mem;
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::api::{is_empty_range, not_ascending};
use crate::{
    Database, Direction, Entries, Entry, Error, Operation, Result, SortedRows, StoreId, Visit,
    WriteBatch,
};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// The rows that a range copies out of its snapshot at a time.
const PAGE_ROWS: usize = 64;

/// A [`Database`] of ordered maps.
///
/// A range holds on to the rows as they were when it began, and no lock. Only a write to a store
/// while a range of that same store is open has to copy the store first.
#[derive(Debug)]
pub struct MemoryDatabase {
    state: RwLock<State>,
}

#[derive(Debug)]
struct State {
    stores: Vec<Arc<Rows>>,
    offsets: BTreeMap<String, i64>,
}

impl State {
    fn rows(&self, store: StoreId) -> Result<&Arc<Rows>> {
        self.stores.get(usize::from(store.0)).ok_or_else(|| Error::unknown_store(store))
    }

    fn rows_mut(&mut self, store: StoreId) -> Result<&mut Rows> {
        let rows = self.stores.get_mut(usize::from(store.0));
        rows.map(Arc::make_mut).ok_or_else(|| Error::unknown_store(store))
    }

    fn apply(&mut self, operation: Operation<'_>) -> Result {
        let rows = self.rows_mut(operation.store())?;
        match operation {
            Operation::Put { key, value, .. } => {
                rows.insert(key.to_vec(), value.to_vec());
            }
            Operation::Delete { key, .. } => {
                rows.remove(key);
            }
            Operation::DeleteRange { from, to, .. } => {
                // Not the rows that stay: there may be many more of them.
                let range = (Bound::Included(from), Bound::Excluded(to));
                let doomed = rows.range::<[u8], _>(range).map(|(key, _)| key.clone());
                for key in doomed.collect::<Vec<_>>() {
                    rows.remove(&key);
                }
            }
            Operation::DeleteAll { .. } => rows.clear(),
        }
        Ok(())
    }
}

impl MemoryDatabase {
    /// A database of so many empty stores.
    #[must_use]
    pub fn new(stores: usize) -> Self {
        let stores = (0..stores).map(|_| Arc::default()).collect();
        Self { state: RwLock::new(State { stores, offsets: BTreeMap::new() }) }
    }
}

impl Database for MemoryDatabase {
    fn get(&self, store: StoreId, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.state.read().rows(store)?.get(key).cloned())
    }

    fn range(
        &self,
        store: StoreId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
    ) -> Result<Entries<'_>> {
        let rows = Arc::clone(self.state.read().rows(store)?);
        let (from, to) = (from.map(<[u8]>::to_vec), to.map(<[u8]>::to_vec));
        Ok(Box::new(Range { rows, from, to, direction, page: Vec::new().into_iter() }))
    }

    fn scan(
        &self,
        store: StoreId,
        (from, to): (Bound<&[u8]>, Bound<&[u8]>),
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<()> {
        if is_empty_range(from, to) {
            return Ok(());
        }
        let rows = Arc::clone(self.state.read().rows(store)?);
        let mut rows = rows.range::<[u8], _>((from, to));
        loop {
            let row = match direction {
                Direction::Forward => rows.next(),
                Direction::Backward => rows.next_back(),
            };
            let Some((key, value)) = row else { return Ok(()) };
            if visit(key, value).is_break() {
                return Ok(());
            }
        }
    }

    fn write(&self, batch: WriteBatch) -> Result<()> {
        let mut state = self.state.write();
        // All stores are looked up before the first row is written, so that a batch is applied
        // whole or not at all.
        for operation in batch.operations() {
            state.rows(operation.store())?;
        }
        for operation in batch.operations() {
            state.apply(operation)?;
        }
        for (changelog, offset) in batch.offsets().chain(batch.marks()) {
            state.offsets.insert(changelog.to_owned(), offset);
        }
        Ok(())
    }

    fn ingest(&self, store: StoreId, rows: &mut SortedRows<'_, '_>) -> Result<()> {
        let rows: Vec<_> = rows.collect();
        if !rows.is_sorted_by(|(one, _), (other, _)| one < other) {
            return Err(not_ascending());
        }
        let mut state = self.state.write();
        let stored = state.rows_mut(store)?;
        for (key, value) in rows {
            match value {
                Some(value) => drop(stored.insert(key.to_vec(), value.to_vec())),
                None => drop(stored.remove(key)),
            }
        }
        Ok(())
    }

    fn offset(&self, changelog: &str) -> Result<Option<i64>> {
        Ok(self.state.read().offsets.get(changelog).copied())
    }

    fn offsets(&self) -> Result<Vec<(String, i64)>> {
        let state = self.state.read();
        Ok(state.offsets.iter().map(|(changelog, offset)| (changelog.clone(), *offset)).collect())
    }

    fn approximate_entries(&self, store: StoreId) -> Result<u64> {
        Ok(self.state.read().rows(store)?.len() as u64)
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }
}

/// A range over a snapshot of a store, read a page at a time.
struct Range {
    rows: Arc<Rows>,
    from: Bound<Vec<u8>>,
    to: Bound<Vec<u8>>,
    direction: Direction,
    page: std::vec::IntoIter<Entry>,
}

impl Range {
    /// Copies the next rows out and moves the bound behind them.
    fn next_page(&mut self) -> Vec<Entry> {
        let (from, to) = (self.from.as_ref(), self.to.as_ref());
        let (from, to) = (from.map(Vec::as_slice), to.map(Vec::as_slice));
        if is_empty_range(from, to) {
            return Vec::new();
        }
        let rows = self.rows.range::<[u8], _>((from, to));
        let copy = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        let page: Vec<Entry> = match self.direction {
            Direction::Forward => rows.take(PAGE_ROWS).map(copy).collect(),
            Direction::Backward => rows.rev().take(PAGE_ROWS).map(copy).collect(),
        };
        if let Some((last, _)) = page.last() {
            let bound = match self.direction {
                Direction::Forward => &mut self.from,
                Direction::Backward => &mut self.to,
            };
            drop(mem::replace(bound, Bound::Excluded(last.clone())));
        }
        page
    }
}

impl Iterator for Range {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(row) = self.page.next() {
            return Some(Ok(row));
        }
        self.page = self.next_page().into_iter();
        self.page.next().map(Ok)
    }
}

#[cfg(test)]
mod tests;
