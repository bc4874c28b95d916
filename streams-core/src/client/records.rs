//! Batches of records as bytes in one buffer.

use std::{ops::Range, sync::Arc};

use crate::{Headers, TopicPartition};

/// Records as bytes: one contiguous buffer and an index into it. Built once, then shared.
#[derive(Clone, Debug, Default)]
pub struct Records {
    bytes: Vec<u8>,
    slots: Vec<Slot>,
    headers: Vec<(Span, Span)>,
}

/// Bytes in the buffer; `None` is a null.
type Span = Option<Range<usize>>;

#[derive(Clone, Debug)]
struct Slot {
    offset_delta: i64,
    timestamp: i64,
    key: Span,
    value: Span,
    headers: Range<usize>,
}

impl Records {
    /// No records.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a record one offset behind the last.
    pub fn push<'h>(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl IntoIterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) {
        let delta = self.slots.last().map_or(0, |slot| slot.offset_delta + 1);
        self.push_at(delta, timestamp, key, value, headers);
    }

    /// Appends a record at `offset_delta` from the base offset, which must exceed the last one's:
    /// compaction leaves gaps.
    pub fn push_at<'h>(
        &mut self,
        offset_delta: i64,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl IntoIterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) {
        let key = self.store(key);
        let value = self.store(value);
        let first = self.headers.len();
        for (name, value) in headers {
            let header = (self.store(Some(name.as_bytes())), self.store(value));
            self.headers.push(header);
        }
        let headers = first..self.headers.len();
        self.slots.push(Slot { offset_delta, timestamp, key, value, headers });
    }

    fn store(&mut self, bytes: Option<&[u8]>) -> Span {
        bytes.map(|bytes| {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(bytes);
            start..self.bytes.len()
        })
    }

    fn span(&self, span: &Span) -> Option<&[u8]> {
        span.clone().and_then(|range| self.bytes.get(range))
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Bytes of keys, values and headers.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Removes all records and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.slots.clear();
        self.headers.clear();
    }

    /// The record at `index`, its offset counted from `base_offset`.
    pub fn get(&self, index: usize, base_offset: i64) -> Option<RecordView<'_>> {
        let slot = self.slots.get(index)?;
        Some(RecordView {
            offset: base_offset + slot.offset_delta,
            timestamp: slot.timestamp,
            key: self.span(&slot.key),
            value: self.span(&slot.value),
            records: self,
            headers: slot.headers.clone(),
        })
    }
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
    records: &'a Records,
    headers: Range<usize>,
}

impl<'a> RecordView<'a> {
    /// The headers, in order. A name that is not UTF-8 reads as empty.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&'a str, Option<&'a [u8]>)> + use<'a> {
        let records = self.records;
        let slots = records.headers.get(self.headers.clone()).unwrap_or_default();
        slots.iter().map(move |(name, value)| {
            let name = records.span(name).and_then(|name| std::str::from_utf8(name).ok());
            (name.unwrap_or_default(), records.span(value))
        })
    }

    /// Replaces what is in `headers` by this record's headers.
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
    /// The records `range` of `records`, whose offsets count from `base_offset`. `next_offset` is the
    /// consumer's position behind the batch: it may skip control records and compacted ones.
    pub fn new(
        topic_partition: TopicPartition,
        records: Arc<Records>,
        base_offset: i64,
        range: Range<usize>,
        next_offset: i64,
    ) -> Self {
        Self { topic_partition, records, base_offset, range, next_offset, leader_epoch: None }
    }

    /// The same, read from a leader of that epoch.
    #[must_use]
    pub fn with_leader_epoch(self, leader_epoch: Option<i32>) -> Self {
        Self { leader_epoch, ..self }
    }

    /// The epoch of the leader that the last record came from, if it is known.
    pub fn leader_epoch(&self) -> Option<i32> {
        self.leader_epoch
    }

    /// Where the records come from.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// Number of records.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether there are none; such a batch only moves the position.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The position behind this batch.
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
