//! A batch that a broker refuses whenever it is sent.

use bytes::Bytes;

use crate::{
    Error, TopicPartition,
    record_batch::{RecordBatch, RecordBatches},
};

/// A batch that a broker refused for good.
#[derive(Clone, Debug)]
pub struct RefusedBatch {
    /// Its partition.
    pub partition: TopicPartition,
    /// The reason of the refusal.
    pub error: Error,
    /// The records at fault, by their index, with the broker's remarks (KIP-467); empty if it does
    /// not name them.
    pub record_errors: Vec<(usize, Option<String>)>,
    bytes: Bytes,
}

impl RefusedBatch {
    pub(super) fn new(
        partition: TopicPartition,
        error: Error,
        record_errors: Vec<(usize, Option<String>)>,
        bytes: Bytes,
    ) -> Self {
        Self { partition, error, record_errors, bytes }
    }

    /// The batch as it was sent; `None` if it never was.
    pub fn batch(&self) -> Option<RecordBatch> {
        RecordBatches::new(self.bytes.clone()).next()?.ok()
    }
}
