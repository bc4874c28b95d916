//! The header of a batch, the same for all its records.

use super::Compression;
use crate::{Error, ErrorKind, Result};

/// Bytes of a header.
pub(super) const HEADER_BYTES: usize = 61;
/// Bytes of base offset and length, which the length does not count.
pub(super) const LENGTH_PREFIX_BYTES: usize = 12;
/// Position of the format's number, in this format and its predecessors.
pub(super) const MAGIC_AT: usize = 16;
/// Position of the checksum.
pub(super) const CRC_AT: usize = 17;
/// Start of the part that the checksum covers.
pub(super) const CHECKED_FROM: usize = 21;
/// The format that this module reads and writes.
pub(super) const MAGIC: u8 = 2;

const COMPRESSION_BITS: i16 = 0b111;
const LOG_APPEND_TIME: i16 = 1 << 3;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;

/// The header of a record batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record. Compaction may have removed that record.
    pub base_offset: i64,
    /// Epoch of the partition's leader that appended the batch; -1 if sent by a producer.
    pub leader_epoch: i32,
    /// Checksum (CRC-32C) of everything after it.
    pub crc: u32,
    /// Compression, kind of timestamps, transactional or not, control records or not.
    pub attributes: i16,
    /// Offset of the last record, counted from the base offset; kept when compaction removes that
    /// record.
    pub last_offset_delta: i32,
    /// Base of the records' timestamps, in milliseconds since 1970.
    pub base_timestamp: i64,
    /// Greatest timestamp, or the time at which the broker appended the batch.
    pub max_timestamp: i64,
    /// The idempotent producer; -1 if there is none.
    pub producer_id: i64,
    /// The producer's epoch; -1 without a producer id.
    pub producer_epoch: i16,
    /// Sequence number of the first record; -1 without a producer id.
    pub base_sequence: i32,
    /// Number of records.
    pub records: i32,
}

impl BatchHeader {
    /// Reads the header at the beginning of `bytes`. `None` if they end early.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        Some(Self {
            base_offset: i64::from_be_bytes(field(header, 0)?),
            leader_epoch: i32::from_be_bytes(field(header, LENGTH_PREFIX_BYTES)?),
            crc: u32::from_be_bytes(field(header, CRC_AT)?),
            attributes: i16::from_be_bytes(field(header, CHECKED_FROM)?),
            last_offset_delta: i32::from_be_bytes(field(header, 23)?),
            base_timestamp: i64::from_be_bytes(field(header, 27)?),
            max_timestamp: i64::from_be_bytes(field(header, 35)?),
            producer_id: i64::from_be_bytes(field(header, 43)?),
            producer_epoch: i16::from_be_bytes(field(header, 51)?),
            base_sequence: i32::from_be_bytes(field(header, 53)?),
            records: i32::from_be_bytes(field(header, 57)?),
        })
    }

    /// The header's bytes; the length is that of a batch with `records_bytes` bytes of records.
    pub(super) fn write(&self, length: u32) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let fields: [(usize, &[u8]); 13] = [
            (0, &self.base_offset.to_be_bytes()),
            (8, &length.to_be_bytes()),
            (LENGTH_PREFIX_BYTES, &self.leader_epoch.to_be_bytes()),
            (MAGIC_AT, &[MAGIC]),
            (CRC_AT, &self.crc.to_be_bytes()),
            (CHECKED_FROM, &self.attributes.to_be_bytes()),
            (23, &self.last_offset_delta.to_be_bytes()),
            (27, &self.base_timestamp.to_be_bytes()),
            (35, &self.max_timestamp.to_be_bytes()),
            (43, &self.producer_id.to_be_bytes()),
            (51, &self.producer_epoch.to_be_bytes()),
            (53, &self.base_sequence.to_be_bytes()),
            (57, &self.records.to_be_bytes()),
        ];
        for (at, value) in fields {
            put(&mut bytes, at, value);
        }
        bytes
    }

    /// Compression of the records.
    ///
    /// # Errors
    /// `Protocol` if Kafka does not know it.
    pub fn compression(&self) -> Result<Compression> {
        Compression::from_bits(self.attributes & COMPRESSION_BITS).ok_or_else(|| {
            let text = format!(
                "the batch at offset {} is compressed in a way that is not known ({})",
                self.base_offset,
                self.attributes & COMPRESSION_BITS
            );
            Error::new(ErrorKind::Protocol, text)
        })
    }

    /// Returns whether the broker's time replaces those of the records
    /// (`message.timestamp.type=LogAppendTime`).
    pub fn is_log_append_time(&self) -> bool {
        self.attributes & LOG_APPEND_TIME != 0
    }

    /// Returns whether the records belong to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Returns whether the records are markers, such as the end of a transaction, rather than an
    /// application's.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// Offset of the last record.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta))
    }

    /// Offset after the batch.
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }
}

/// The attributes of a batch that a producer sends.
pub(super) fn attributes(compression: Compression, is_transactional: bool) -> i16 {
    compression.bits() | if is_transactional { TRANSACTIONAL } else { 0 }
}

/// Overwrites bytes at a position that is known to exist.
pub(super) fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

fn field<const N: usize>(header: &[u8; HEADER_BYTES], at: usize) -> Option<[u8; N]> {
    header.get(at..)?.first_chunk().copied()
}
