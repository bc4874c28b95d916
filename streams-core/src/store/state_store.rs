//! What a task asks of its stores.

use std::{any::Any, fmt, marker::PhantomData, sync::Arc};

use state_store::{Database, MemoryBudget, StoreId, WriteBatch};

use super::Position;
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
    /// Which of the task's input partitions it came from; `None` in a punctuation.
    pub input: Option<usize>,
    /// Its headers; `None` if it has none.
    pub headers: Option<Arc<Headers>>,
}

/// What a store is opened with.
#[derive(Clone, Debug)]
pub struct StoreContext {
    /// The database of the task that the store is in.
    pub database: Arc<dyn Database>,
    /// The store's number in it.
    pub id: StoreId,
    /// The process's memory budget.
    pub budget: MemoryBudget,
    /// Name of the changelog topic, or of what would be it if logging is off: what serdes are told.
    pub topic: Arc<str>,
    /// Whether updates are held back until the commit.
    pub caching: bool,
}

/// Where a commit writes: the batch of the task's database and, if the store is logged, its changelog.
pub struct ChangelogWriter<'a> {
    /// Rows for the database.
    pub batch: &'a mut WriteBatch,
    /// Partition of the changelog, as what writes to it knows it.
    pub(crate) changelog: Option<(PartitionSlot, &'a mut Collector)>,
    /// How far the store has come, and the task's inputs by number, if its changelog says so.
    pub position: Option<(&'a mut Position, &'a [TopicPartition])>,
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
    /// What the producer says.
    pub fn log(&mut self, key: &[u8], value: Option<&[u8]>, timestamp: i64) -> Result {
        static NONE: Headers = Headers::new();
        self.log_with(key, value, timestamp, &NONE)
    }

    /// As [`log`](Self::log), with headers.
    ///
    /// # Errors
    /// What the producer says.
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

    /// As [`log_with`](Self::log_with), for a row that `record` wrote: with the position of the store in the headers, if
    /// they are to have it.
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

    /// Tells it which record causes the writes that follow.
    fn set_record_context(&mut self, context: &RecordContext);

    /// Whether it holds writes that no commit has taken.
    fn is_dirty(&self) -> bool;

    /// Whether it holds back updates that downstream has not seen.
    fn has_pending(&self) -> bool;

    /// Serialises all writes since the last commit, in the order of each key's last write.
    ///
    /// # Errors
    /// `Serialization` naming the store, or what the producer says.
    fn stage(&mut self, writer: &mut ChangelogWriter<'_>) -> Result;

    /// Writes the row of a changelog key to the changelog once more, as it is now; a tombstone if there is none.
    /// `timestamp` is the record's, unless the row has one of its own.
    ///
    /// # Errors
    /// `State` if the row can't be read or the key is not one of the store's, or what the producer says.
    fn log_again(&mut self, key: &[u8], timestamp: i64, writer: &mut ChangelogWriter<'_>)
    -> Result;

    /// Whether it could read a row as it lies in the database, which a restore asks before it takes the row. It need not
    /// be open.
    ///
    /// # Errors
    /// `Deserialization` if key or value can't be read.
    fn check(&self, key: &[u8], value: &[u8]) -> Result {
        let _ = (key, value);
        Ok(())
    }

    /// The staged writes are in the database: they are clean from now on.
    fn committed(&mut self);

    /// A record begins whose attempt may be undone: what is written from now on can be taken back. There is no commit
    /// before the end of the attempt.
    fn begin_attempt(&mut self) {}

    /// Whether all that was written since the attempt began can be taken back.
    fn can_undo(&self) -> bool {
        false
    }

    /// Takes back what was written since the attempt began, and ends it.
    fn undo_attempt(&mut self) {}

    /// Ends the attempt: what was written stays.
    fn end_attempt(&mut self) {}

    /// Records that it dropped since the last call, for the dropped-records count.
    fn take_dropped(&mut self) -> u64 {
        0
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
