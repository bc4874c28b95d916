//! The reader of one partition.

use std::sync::Arc;

use super::{
    ConsumerConfig, FetchedBatch, Partition, aborted::AbortedFilter, partition::Chunk,
    shared::Shared,
};
use crate::{
    Error, IsolationLevel, Result, TopicPartition,
    record_batch::{RecordBatch, RecordBatches},
};

/// Returns the batches of a partition, in order. Dropping it ends the reading.
#[derive(Debug)]
pub struct PartitionReader {
    partition: Arc<Partition>,
    shared: Arc<Shared>,
    config: Arc<ConsumerConfig>,
    current: Current,
    position: i64,
    failure: Option<Error>,
}

/// The chunk that is being read.
#[derive(Debug)]
struct Current {
    batches: RecordBatches,
    filter: AbortedFilter,
    /// Its bytes when it was taken.
    bytes: usize,
}

impl Current {
    fn new(chunk: Chunk) -> Self {
        let Chunk { bytes, aborted, .. } = chunk;
        Self {
            bytes: bytes.len(),
            batches: RecordBatches::new(bytes),
            filter: AbortedFilter::new(aborted),
        }
    }
}

impl PartitionReader {
    pub(super) fn new(
        partition: Arc<Partition>,
        shared: Arc<Shared>,
        config: Arc<ConsumerConfig>,
    ) -> Self {
        // If nothing was returned yet, the position is the start of the fetches.
        let position = partition.wants(usize::MAX).map_or(0, |(offset, _)| offset);
        let chunk = Chunk { bytes: bytes::Bytes::new(), records: 0, aborted: Vec::new() };
        Self { partition, shared, config, current: Current::new(chunk), position, failure: None }
    }

    /// The partition.
    pub fn partition(&self) -> &TopicPartition {
        &self.partition.name
    }

    /// Offset after the returned batches.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Returns whether the next call of [`next_batch`](Self::next_batch) finds something.
    pub fn has_more(&self) -> bool {
        !self.current.batches.rest().is_empty()
            || self.failure.is_some()
            || self.partition.has_chunks()
    }

    /// Offset up to which there are records on the cluster, at the last fetch: the last stable one
    /// with read-committed, otherwise the high watermark. `None` before the first answer.
    pub fn end(&self) -> Option<i64> {
        let ends = self.partition.ends()?;
        Some(match self.config.isolation {
            IsolationLevel::ReadCommitted => ends.last_stable_offset,
            IsolationLevel::ReadUncommitted => ends.high_watermark,
        })
    }

    /// The next batch, if it has come. A batch whose records are not visible is returned too,
    /// because it moves the position.
    ///
    /// # Errors
    /// `Invalid` with code 1 if the position is out of the log's range, or the log was truncated
    /// before it; `NotFound` if the partition is gone; `Protocol`, with partition and offset, if a
    /// batch is corrupt; `Authorization`. The same error is returned until the partition is read
    /// again.
    pub fn next_batch(&mut self) -> Result<Option<FetchedBatch>> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let next = self.advance();
        if let Err(error) = &next {
            self.failure = Some(error.clone());
        }
        next
    }

    fn advance(&mut self) -> Result<Option<FetchedBatch>> {
        loop {
            match self.current.batches.next() {
                // The fetch began within a batch before the position.
                Some(Ok(batch)) if batch.header().next_offset() <= self.position => {}
                Some(Ok(batch)) => {
                    return self.hand_out(&batch).map(Some).map_err(|error| self.here(&error));
                }
                Some(Err(error)) => return Err(self.here(&error)),
                None => {
                    let done = std::mem::take(&mut self.current.bytes);
                    let chunk = self.partition.next_chunk(done);
                    if done > 0 {
                        // There is room for another fetch.
                        self.shared.notify();
                    }
                    match chunk? {
                        Some(chunk) => self.current = Current::new(chunk),
                        None => return Ok(None),
                    }
                }
            }
        }
    }

    fn hand_out(&mut self, batch: &RecordBatch) -> Result<FetchedBatch> {
        if self.config.check_crcs {
            batch.check()?;
        }
        let header = batch.header();
        let is_admitted = self.current.filter.admits(batch)?;
        let records = if is_admitted { Some(batch.records()?) } else { None };
        let from = std::mem::replace(&mut self.position, header.next_offset());
        Ok(FetchedBatch::new(records, from, self.position, header.leader_epoch))
    }

    fn here(&self, error: &Error) -> Error {
        let context = format!("{}@{}", self.partition.name, self.position);
        error.clone().in_context(context)
    }
}

impl Drop for PartitionReader {
    fn drop(&mut self) {
        self.partition.close();
        self.shared.notify();
    }
}
