//! An open batch: records are written directly into the bytes that are sent.

use bytes::Bytes;

use super::{
    BatchHeader, Compression,
    header::{CHECKED_FROM, CRC_AT, HEADER_BYTES, LENGTH_PREFIX_BYTES, attributes, put},
    varint,
};
use crate::{Error, ErrorKind, Result};

/// Name and value of a record's header.
pub type RecordHeader<'a> = (&'a [u8], Option<&'a [u8]>);

/// Attributes of a record, of which Kafka uses none.
const RECORD_ATTRIBUTES: u8 = 0;

/// Producer fields of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchSeal {
    /// The idempotent producer; -1 if there is none.
    pub producer_id: i64,
    /// The producer's epoch; -1 without a producer id.
    pub producer_epoch: i16,
    /// Sequence number of the first record; -1 without a producer id.
    pub base_sequence: i32,
    /// True if the records belong to the producer's transaction.
    pub is_transactional: bool,
}

impl BatchSeal {
    /// The seal of a producer that is not idempotent.
    pub const PLAIN: Self =
        Self { producer_id: -1, producer_epoch: -1, base_sequence: -1, is_transactional: false };
}

/// A batch to which records are appended.
#[derive(Debug)]
pub struct BatchBuilder {
    /// Room for the header, then the records.
    buffer: Vec<u8>,
    base_timestamp: i64,
    max_timestamp: i64,
    records: i32,
}

impl BatchBuilder {
    /// An empty batch in `buffer`, whose memory is reused.
    pub fn new(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        buffer.resize(HEADER_BYTES, 0);
        Self { buffer, base_timestamp: 0, max_timestamp: i64::MIN, records: 0 }
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        usize::try_from(self.records).unwrap_or(0)
    }

    /// Returns whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Bytes of the batch before compression, with its header.
    pub fn byte_len(&self) -> usize {
        self.buffer.len()
    }

    /// Appends a record unless the batch has others and would become longer than `bytes_max`, or
    /// its timestamps are too far from this one. Returns whether it did.
    ///
    /// # Errors
    /// `Invalid` if the record is longer than 2 GB.
    pub fn append<'h>(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl ExactSizeIterator<Item = RecordHeader<'h>> + Clone,
        bytes_max: usize,
    ) -> Result<bool> {
        let base_timestamp = if self.records == 0 { timestamp } else { self.base_timestamp };
        let Some(timestamp_delta) = timestamp.checked_sub(base_timestamp) else {
            return Ok(false);
        };
        let body = 1
            + varint::len(timestamp_delta)
            + varint::len(i64::from(self.records))
            + span_len(key)
            + span_len(value)
            + varint::len(length(headers.len()))
            + headers
                .clone()
                .map(|(name, value)| span_len(Some(name)) + span_len(value))
                .sum::<usize>();
        if i32::try_from(body).is_err() {
            let text = format!("a record of {body} bytes is longer than any batch");
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        let total = self.buffer.len() + body + varint::len(length(body));
        if self.records > 0 && (total > bytes_max || self.records == i32::MAX) {
            return Ok(false);
        }
        let buffer = &mut self.buffer;
        varint::write(buffer, length(body));
        buffer.push(RECORD_ATTRIBUTES);
        varint::write(buffer, timestamp_delta);
        varint::write(buffer, i64::from(self.records));
        write_span(buffer, key);
        write_span(buffer, value);
        varint::write(buffer, length(headers.len()));
        for (name, value) in headers {
            write_span(buffer, Some(name));
            write_span(buffer, value);
        }
        self.base_timestamp = base_timestamp;
        self.max_timestamp = self.max_timestamp.max(timestamp);
        self.records += 1;
        Ok(true)
    }

    /// Ends the batch: compresses the records, and writes the header with the checksum.
    ///
    /// # Errors
    /// `Invalid` if the records can't be compressed this way.
    pub fn seal(
        self,
        seal: &BatchSeal,
        compression: Compression,
        level: Option<i32>,
    ) -> Result<Bytes> {
        let header = BatchHeader {
            base_offset: 0,
            leader_epoch: -1,
            crc: 0,
            attributes: attributes(compression, seal.is_transactional),
            last_offset_delta: self.records.saturating_sub(1).max(0),
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: seal.producer_id,
            producer_epoch: seal.producer_epoch,
            base_sequence: seal.base_sequence,
            records: self.records,
        };
        let mut batch = match compression {
            Compression::None => self.buffer,
            compression => {
                let records = self.buffer.get(HEADER_BYTES..).unwrap_or_default();
                let mut buffer = Vec::with_capacity(HEADER_BYTES + records.len() / 2);
                buffer.resize(HEADER_BYTES, 0);
                compression.compress(level, records, buffer).map_err(|error| {
                    let text = format!("the records can't be compressed ({compression:?})");
                    Error::with_source(ErrorKind::Invalid, text, error)
                })?
            }
        };
        let length = u32::try_from(batch.len() - LENGTH_PREFIX_BYTES).map_err(|error| {
            Error::with_source(ErrorKind::Invalid, "the batch is longer than any batch", error)
        })?;
        put(&mut batch, 0, &header.write(length));
        write_checksum(&mut batch);
        Ok(batch.into())
    }
}

/// Replaces the seal of a batch: for a producer that got another id before the batch was written.
pub(crate) fn seal_anew(batch: &Bytes, seal: &BatchSeal) -> Bytes {
    let mut batch = batch.to_vec();
    put(&mut batch, 43, &seal.producer_id.to_be_bytes());
    put(&mut batch, 51, &seal.producer_epoch.to_be_bytes());
    put(&mut batch, 53, &seal.base_sequence.to_be_bytes());
    write_checksum(&mut batch);
    batch.into()
}

fn write_checksum(batch: &mut [u8]) {
    let crc = crc32c::crc32c(batch.get(CHECKED_FROM..).unwrap_or_default());
    put(batch, CRC_AT, &crc.to_be_bytes());
}

/// A length as it is written. One of more than 2 GB was refused before.
fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn span_len(bytes: Option<&[u8]>) -> usize {
    bytes.map_or(1, |bytes| varint::len(length(bytes.len())) + bytes.len())
}

fn write_span(buffer: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => varint::write(buffer, -1),
        Some(bytes) => {
            varint::write(buffer, length(bytes.len()));
            buffer.extend_from_slice(bytes);
        }
    }
}
