//! A fetched batch.

use crate::{
    Result,
    record_batch::{RecordEntry, RecordsOfBatch},
};

/// A batch of a partition, as its reader returns it.
#[derive(Debug)]
pub struct FetchedBatch {
    records: Option<RecordsOfBatch>,
    from: i64,
    next_offset: i64,
    leader_epoch: Option<i32>,
}

impl FetchedBatch {
    pub(super) fn new(
        records: Option<RecordsOfBatch>,
        from: i64,
        next_offset: i64,
        leader_epoch: i32,
    ) -> Self {
        Self {
            records,
            from,
            next_offset,
            leader_epoch: Some(leader_epoch).filter(|epoch| *epoch >= 0),
        }
    }

    /// The records, including those before the reader's position; `None` if none of them is
    /// visible: the batch was aborted, or holds control records.
    pub fn records(&self) -> Option<&RecordsOfBatch> {
        self.records.as_ref()
    }

    /// The records from the reader's position on, in order of offset.
    pub fn entries(&self) -> impl Iterator<Item = Result<RecordEntry>> {
        let entries = self.records.iter().flat_map(RecordsOfBatch::entries);
        entries.filter(|entry| entry.as_ref().map_or(true, |entry| entry.offset >= self.from))
    }

    /// The reader's position after the batch.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Epoch of the leader that appended the batch, if known.
    pub fn leader_epoch(&self) -> Option<i32> {
        self.leader_epoch
    }
}
