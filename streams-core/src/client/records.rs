//! Batches of records as bytes in one buffer, which several batches may share.

use std::{fmt, ops::Range, sync::Arc};

use super::header_bytes::{self, HeaderReader};
use crate::{Headers, TopicPartition};

/// Records as bytes: an index over one contiguous buffer. Built once, then shared.
///
/// They are copied into an owned buffer by [`push`](Self::push), or stay where a client has fetched
/// them and refer to its bytes ([`over`](Self::over)), of which several batches may share one
/// buffer: then nothing is copied, and headers are decoded on demand.
#[derive(Clone, Debug, Default)]
pub struct Records {
    buffer: Buffer,
    index: Vec<RecordSpans>,
}

/// Spans of a record in the buffer of its batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSpans {
    /// Offset, counted from the base offset of the batch.
    pub offset_delta: i64,
    /// Timestamp in milliseconds since the epoch.
    pub timestamp: i64,
    /// Span of the key; `None` is a null.
    pub key: Option<Range<usize>>,
    /// Span of the value; `None` is a null.
    pub value: Option<Range<usize>>,
    /// Number of headers.
    pub headers: usize,
    /// Span of the headers, laid out as in a record of Kafka's format 2.
    pub header_bytes: Range<usize>,
}

/// Owned or shared bytes.
#[derive(Clone, Default)]
struct Buffer {
    own: Vec<u8>,
    shared: Option<Arc<dyn AsRef<[u8]> + Send + Sync>>,
}

impl Buffer {
    fn bytes(&self) -> &[u8] {
        match &self.shared {
            None => &self.own,
            Some(shared) => (**shared).as_ref(),
        }
    }

    /// The bytes, for appending: a copy if they are shared.
    fn own(&mut self) -> &mut Vec<u8> {
        if let Some(shared) = self.shared.take() {
            self.own = (*shared).as_ref().to_vec();
        }
        &mut self.own
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes().len())
    }
}

impl Records {
    /// Creates an empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an empty batch over `bytes`, such as a decompressed batch. [`add`](Self::add) adds
    /// records in them.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use streams_core::client::{RecordSpans, Records};
    ///
    /// let fetched: Arc<[u8]> = Arc::from(&b"one1two2\x02h\x01"[..]);
    /// let mut records = Records::over(Arc::clone(&fetched));
    /// let spans = |offset_delta, key, value| RecordSpans {
    ///     offset_delta,
    ///     timestamp: 7,
    ///     key: Some(key),
    ///     value: Some(value),
    ///     headers: 1,
    ///     header_bytes: 8..11,
    /// };
    /// records.add(spans(0, 0..3, 3..4));
    /// records.add(spans(1, 4..7, 7..8));
    /// let second = records.get(1, 100).unwrap();
    /// assert_eq!((second.offset, second.key, second.value), (101, Some(&b"two"[..]), Some(&b"2"[..])));
    /// assert!(second.headers().eq([("h", None)]));
    /// ```
    pub fn over(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        let buffer = Buffer { own: Vec::new(), shared: Some(Arc::new(bytes)) };
        Self { buffer, index: Vec::new() }
    }

    /// Reserves room for this many more records in the index.
    pub fn reserve(&mut self, records: usize) {
        self.index.reserve(records);
    }

    /// Appends a record that is already in the bytes. A span outside them reads as null.
    pub fn add(&mut self, spans: RecordSpans) {
        self.index.push(spans);
    }

    /// Copies a record to the end, one offset after the last.
    pub fn push<'h>(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl IntoIterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) {
        let delta = self.index.last().map_or(0, |spans| spans.offset_delta + 1);
        self.push_at(delta, timestamp, key, value, headers);
    }

    /// Copies a record to the end, at `offset_delta` from the base offset, which must exceed the
    /// last one's: compaction leaves gaps.
    pub fn push_at<'h>(
        &mut self,
        offset_delta: i64,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl IntoIterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) {
        let bytes = self.buffer.own();
        let (key, value) = (copy(bytes, key), copy(bytes, value));
        let (first, mut count) = (bytes.len(), 0);
        for (name, value) in headers {
            header_bytes::write(bytes, name, value);
            count += 1;
        }
        let header_bytes = first..bytes.len();
        self.index.push(RecordSpans {
            offset_delta,
            timestamp,
            key,
            value,
            headers: count,
            header_bytes,
        });
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Returns whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Bytes of the buffer: of keys, values and headers, if they were pushed.
    pub fn byte_len(&self) -> usize {
        self.buffer.bytes().len()
    }

    /// Removes all records and keeps the memory, unless it is shared.
    pub fn clear(&mut self) {
        self.buffer.shared = None;
        self.buffer.own.clear();
        self.index.clear();
    }

    /// Keeps the first `len` records, and all bytes.
    pub fn truncate(&mut self, len: usize) {
        self.index.truncate(len);
    }

    /// The record at `index`, with its offset counted from `base_offset`.
    #[inline]
    pub fn get(&self, index: usize, base_offset: i64) -> Option<RecordView<'_>> {
        let spans = self.index.get(index)?;
        let bytes = self.buffer.bytes();
        let span = |span: &Option<Range<usize>>| span.clone().and_then(|span| bytes.get(span));
        Some(RecordView {
            offset: base_offset + spans.offset_delta,
            timestamp: spans.timestamp,
            key: span(&spans.key),
            value: span(&spans.value),
            bytes,
            spans,
        })
    }
}

fn copy(bytes: &mut Vec<u8>, part: Option<&[u8]>) -> Option<Range<usize>> {
    let (part, start) = (part?, bytes.len());
    bytes.extend_from_slice(part);
    Some(start..bytes.len())
}

/// One record of a batch, borrowed from its buffer.
#[derive(Clone, Debug)]
pub struct RecordView<'a> {
    /// Offset in the partition.
    pub offset: i64,
    /// Timestamp of the record in milliseconds since the epoch, as its producer or the log set it.
    pub timestamp: i64,
    /// Key bytes.
    pub key: Option<&'a [u8]>,
    /// Value bytes.
    pub value: Option<&'a [u8]>,
    bytes: &'a [u8],
    spans: &'a RecordSpans,
}

impl<'a> RecordView<'a> {
    /// The headers, in order. A name that is not UTF-8 reads as empty.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&'a str, Option<&'a [u8]>)> + use<'a> {
        let bytes = self.bytes.get(self.spans.header_bytes.clone()).unwrap_or_default();
        HeaderReader::new(bytes, self.spans.headers)
    }

    /// Bytes of key, value and headers.
    pub(crate) fn byte_len(&self) -> usize {
        let part = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
        part(self.key) + part(self.value) + self.spans.header_bytes.len()
    }

    /// Replaces the content of `headers` by this record's headers.
    pub fn read_headers(&self, headers: &mut Headers) {
        headers.clear();
        for (name, value) in self.headers() {
            headers.add(name, value);
        }
    }
}

/// Consecutive records of one partition, as a consumer hands them out.
#[derive(Clone, Debug)]
pub struct RecordBatch {
    topic_partition: TopicPartition,
    records: Arc<Records>,
    base_offset: i64,
    range: Range<usize>,
    next_offset: i64,
    leader_epoch: Option<i32>,
}

impl RecordBatch {
    /// Creates a batch of the records `range` of `records`, whose offsets count from `base_offset`.
    /// `next_offset` is the consumer's position after the batch: it may skip control records and
    /// compacted ones.
    pub fn new(
        topic_partition: TopicPartition,
        records: Arc<Records>,
        base_offset: i64,
        range: Range<usize>,
        next_offset: i64,
    ) -> Self {
        Self { topic_partition, records, base_offset, range, next_offset, leader_epoch: None }
    }

    /// The same, read from a leader of this epoch.
    #[must_use]
    pub fn with_leader_epoch(self, leader_epoch: Option<i32>) -> Self {
        Self { leader_epoch, ..self }
    }

    /// The epoch of the leader that served the last record, if known.
    pub fn leader_epoch(&self) -> Option<i32> {
        self.leader_epoch
    }

    /// Partition of the records.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Returns whether there are no records; such a batch only moves the position.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The position after this batch.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// The record at `index`, from 0 to [`len`](Self::len).
    pub fn get(&self, index: usize) -> Option<RecordView<'_>> {
        if index >= self.range.len() {
            return None;
        }
        self.records.get(self.range.start + index, self.base_offset)
    }

    /// All records, in order of offset.
    pub fn iter(&self) -> impl Iterator<Item = RecordView<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}
