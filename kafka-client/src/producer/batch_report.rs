//! What became of a batch.

use crate::{
    Error, Result, TopicPartition,
    record_batch::{RecordBatch, RecordBatches},
};
use bytes::Bytes;

/// What became of one batch of a partition.
#[derive(Clone, Debug)]
pub struct BatchReport {
    /// Where it was to go.
    pub partition: TopicPartition,
    /// Number of its records.
    pub records: usize,
    /// Offset of the first record; `None` if the batch was written at an attempt before, and the broker has forgotten
    /// where. Or why it was not written, or is not known to be.
    pub result: Result<Option<i64>>,
    refused: Option<Refused>,
}

/// A batch that the broker refused for good.
#[derive(Clone, Debug)]
struct Refused {
    bytes: Bytes,
    record_errors: Vec<(usize, Option<String>)>,
}

impl BatchReport {
    pub(super) fn new(
        partition: TopicPartition,
        records: usize,
        result: Result<Option<i64>>,
    ) -> Self {
        Self { partition, records, result, refused: None }
    }

    pub(super) fn refused(
        partition: TopicPartition,
        records: usize,
        error: Error,
        bytes: Bytes,
        record_errors: Vec<(usize, Option<String>)>,
    ) -> Self {
        let refused = Some(Refused { bytes, record_errors });
        Self { partition, records, result: Err(error), refused }
    }

    /// The batch, if the broker refused it for good.
    pub fn refused_batch(&self) -> Option<RecordBatch> {
        let bytes = self.refused.as_ref()?.bytes.clone();
        RecordBatches::new(bytes).next()?.ok()
    }

    /// The records of a refused batch that are at fault, by their index, with what the broker says of them (KIP-467);
    /// empty if it does not tell.
    pub fn record_errors(&self) -> &[(usize, Option<String>)] {
        self.refused.as_ref().map(|refused| refused.record_errors.as_slice()).unwrap_or_default()
    }
}
