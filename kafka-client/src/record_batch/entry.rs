//! The records of a batch, as spans of its bytes.

use std::ops::Range;

use bytes::Bytes;

use super::{BatchHeader, reader::Reader};
use crate::{Error, ErrorKind, Result};

/// Least size of a record: length, attributes, two deltas, two lengths, number of headers.
const RECORD_BYTES_MIN: usize = 7;

/// One record. Its parts are spans of [`RecordsOfBatch::bytes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordEntry {
    /// Offset in the partition.
    pub offset: i64,
    /// Timestamp in milliseconds since 1970: the producer's, or the broker's if the topic is
    /// configured so.
    pub timestamp: i64,
    /// The key; `None` for null.
    pub key: Option<Range<usize>>,
    /// The value; `None` for null.
    pub value: Option<Range<usize>>,
    /// Number of headers.
    pub headers: usize,
    /// The headers in place: for each the length of its name, the name, the length of its value and
    /// the value. [`RecordsOfBatch::header_spans`] decodes them.
    pub header_bytes: Range<usize>,
}

/// The records of one batch: its header, and their bytes, decompressed if necessary.
#[derive(Clone, Debug)]
pub struct RecordsOfBatch {
    header: BatchHeader,
    bytes: Bytes,
    from: usize,
}

impl RecordsOfBatch {
    pub(super) fn new(header: BatchHeader, bytes: Bytes, from: usize) -> Self {
        Self { header, bytes, from }
    }

    /// The header of the batch.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The bytes to which the spans of the records refer.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The records, in order of offset.
    pub fn entries(&self) -> RecordEntries<'_> {
        let reader = Reader::new(&self.bytes, self.from..self.bytes.len());
        let left = usize::try_from(self.header.records).unwrap_or(0);
        RecordEntries { header: self.header, bytes: &self.bytes, reader, left }
    }

    /// The names and values of a record's headers, in order, as spans of the bytes. They are
    /// decoded on demand.
    pub fn header_spans(
        &self,
        entry: &RecordEntry,
    ) -> impl Iterator<Item = (Range<usize>, Option<Range<usize>>)> {
        let mut reader = Reader::new(&self.bytes, entry.header_bytes.clone());
        // They were walked over when the entry was read, so nothing is missing.
        (0..entry.headers).map_while(move |_| read_header(reader.as_mut()?))
    }

    /// The bytes of a span; empty for a span of other records.
    pub fn slice(&self, span: Range<usize>) -> &[u8] {
        self.bytes.get(span).unwrap_or_default()
    }
}

/// The records of a batch, in sequence. Nothing comes after an error.
#[derive(Debug)]
pub struct RecordEntries<'a> {
    header: BatchHeader,
    bytes: &'a [u8],
    reader: Option<Reader<'a>>,
    left: usize,
}

impl Iterator for RecordEntries<'_> {
    type Item = Result<RecordEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        let reader = self.reader.as_mut()?;
        if self.left == 0 {
            let is_at_end = reader.is_at_end();
            self.reader = None;
            return (!is_at_end).then(|| Err(self.malformed("bytes follow the last record")));
        }
        self.left -= 1;
        let entry = read_record(&self.header, self.bytes, reader);
        if entry.is_none() {
            self.reader = None;
            return Some(Err(self.malformed("a record is cut short or malformed")));
        }
        entry.map(Ok)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left.min(self.bytes.len() / RECORD_BYTES_MIN).saturating_add(1)))
    }
}

impl RecordEntries<'_> {
    #[cold]
    fn malformed(&self, what: &str) -> Error {
        let text = format!("the batch at offset {} is malformed: {what}", self.header.base_offset);
        Error::new(ErrorKind::Protocol, text)
    }
}

fn read_record(header: &BatchHeader, bytes: &[u8], outer: &mut Reader<'_>) -> Option<RecordEntry> {
    let length = usize::try_from(outer.int()?).ok()?;
    let from = outer.at();
    outer.skip(length)?;
    let mut reader = Reader::new(bytes, from..outer.at())?;
    // Attributes, none of which is in use.
    reader.skip(1)?;
    let timestamp_delta = reader.number()?;
    let offset_delta = reader.int()?;
    let key = reader.span()?;
    let value = reader.span()?;
    let headers = usize::try_from(reader.int()?).ok()?;
    let headers_from = reader.at();
    for _ in 0..headers {
        read_header(&mut reader)?;
    }
    if !reader.is_at_end() {
        return None;
    }
    let timestamp = if header.is_log_append_time() {
        header.max_timestamp
    } else {
        header.base_timestamp.checked_add(timestamp_delta)?
    };
    Some(RecordEntry {
        offset: header.base_offset.checked_add(i64::from(offset_delta))?,
        timestamp,
        key,
        value,
        headers,
        header_bytes: headers_from..reader.at(),
    })
}

fn read_header(reader: &mut Reader<'_>) -> Option<(Range<usize>, Option<Range<usize>>)> {
    // A name is never null.
    let name = reader.span()??;
    Some((name, reader.span()?))
}
