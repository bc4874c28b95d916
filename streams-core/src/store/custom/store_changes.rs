//! What a store of the program's own wrote since the last commit.

use state_store::StoreId;

use crate::{Result, store::ChangelogWriter};

/// The changes of a store, which a commit takes: for the task's database and, if the store is logged, its changelog.
#[derive(Debug)]
pub struct StoreChanges<'a> {
    id: StoreId,
    writer: ChangelogWriter<'a>,
}

impl<'a> StoreChanges<'a> {
    pub(super) fn new(id: StoreId, writer: ChangelogWriter<'a>) -> Self {
        Self { id, writer }
    }

    /// A key has this value. `timestamp`, in milliseconds since the epoch, is that of the changelog record: best that of
    /// the record for whose sake the row changed.
    ///
    /// # Errors
    /// What the producer says; pass it on with `?`.
    pub fn put(&mut self, key: &[u8], value: &[u8], timestamp: i64) -> Result {
        self.writer.batch.put(self.id, key, value);
        self.writer.log(key, Some(value), timestamp)
    }

    /// A key has no value any more.
    ///
    /// # Errors
    /// What the producer says; pass it on with `?`.
    pub fn delete(&mut self, key: &[u8], timestamp: i64) -> Result {
        self.writer.batch.delete(self.id, key);
        self.writer.log(key, None, timestamp)
    }
}
