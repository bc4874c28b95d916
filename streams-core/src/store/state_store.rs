//! The interface of stores to their task.

use std::{any::Any, fmt, marker::PhantomData, sync::Arc};

use state_store::{Database, MemoryBudget, StoreId, WriteBatch};

use super::{Position, StoreUsage};
use crate::{
    Headers, Result, TopicPartition,
    client::{Collector, PartitionSlot, ProduceRecord},
};

/// The record, or punctuation, that is being processed.
#[derive(Clone, Debug, Default)]
pub struct RecordContext {
    /// Its timestamp in milliseconds since the epoch.
    pub timestamp: i64,
    /// Its offset; -1 in a punctuation.
    pub offset: i64,
    /// Index of the task's input partition that it came from; `None` in a punctuation.
    pub input: Option<usize>,
    /// Its headers; `None` if it has none.
    pub headers: Option<Arc<Headers>>,
}

/// The surroundings of a store when it is opened.
#[derive(Clone, Debug)]
pub struct StoreContext {
    /// The database of the store's task.
    pub database: Arc<dyn Database>,
    /// The store's number in it.
    pub id: StoreId,
    /// The process's memory budget.
    pub budget: MemoryBudget,
    /// Name of the changelog topic, or the name that it would have if logging is off; passed to
    /// serdes.
    pub topic: Arc<str>,
    /// True if updates are held back until the commit.
    pub caching: bool,
}

/// The targets of a commit: the batch of the task's database and, if the store is logged, its
/// changelog.
pub struct ChangelogWriter<'a> {
    /// Rows for the database.
    pub batch: &'a mut WriteBatch,
    /// Partition of the changelog, by its slot at the producer.
    pub(crate) changelog: Option<(PartitionSlot, &'a mut Collector)>,
    /// Position of the store, and the task's inputs by number, if its changelog carries them.
    pub position: Option<(&'a mut Position, &'a [TopicPartition])>,
    /// Order of the rows in the changelog.
    pub order: LogOrder,
}

/// Order in which a commit logs the rows of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogOrder {
    /// Order of the last write of each row, as in Java.
    #[default]
    OfWrites,
    /// The same, but deletions come last: if only the first part of the records is written, no row
    /// is gone without its successor, such as the session that it was merged into.
    DeletionsLast,
}

impl fmt::Debug for ChangelogWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChangelogWriter({:?})", self.changelog.as_ref().map(|(slot, _)| slot))
    }
}

impl ChangelogWriter<'_> {
    /// Appends a changelog record, if the store is logged.
    ///
    /// # Errors
    /// Errors of the producer.
    pub fn log(&mut self, key: &[u8], value: Option<&[u8]>, timestamp: i64) -> Result {
        static NONE: Headers = Headers::new();
        self.log_with(key, value, timestamp, &NONE)
    }

    /// Like [`log`](Self::log), with headers.
    ///
    /// # Errors
    /// Errors of the producer.
    pub fn log_with(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: i64,
        headers: &Headers,
    ) -> Result {
        let Some((slot, collector)) = &mut self.changelog else { return Ok(()) };
        collector.append(*slot, ProduceRecord { timestamp, key: Some(key), value, headers })
    }

    /// Like [`log_with`](Self::log_with), for a row that `record` wrote: with the position of the
    /// store in the headers, if they carry it.
    pub(super) fn log_row(
        &mut self,
        record: &RecordContext,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: i64,
        headers: &Headers,
    ) -> Result {
        let Some((position, inputs)) = &mut self.position else {
            return self.log_with(key, value, timestamp, headers);
        };
        if let Some(input) = record.input.and_then(|input| inputs.get(input)) {
            position.reach(input, record.offset);
        }
        let mut headers = headers.clone();
        position.add_to(&mut headers);
        self.log_with(key, value, timestamp, &headers)
    }
}

/// A store of a task, without its types. Implemented by the stores of this module.
pub trait StateStore: Any + Send {
    /// The store's name.
    fn name(&self) -> &str;

    /// Opens it on the task's database.
    ///
    /// # Errors
    /// `State` if the database can't be read.
    fn open(&mut self, context: StoreContext) -> Result;

    /// Sets the record that causes the writes that follow.
    fn set_record_context(&mut self, context: &RecordContext);

    /// Returns whether the store has writes that no commit has taken.
    fn is_dirty(&self) -> bool;

    /// Returns whether the store holds back updates that downstream has not seen.
    fn has_pending(&self) -> bool;

    /// Serialises all writes since the last commit, in the order of each key's last write.
    ///
    /// # Errors
    /// `Serialization` with the name of the store, and errors of the producer.
    fn stage(&mut self, writer: &mut ChangelogWriter<'_>) -> Result;

    /// Rewrites a row to the changelog under its changelog key with its current value, or a
    /// tombstone if it is gone. `timestamp` is the record's, unless the row has its own.
    ///
    /// # Errors
    /// `State` if the row can't be read or the key is not one of the store's, and errors of the
    /// producer.
    fn log_again(&mut self, key: &[u8], timestamp: i64, writer: &mut ChangelogWriter<'_>)
    -> Result;

    /// Checks that the store could read a row as it is in the database; a restore asks before it
    /// takes the row. The store need not be open.
    ///
    /// # Errors
    /// `Deserialization` if key or value can't be read.
    fn check(&self, key: &[u8], value: &[u8]) -> Result {
        let _ = (key, value);
        Ok(())
    }

    /// Notes that the commit has taken the staged writes: they are clean from now on, and read from
    /// the database. If the commit fails the store is dropped.
    fn committed(&mut self);

    /// Begins an attempt that may be undone: writes from now on can be taken back. There is no
    /// commit before the end of the attempt.
    fn begin_attempt(&mut self) {}

    /// Returns whether all writes since the attempt began can be taken back.
    fn can_undo(&self) -> bool {
        false
    }

    /// Takes back the writes since the attempt began, and ends it.
    fn undo_attempt(&mut self) {}

    /// Ends the attempt and keeps its writes.
    fn end_attempt(&mut self) {}

    /// Number of records that it dropped since the last call, for the dropped-records count.
    fn take_dropped(&mut self) -> u64 {
        0
    }

    /// Counters of its use, and its size; all zero by default.
    fn usage(&self) -> StoreUsage {
        StoreUsage::default()
    }
}

/// A typed reference to a store of a topology, made when the store is added to it.
pub struct StoreRef<S> {
    pub(crate) index: usize,
    store: PhantomData<fn() -> S>,
}

impl<S> StoreRef<S> {
    pub(crate) const fn new(index: usize) -> Self {
        Self { index, store: PhantomData }
    }
}

impl<S> Clone for StoreRef<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for StoreRef<S> {}

impl<S> fmt::Debug for StoreRef<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreRef({})", self.index)
    }
}
