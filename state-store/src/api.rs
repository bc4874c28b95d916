//! The operations of a task's database, the same for every engine.
//!
//! Both engines, memory and `RocksDB`, behave alike under this trait: a range is a snapshot, a
//! batch is atomic over stores and offsets, and what a reader sees is always a whole number of
//! batches.

use std::fmt;
use std::ops::{Bound, ControlFlow};

use crate::{Error, ErrorKind, Result, WriteBatch};

/// The index of a store within its database, in the order in which the database was opened.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct StoreId(pub u16);

/// Direction in which a range is read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Backward,
}

/// A row: key and value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// The rows of a range. After an error an iterator ends.
pub type Entries<'a> = Box<dyn Iterator<Item = Result<Entry>> + 'a>;

/// Callback of a scan, called with the borrowed key and value of each row.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Rows with ascending, distinct keys, which are lent: key and value, `None` for a row that is to go.
pub type SortedRows<'r, 'i> = dyn Iterator<Item = (&'r [u8], Option<&'r [u8]>)> + 'i;

/// The committed state of one task: its stores, and for each changelog the offset to restore from.
///
/// Used through `Arc<dyn Database>`: one stream thread (or restorer) writes, any thread reads.
///
/// # Errors
///
/// Every method fails with [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if the
/// database has no such store, and with the engine's error otherwise.
#[expect(clippy::missing_errors_doc, reason = "the errors of all methods stand at the trait")]
pub trait Database: Send + Sync + fmt::Debug {
    /// The value of a key, or `None` if the store has no such row.
    fn get(&self, store: StoreId, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// The rows between two bounds in the order of their bytes, as of this call: later writes
    /// aren't seen.
    ///
    /// Bounds that are crossed or touch (`from` behind `to`) give no rows; they never panic.
    fn range(
        &self,
        store: StoreId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
    ) -> Result<Entries<'_>>;

    /// Calls `visit` for the rows between two bounds, in the order of their bytes, until it breaks.
    /// No row is copied. What it sees is the store as of this call.
    fn scan(
        &self,
        store: StoreId,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<()>;

    /// Applies a batch in its order, atomically over all stores and the offsets: readers see all of
    /// it or nothing, and so does the disk after a crash.
    ///
    /// It isn't durable before [`flush`](Self::flush), or before the engine flushes of its own
    /// accord.
    fn write(&self, batch: WriteBatch) -> Result<()>;

    /// Writes many rows at once: an engine on disk takes them as a file of their own, past what it holds in memory.
    ///
    /// They may be durable before any offset, and before what was written earlier. A crash in between leaves rows
    /// that are newer than the stored offset; the changelog from that offset writes them again, to
    /// the same values.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if the keys don't ascend; nothing is written then.
    fn ingest(&self, store: StoreId, rows: &mut SortedRows<'_, '_>) -> Result<()>;

    /// All that was to be [ingested](Self::ingest) into a store for now is: an engine that put off tidying up files does it.
    fn end_ingestion(&self, store: StoreId) {
        let _ = store;
    }

    /// The next offset of a changelog to restore from, as last written, or `None` if there never
    /// was one.
    fn offset(&self, changelog: &str) -> Result<Option<i64>>;

    /// The offsets of all changelogs, in the order of their names.
    fn offsets(&self) -> Result<Vec<(String, i64)>>;

    /// About how many rows a store has. Java's `approximateNumEntries`.
    fn approximate_entries(&self, store: StoreId) -> Result<u64>;

    /// Makes all that was written durable, and waits for it.
    fn flush(&self) -> Result<()>;

    /// Starts to make what was written durable if the oldest of it comes from records `age_ms` old,
    /// and does not wait: what a crash takes back must be read again from the changelog. To be
    /// called behind each write, with the time in milliseconds since the epoch.
    ///
    /// An engine that has nothing on disk does nothing.
    fn flush_older(&self, now_ms: i64, age_ms: i64) {
        let _ = (now_ms, age_ms);
    }

    /// Starts to make all that was written durable, and does not wait.
    ///
    /// An engine that has nothing on disk does nothing.
    fn start_flush(&self) {}

    /// Removes all rows of a store, as for a changelog that was truncated.
    ///
    /// The offset stays. To move it in the same step, write a batch with
    /// [`delete_all`](WriteBatch::delete_all) and [`set_offset`](WriteBatch::set_offset).
    fn clear(&self, store: StoreId) -> Result<()> {
        let mut batch = WriteBatch::new();
        batch.delete_all(store);
        self.write(batch)
    }
}

/// Returns whether two bounds leave no room for a key, in which case the standard library's ranges
/// would panic.
pub(crate) fn is_empty_range(from: Bound<&[u8]>, to: Bound<&[u8]>) -> bool {
    match (from, to) {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (
            Bound::Included(from) | Bound::Excluded(from),
            Bound::Included(to) | Bound::Excluded(to),
        ) => from >= to,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}

/// Why rows that don't ascend are not ingested.
pub(crate) fn not_ascending() -> Error {
    Error::new(ErrorKind::InvalidArgument, "rows to ingest do not ascend")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_can_be_shared_as_a_trait_object() {
        fn shared<T: Send + Sync + ?Sized>() {}
        shared::<dyn Database>();
    }

    #[test]
    fn crossed_and_touching_bounds_are_empty() {
        let (a, b) = (b"a".as_slice(), b"b".as_slice());
        assert!(is_empty_range(Bound::Included(b), Bound::Included(a)));
        assert!(is_empty_range(Bound::Included(a), Bound::Excluded(a)));
        assert!(is_empty_range(Bound::Excluded(a), Bound::Excluded(a)));
        assert!(is_empty_range(Bound::Excluded(a), Bound::Included(a)));
        assert!(!is_empty_range(Bound::Included(a), Bound::Included(a)));
        assert!(!is_empty_range(Bound::Excluded(a), Bound::Excluded(b)));
        assert!(!is_empty_range(Bound::Unbounded, Bound::Excluded(a)));
    }
}
