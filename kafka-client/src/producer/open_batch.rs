//! The batch of a partition to which the caller appends.

use tokio::time::Instant;

use crate::record_batch::BatchBuilder;

/// Limit on the initial memory of a batch: it grows with its records.
const CAPACITY_MAX: usize = 16 << 10;

/// A batch to which records are appended.
#[derive(Debug)]
pub(super) struct OpenBatch {
    pub(super) builder: BatchBuilder,
    /// Time from which its records wait; they may be in transit for the delivery timeout.
    pub(super) opened_at: Instant,
}

impl OpenBatch {
    pub(super) fn new(bytes_max: usize, now: Instant) -> Self {
        let buffer = Vec::with_capacity(bytes_max.min(CAPACITY_MAX));
        Self { builder: BatchBuilder::new(buffer), opened_at: now }
    }
}
