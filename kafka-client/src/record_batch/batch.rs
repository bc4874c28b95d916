//! Batches as they follow each other in an answer or a log.

use bytes::{Buf, Bytes};

use super::{
    BatchHeader, Compression, RecordsOfBatch,
    header::{CHECKED_FROM, HEADER_BYTES, LENGTH_PREFIX_BYTES, MAGIC, MAGIC_AT},
};
use crate::{Error, ErrorKind, Result};

/// A complete batch, whose records have not been read yet.
#[derive(Clone, Debug)]
pub struct RecordBatch {
    header: BatchHeader,
    bytes: Bytes,
}

impl RecordBatch {
    /// The header of the batch.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// Bytes of the batch, with its header.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Compares the checksum with the bytes.
    ///
    /// # Errors
    /// `Protocol` if they differ: something changed them after the producer.
    pub fn check(&self) -> Result {
        let found = crc32c::crc32c(self.bytes.get(CHECKED_FROM..).unwrap_or_default());
        if found == self.header.crc {
            return Ok(());
        }
        let (offset, told) = (self.header.base_offset, self.header.crc);
        let text = format!(
            "the batch at offset {offset} is corrupt: its checksum is {found:08x}, not {told:08x}"
        );
        Err(Error::new(ErrorKind::Protocol, text))
    }

    /// The records, decompressed if they are compressed, otherwise in place.
    ///
    /// # Errors
    /// `Protocol` if they can't be decompressed or their number is negative.
    pub fn records(&self) -> Result<RecordsOfBatch> {
        let in_context = |error: Error| {
            error.in_context(format_args!("the batch at offset {}", self.header.base_offset))
        };
        if self.header.records < 0 {
            let text = format!("the number of records is {}", self.header.records);
            return Err(in_context(Error::new(ErrorKind::Protocol, text)));
        }
        let (bytes, from) = match self.header.compression()? {
            Compression::None => (self.bytes.clone(), HEADER_BYTES),
            compression => {
                let compressed = self.bytes.get(HEADER_BYTES..).unwrap_or_default();
                (compression.decompress(compressed).map_err(in_context)?.into(), 0)
            }
        };
        Ok(RecordsOfBatch::new(self.header, bytes, from))
    }
}

/// The batches in a run of bytes, in order. A fetch that has reached its size limit ends within a
/// batch, and that tail is left out. Nothing comes after an error.
#[derive(Clone, Debug)]
pub struct RecordBatches {
    rest: Bytes,
}

impl RecordBatches {
    /// The batches in `bytes`.
    pub fn new(bytes: Bytes) -> Self {
        Self { rest: bytes }
    }

    /// Bytes after the batches that were returned.
    pub fn rest(&self) -> &Bytes {
        &self.rest
    }

    fn take(&mut self) -> Result<Option<RecordBatch>> {
        let mut prefix = self.rest.get(..LENGTH_PREFIX_BYTES).unwrap_or_default();
        let (Ok(offset), Ok(length)) = (prefix.try_get_i64(), prefix.try_get_i32()) else {
            return Ok(None);
        };
        let malformed = |what: String| {
            let text = format!("the batch at offset {offset} is malformed: {what}");
            Err(Error::new(ErrorKind::Protocol, text))
        };
        let Ok(length) = usize::try_from(length) else {
            return malformed(format!("its length is {length}"));
        };
        let end = LENGTH_PREFIX_BYTES.saturating_add(length);
        if let Some(magic) = self.rest.get(MAGIC_AT).filter(|magic| **magic != MAGIC) {
            let text = format!(
                "the batch at offset {offset} is of message format {magic}, not 2; records of producers before Kafka \
                 0.11 must be written anew"
            );
            return Err(Error::new(ErrorKind::Protocol, text));
        }
        if self.rest.len() < end {
            return Ok(None);
        }
        let bytes = self.rest.split_to(end);
        match BatchHeader::read(&bytes) {
            Some(header) => Ok(Some(RecordBatch { header, bytes })),
            None => malformed(format!("its {length} bytes are fewer than a header has")),
        }
    }
}

impl Iterator for RecordBatches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let taken = self.take().transpose();
        if matches!(taken, Some(Err(_))) {
            self.rest.clear();
        }
        taken
    }
}
