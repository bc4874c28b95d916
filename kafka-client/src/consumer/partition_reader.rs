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
    /// Its bytes when it was taken, until they are released.
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
        position: i64,
        shared: Arc<Shared>,
        config: Arc<ConsumerConfig>,
    ) -> Self {
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
                    if self.current.batches.rest().is_empty() {
                        self.release();
                    }
                    return self.hand_out(&batch).map(Some).map_err(|error| self.here(&error));
                }
                Some(Err(error)) => return Err(self.here(&error)),
                None => {
                    self.release();
                    match self.partition.next_chunk()? {
                        Some(chunk) => self.current = Current::new(chunk),
                        None => return Ok(None),
                    }
                }
            }
        }
    }

    /// Makes room for another fetch, as the chunk has been read. Not only when more is asked for:
    /// without room nothing comes, and without news nobody asks.
    fn release(&mut self) {
        let done = std::mem::take(&mut self.current.bytes);
        if done > 0 {
            self.partition.release(done);
            self.shared.notify();
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

#[cfg(test)]
mod tests {
    use super::{super::partition::LogEnds, *};
    use crate::{
        Meter,
        record_batch::{BatchBuilder, BatchSeal, Compression},
    };

    /// A partition that is fetched from 5.
    fn partition() -> Arc<Partition> {
        Arc::new(Partition::new(TopicPartition::new("t", 0), 5, Arc::new(Meter::default())))
    }

    fn reader(partition: &Arc<Partition>, position: i64) -> PartitionReader {
        let config = Arc::new(ConsumerConfig::new("test"));
        PartitionReader::new(Arc::clone(partition), position, Arc::default(), config)
    }

    /// Enters an answer with the records from `offset` to `next`.
    fn fetch(partition: &Partition, offset: i64, next: i64) {
        let mut builder = BatchBuilder::new(Vec::new());
        for offset in offset..next {
            builder.append(offset, None, Some(b"v"), std::iter::empty(), usize::MAX).unwrap();
        }
        let bytes = builder.seal(&BatchSeal::PLAIN, Compression::None, None).unwrap();
        let mut bytes = bytes.to_vec();
        bytes[..8].copy_from_slice(&offset.to_be_bytes());
        let records = usize::try_from(next - offset).unwrap();
        let chunk = Chunk { bytes: bytes.into(), records, aborted: Vec::new() };
        let ends = LogEnds { high_watermark: next, last_stable_offset: next };
        partition.fetched(ends, Some((chunk, next, 0)));
    }

    #[test]
    fn records_that_came_before_the_reader_was_made_are_read() {
        let partition = partition();
        fetch(&partition, 5, 9);
        let mut reader = reader(&partition, 5);
        assert_eq!((reader.position(), reader.has_more()), (5, true));
        assert_eq!(reader.next_batch().unwrap().unwrap().entries().count(), 4);
        assert_eq!((reader.position(), reader.has_more()), (9, false));
    }

    #[test]
    fn a_chunk_that_was_read_makes_room_before_more_is_asked_for() {
        let partition = partition();
        let mut reader = reader(&partition, 5);
        fetch(&partition, 5, 9);
        assert_eq!(partition.wants(1), None);
        assert!(reader.next_batch().unwrap().is_some());
        assert_eq!(partition.wants(1).map(|(offset, _)| offset), Some(9));
    }
}
