//! A closed batch in transit.

use bytes::Bytes;
use tokio::time::Instant;

use super::{ProducerConfig, identity::Identity};
use crate::{
    Result,
    record_batch::{BatchBuilder, BatchSeal, seal_anew},
};

/// A batch, from its closing until its outcome is known.
#[derive(Debug)]
pub(super) struct Batch {
    /// Identifies it among those of its partition.
    pub(super) number: u64,
    content: Content,
    pub(super) records: usize,
    /// Bytes for which it counts in the producer's buffer.
    pub(super) bytes: usize,
    /// Time at which it is given up.
    pub(super) deadline: Instant,
    /// Sequence number of its first record, once it was sent; kept as long as the broker may have
    /// it.
    pub(super) sequence: Option<i32>,
    pub(super) is_in_flight: bool,
    /// True if it may have been written in an attempt with an unknown outcome.
    pub(super) may_be_written: bool,
    pub(super) attempts: u32,
}

#[derive(Debug)]
enum Content {
    Open(Option<BatchBuilder>),
    Sealed(Bytes, BatchSeal),
}

impl Batch {
    pub(super) fn new(number: u64, builder: BatchBuilder, deadline: Instant) -> Self {
        Self {
            number,
            records: builder.len(),
            bytes: builder.byte_len(),
            content: Content::Open(Some(builder)),
            deadline,
            sequence: None,
            is_in_flight: false,
            may_be_written: false,
            attempts: 0,
        }
    }

    /// The bytes to send under this identity with the batch's sequence number.
    pub(super) fn sealed(&mut self, identity: &Identity, config: &ProducerConfig) -> Result<Bytes> {
        let seal = BatchSeal {
            producer_id: identity.producer_id,
            producer_epoch: identity.epoch,
            base_sequence: self.sequence.unwrap_or(0),
            is_transactional: config.transactional_id.is_some(),
        };
        let bytes = match &mut self.content {
            Content::Open(builder) => {
                let builder = builder.take().unwrap_or_else(|| BatchBuilder::new(Vec::new()));
                builder.seal(&seal, config.compression, config.compression_level)?
            }
            Content::Sealed(bytes, sealed) if *sealed == seal => return Ok(bytes.clone()),
            Content::Sealed(bytes, _) => seal_anew(bytes, &seal),
        };
        self.content = Content::Sealed(bytes.clone(), seal);
        Ok(bytes)
    }

    /// The bytes that were last sent.
    pub(super) fn sent(&self) -> Bytes {
        match &self.content {
            Content::Sealed(bytes, _) => bytes.clone(),
            Content::Open(_) => Bytes::new(),
        }
    }

    pub(super) fn record_count(&self) -> i32 {
        i32::try_from(self.records).unwrap_or(i32::MAX)
    }
}
