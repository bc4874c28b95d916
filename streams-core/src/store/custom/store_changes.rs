//! The changes of a store of the program's own since the last commit.

use state_store::StoreId;

use crate::{Result, store::ChangelogWriter};

/// Receives the changes of a store at a commit: for the task's database and, if the store is
/// logged, its changelog.
#[derive(Debug)]
pub struct StoreChanges<'a> {
    id: StoreId,
    writer: ChangelogWriter<'a>,
}

impl<'a> StoreChanges<'a> {
    pub(super) fn new(id: StoreId, writer: ChangelogWriter<'a>) -> Self {
        Self { id, writer }
    }

    /// Sets the value of a key. `timestamp`, in milliseconds since the epoch, becomes that of the
    /// changelog record: preferably the timestamp of the record that changed the row.
    ///
    /// # Errors
    /// Errors of the producer; pass them on with `?`.
    pub fn put(&mut self, key: &[u8], value: &[u8], timestamp: i64) -> Result {
        self.writer.batch.put(self.id, key, value);
        self.writer.log(key, Some(value), timestamp)
    }

    /// Deletes the value of a key.
    ///
    /// # Errors
    /// Errors of the producer; pass them on with `?`.
    pub fn delete(&mut self, key: &[u8], timestamp: i64) -> Result {
        self.writer.batch.delete(self.id, key);
        self.writer.log(key, None, timestamp)
    }
}
