//! Result of a batch.

use crate::{Result, TopicPartition};

/// Result of one batch of a partition.
#[derive(Clone, Debug)]
pub struct BatchReport {
    /// Its partition.
    pub partition: TopicPartition,
    /// Number of its records.
    pub records: usize,
    /// Offset of the first record; `None` if the batch was written in an earlier attempt, and the
    /// broker has forgotten its offset. Otherwise the reason why it was not written, or is not
    /// known to be.
    pub result: Result<Option<i64>>,
}
