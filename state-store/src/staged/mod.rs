//! A database with a batch laid over it that is not written yet: the state of a task whose commit
//! is on its way to the cluster.
//!
//! Rows of the batch are read as if they were written. Once the cluster has confirmed the commit,
//! [`write_staged`](StagedDatabase::write_staged) writes them; if the commit fails they are
//! [dropped](StagedDatabase::drop_staged), and the database is as before. Offsets of the batch are
//! not laid over: [`Database::offset`] is that of the rows in the database.

mod rows;

use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use parking_lot::RwLock;

use self::rows::{Staged, StagedRows};
use crate::overlay::merge_range;
use crate::{Database, Direction, Entries, Error, Result, SortedRows, StoreId, Visit, WriteBatch};

/// A [`Database`] that shows a staged batch over the rows of another one.
///
/// ```
/// use std::sync::Arc;
/// use state_store::{Database, MemoryDatabase, StagedDatabase, StoreId, WriteBatch};
///
/// # fn main() -> state_store::Result {
/// let (counts, committed) = (StoreId(0), Arc::new(MemoryDatabase::new(1)));
/// let staged = StagedDatabase::new(committed.clone());
/// let mut batch = WriteBatch::new();
/// batch.put(counts, b"alice", b"2");
/// staged.stage(batch);
/// assert_eq!(staged.get(counts, b"alice")?, Some(b"2".to_vec()));
/// assert_eq!(committed.get(counts, b"alice")?, None);
///
/// staged.write_staged(|batch| batch.set_offset("app-counts-changelog", 7))?;
/// assert_eq!(committed.get(counts, b"alice")?, Some(b"2".to_vec()));
/// assert_eq!(committed.offset("app-counts-changelog")?, Some(7));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct StagedDatabase {
    committed: Arc<dyn Database>,
    staged: RwLock<Option<Arc<StagedRows>>>,
}

impl StagedDatabase {
    /// Lays nothing over a database for now.
    pub fn new(committed: Arc<dyn Database>) -> Self {
        Self { committed, staged: RwLock::new(None) }
    }

    /// Shows the rows of a batch from now on. Nothing may be staged already.
    pub fn stage(&self, batch: WriteBatch) {
        let rows = Arc::new(StagedRows::new(batch));
        let before = self.staged.write().replace(rows);
        debug_assert!(before.is_none(), "a batch is staged already");
    }

    /// Writes the staged batch, with what `complete` adds to it. Does nothing if none is staged.
    ///
    /// # Errors
    ///
    /// Those of [`Database::write`]. The batch is dropped then.
    pub fn write_staged(&self, complete: impl FnOnce(&mut WriteBatch)) -> Result<()> {
        // Other readers see the rows all the time: staged, then written.
        let mut staged = self.staged.write();
        let Some(rows) = staged.take() else { return Ok(()) };
        let mut batch = Arc::unwrap_or_clone(rows).into_batch();
        complete(&mut batch);
        if batch.is_empty() { Ok(()) } else { self.committed.write(batch) }
    }

    /// Drops the staged batch.
    pub fn drop_staged(&self) {
        *self.staged.write() = None;
    }

    fn staged(&self) -> Option<Arc<StagedRows>> {
        self.staged.read().clone()
    }
}

impl Database for StagedDatabase {
    fn get(&self, store: StoreId, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.staged().as_ref().map(|staged| staged.find(store, key)) {
            Some(Staged::Value(value)) => Ok(Some(value.to_vec())),
            Some(Staged::Removed) => Ok(None),
            Some(Staged::Untouched) | None => self.committed.get(store, key),
        }
    }

    fn range(
        &self,
        store: StoreId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
    ) -> Result<Entries<'_>> {
        let committed = self.committed.range(store, from, to, direction)?;
        let Some(staged) = self.staged() else { return Ok(committed) };
        let rows = staged.between(store, (from, to)).into_iter();
        let rows = rows.map(|(key, value)| (key.into(), value.map(<[u8]>::to_vec)));
        let mut rows: Vec<_> = rows.collect();
        if direction == Direction::Backward {
            rows.reverse();
        }
        let committed = committed.filter(move |row| match row {
            Ok((key, _)) => !staged.removes(store, key),
            Err(_) => true,
        });
        let merged = merge_range(Box::new(committed), rows, direction, |value: &[u8]| {
            Ok::<_, Error>(value.to_vec())
        });
        Ok(Box::new(merged.map(|row| row.map(|(key, value)| (key.into_vec(), value)))))
    }

    fn scan(
        &self,
        store: StoreId,
        (from, to): (Bound<&[u8]>, Bound<&[u8]>),
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<()> {
        let Some(staged) = self.staged() else {
            return self.committed.scan(store, (from, to), direction, visit);
        };
        let mut rows = staged.between(store, (from, to)).into_iter();
        let mut next = || match direction {
            Direction::Forward => rows.next(),
            Direction::Backward => rows.next_back(),
        };
        let mut due = next();
        let mut is_over = false;
        self.committed.scan(store, (from, to), direction, &mut |key, value| {
            let is_behind = |staged: &[u8]| match direction {
                Direction::Forward => staged > key,
                Direction::Backward => staged < key,
            };
            while let Some((staged_key, staged_value)) = due.filter(|(due, _)| !is_behind(due)) {
                due = next();
                let visited = staged_value.map(|value| visit(staged_key, value));
                is_over = visited.is_some_and(|visited| visited.is_break());
                if is_over {
                    return ControlFlow::Break(());
                }
                if staged_key == key {
                    return ControlFlow::Continue(());
                }
            }
            if staged.removes(store, key) {
                return ControlFlow::Continue(());
            }
            let visited = visit(key, value);
            is_over = visited.is_break();
            visited
        })?;
        while let Some((key, value)) = due.filter(|_| !is_over) {
            due = next();
            is_over = value.is_some_and(|value| visit(key, value).is_break());
        }
        Ok(())
    }

    fn write(&self, batch: WriteBatch) -> Result<()> {
        self.committed.write(batch)
    }

    fn ingest(&self, store: StoreId, rows: &mut SortedRows<'_, '_>) -> Result<()> {
        self.committed.ingest(store, rows)
    }

    fn end_ingestion(&self, store: StoreId) {
        self.committed.end_ingestion(store);
    }

    fn offset(&self, changelog: &str) -> Result<Option<i64>> {
        self.committed.offset(changelog)
    }

    fn offsets(&self) -> Result<Vec<(String, i64)>> {
        self.committed.offsets()
    }

    fn approximate_entries(&self, store: StoreId) -> Result<u64> {
        self.committed.approximate_entries(store)
    }

    fn flush(&self) -> Result<()> {
        self.committed.flush()
    }

    fn flush_older(&self, now_ms: i64, age_ms: i64) {
        self.committed.flush_older(now_ms, age_ms);
    }

    fn start_flush(&self) {
        self.committed.start_flush();
    }
}

#[cfg(test)]
mod tests;
