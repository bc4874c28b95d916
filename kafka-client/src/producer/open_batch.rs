//! The batch of a partition that the caller appends to.

use tokio::time::Instant;

use crate::{
    Result,
    record_batch::{BatchBuilder, RecordHeader},
};

/// No batch, or one with a record at least.
#[derive(Debug, Default)]
pub(super) struct OpenBatch(Option<(BatchBuilder, Instant)>);

impl OpenBatch {
    /// Appends a record unless the batch has no room for it. Opens one where none is.
    pub(super) fn append<'h>(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl ExactSizeIterator<Item = RecordHeader<'h>> + Clone,
        bytes_max: usize,
    ) -> Result<bool> {
        let (builder, _) = self.0.get_or_insert_with(|| {
            (BatchBuilder::new(Vec::with_capacity(bytes_max.min(16 << 10))), Instant::now())
        });
        builder.append(timestamp, key, value, headers, bytes_max)
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |(builder, _)| builder.len())
    }

    pub(super) fn byte_len(&self) -> usize {
        self.0.as_ref().map_or(0, |(builder, _)| builder.byte_len())
    }

    pub(super) fn opened_at(&self) -> Option<Instant> {
        self.0.as_ref().map(|(_, at)| *at)
    }

    pub(super) fn take(&mut self) -> Option<(BatchBuilder, Instant)> {
        self.0.take()
    }
}
