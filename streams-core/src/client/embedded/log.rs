//! The log of one partition.
//!
//! Entries are appended batches and the markers that end transactions, in order of offset. Offsets
//! below the end that no entry covers were compacted away. Invariant: the last entry is always
//! kept, so the end is never in doubt, and every entry is entirely below or entirely above the last
//! stable offset.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    sync::Arc,
};

use super::{compaction::Cleaning, transactions::ProducerIdentity};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{IsolationLevel, RecordBatch, RecordView, Records},
};

/// Visibility of an entry for readers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visibility {
    /// Records outside of transactions, or of a committed one.
    Committed,
    /// Records of a transaction that has not ended.
    Open,
    /// Records of an aborted transaction.
    Aborted,
    /// The marker that ends a transaction; it takes one offset and has no records.
    Marker,
}

/// A batch, or a marker.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Offset that the records count from.
    pub(super) base: i64,
    /// The offset after the last one.
    pub(super) end: i64,
    pub(super) records: Arc<Records>,
    pub(super) producer: Option<ProducerIdentity>,
    pub(super) visibility: Visibility,
}

impl Entry {
    /// Index of the first record at or after `offset`.
    fn index_of(&self, offset: i64) -> usize {
        let (mut low, mut high) = (0, self.records.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.records.get(middle, self.base) {
                Some(record) if record.offset < offset => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    fn is_hidden(&self, isolation: IsolationLevel) -> bool {
        match self.visibility {
            Visibility::Committed | Visibility::Open => false,
            Visibility::Aborted => isolation == IsolationLevel::ReadCommitted,
            Visibility::Marker => true,
        }
    }
}

/// A partition's records.
#[derive(Debug, Default)]
pub(super) struct PartitionLog {
    pub(super) entries: VecDeque<Entry>,
    start: i64,
    end: i64,
    /// First offset of each open transaction, by producer id.
    open: BTreeMap<i64, i64>,
    pub(super) cleaning: Cleaning,
}

impl PartitionLog {
    /// The first offset that a reader may ask for.
    pub(super) fn start(&self) -> i64 {
        self.start
    }

    /// The offset that the next record gets.
    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// The first offset of an open transaction, or the end if there is none.
    pub(super) fn last_stable_offset(&self) -> i64 {
        self.open.values().min().copied().unwrap_or(self.end)
    }

    /// The offset at which a reader with this isolation stops.
    pub(super) fn visible_end(&self, isolation: IsolationLevel) -> i64 {
        match isolation {
            IsolationLevel::ReadUncommitted => self.end,
            IsolationLevel::ReadCommitted => self.last_stable_offset(),
        }
    }

    /// Appends records, in the open transaction of `producer` if there is one, and returns the
    /// first one's offset.
    pub(super) fn append(
        &mut self,
        records: Arc<Records>,
        producer: Option<ProducerIdentity>,
    ) -> i64 {
        let base = self.end;
        if let Some(producer) = producer {
            self.open.entry(producer.id).or_insert(base);
        }
        let visibility = producer.map_or(Visibility::Committed, |_| Visibility::Open);
        let count = i64::try_from(records.len()).unwrap_or(i64::MAX);
        self.end = base + count;
        self.cleaning.grow_by(records.len());
        self.entries.push_back(Entry { base, end: self.end, records, producer, visibility });
        base
    }

    /// Ends the transaction of a producer with a marker, if it has one open here.
    pub(super) fn end_transaction(&mut self, producer: ProducerIdentity, committed: bool) {
        let Some(first) = self.open.remove(&producer.id) else { return };
        let fate = if committed { Visibility::Committed } else { Visibility::Aborted };
        let from = self.entries.partition_point(|entry| entry.end <= first);
        for entry in self.entries.range_mut(from..) {
            let of_producer = entry.producer.is_some_and(|other| other.id == producer.id);
            if of_producer && entry.visibility == Visibility::Open {
                entry.visibility = fate;
            }
        }
        self.entries.push_back(Entry {
            base: self.end,
            end: self.end + 1,
            records: Arc::default(),
            producer: Some(producer),
            visibility: Visibility::Marker,
        });
        self.end += 1;
    }

    /// Returns whether a transaction has records here and has not ended.
    pub(super) fn has_open_transaction(&self) -> bool {
        !self.open.is_empty()
    }

    /// Calls `each` on all committed records. Unlike a reader it does not stop at the last stable
    /// offset.
    pub(super) fn each_committed(&self, mut each: impl FnMut(&RecordView<'_>)) {
        let committed =
            self.entries.iter().filter(|entry| entry.visibility == Visibility::Committed);
        for entry in committed {
            let records = (0..entry.records.len())
                .filter_map(|index| entry.records.get(index, entry.base))
                .filter(|record| record.offset >= self.start);
            records.for_each(|record| each(&record));
        }
    }

    /// Deletes the records before `offset`; the log start offset moves there.
    pub(super) fn delete_before(&mut self, offset: i64) {
        self.start = offset.clamp(self.start, self.end);
        let gone = self.entries.partition_point(|entry| entry.end <= self.start);
        for entry in self.entries.drain(..gone) {
            self.cleaning.shrink_by(entry.records.len());
        }
    }

    /// Returns whether a reader may stand at `position`.
    ///
    /// # Errors
    /// `InvalidState` if it is before the start or after the end.
    pub(super) fn check_position(&self, partition: &TopicPartition, position: i64) -> Result {
        let (start, end) = (self.start, self.end);
        if (start..=end).contains(&position) {
            return Ok(());
        }
        let text = format!("{partition}@{position} is out of range: the log has {start} to {end}");
        Err(Error::new(ErrorKind::InvalidState, text))
    }

    /// Adds up to `max_records` records from `position` on to `batches`. Returns the position after
    /// them, which skips markers, compacted offsets and hidden records, and the number of records.
    /// If only the position moved, one batch without records reports it.
    pub(super) fn fetch(
        &self,
        partition: &TopicPartition,
        position: i64,
        isolation: IsolationLevel,
        max_records: usize,
        batches: &mut Vec<RecordBatch>,
    ) -> (i64, usize) {
        let limit = self.visible_end(isolation);
        let mut reader = Reader { partition, position, last: None, batches };
        let mut left = max_records;
        let from = self.entries.partition_point(|entry| entry.end <= position);
        for entry in self.entries.range(from..).take_while(|entry| entry.base < limit) {
            if entry.is_hidden(isolation) {
                reader.position = entry.end;
                continue;
            }
            if left == 0 {
                return (reader.finish(position), max_records);
            }
            left -= reader.take(entry, left);
            if reader.position < entry.end {
                // Cut short: hidden entries after it must not move the position.
                return (reader.finish(position), max_records - left);
            }
        }
        // Nothing visible is left before the limit.
        if left > 0 {
            reader.position = reader.position.max(limit);
        }
        (reader.finish(position), max_records - left)
    }
}

/// A fetch in progress. The last batch is held back, because hidden entries after it move its end.
struct Reader<'a> {
    partition: &'a TopicPartition,
    position: i64,
    last: Option<(Arc<Records>, i64, Range<usize>)>,
    batches: &'a mut Vec<RecordBatch>,
}

impl Reader<'_> {
    fn take(&mut self, entry: &Entry, max_records: usize) -> usize {
        self.push_last();
        let first = entry.index_of(self.position);
        let last = entry.records.len().min(first.saturating_add(max_records));
        let next = entry.records.get(last, entry.base).map_or(entry.end, |record| record.offset);
        self.last = Some((Arc::clone(&entry.records), entry.base, first..last));
        self.position = next;
        last - first
    }

    fn push_last(&mut self) {
        if let Some((records, base, range)) = self.last.take() {
            let partition = self.partition.clone();
            self.batches.push(RecordBatch::new(partition, records, base, range, self.position));
        }
    }

    fn finish(mut self, started_at: i64) -> i64 {
        if self.last.is_none() && self.position > started_at {
            self.last = Some((Arc::default(), self.position, 0..0));
        }
        self.push_last();
        self.position
    }
}
