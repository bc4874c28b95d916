//! A partition that is being read: the fetched batch, returned piece by piece.

use std::{ops::Range, sync::Arc};

use kafka_client::consumer::{FetchedBatch, PartitionReader};

use super::failure::of_reading;
use crate::{
    Error, TopicPartition,
    client::{RecordBatch, RecordSpans, Records},
};

/// A partition with its position.
#[derive(Debug)]
pub(super) struct Assigned {
    partition: TopicPartition,
    reader: PartitionReader,
    /// Rest of the last batch.
    rest: Option<Rest>,
    position: i64,
    pub(super) is_held: bool,
    /// The reason why nothing comes any more.
    lost: Option<Error>,
}

/// The records of a batch that were not returned yet, at least one.
#[derive(Debug)]
struct Rest {
    records: Arc<Records>,
    base_offset: i64,
    left: Range<usize>,
    next_offset: i64,
    leader_epoch: Option<i32>,
}

impl Assigned {
    pub(super) const fn new(
        partition: TopicPartition,
        reader: PartitionReader,
        offset: i64,
    ) -> Self {
        Self { partition, reader, rest: None, position: offset, is_held: false, lost: None }
    }

    pub(super) const fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    pub(super) const fn position(&self) -> i64 {
        self.position
    }

    /// Returns whether there may be something to take.
    pub(super) fn has_more(&self) -> bool {
        self.rest.is_some() || (self.lost.is_none() && self.reader.has_more())
    }

    /// Number of records on the cluster after the position, at the last fetch.
    pub(super) fn lag(&self) -> Option<i64> {
        self.reader.end().map(|end| (end - self.position).max(0))
    }

    /// The reason why nothing comes any more.
    pub(super) const fn lost(&self) -> Option<&Error> {
        self.lost.as_ref()
    }

    /// Takes up to `most` records of one batch. `None` if nothing came that moves the position.
    pub(super) fn take(&mut self, most: usize) -> Option<RecordBatch> {
        let started_at = self.position;
        if self.rest.is_none()
            && let Err(cause) = self.read()
        {
            self.lost = Some(of_reading(&self.partition, self.position, cause));
        }
        let Some(rest) = &mut self.rest else {
            // Aborted records, and control records.
            let moved = self.position > started_at;
            return moved.then(|| self.nothing());
        };
        let piece = rest.left.start..rest.left.end.min(rest.left.start.saturating_add(most));
        rest.left.start = piece.end;
        let next_offset = match rest.records.get(piece.end, rest.base_offset) {
            Some(next) if !rest.left.is_empty() => {
                debug_assert!(next.offset > self.position, "offsets of a batch rise");
                // The offset after the last record of the piece: compaction may have left a gap
                // before the next.
                let last = rest.records.get(piece.end - 1, rest.base_offset);
                last.map_or(next.offset, |last| last.offset + 1)
            }
            _ => rest.next_offset,
        };
        self.position = next_offset;
        let (partition, records) = (self.partition.clone(), Arc::clone(&rest.records));
        let batch = RecordBatch::new(partition, records, rest.base_offset, piece, next_offset)
            .with_leader_epoch(rest.leader_epoch);
        if rest.left.is_empty() {
            self.rest = None;
        }
        Some(batch)
    }

    /// Reads up to a batch with records, or up to the end of the fetched ones.
    fn read(&mut self) -> kafka_client::Result {
        while self.rest.is_none()
            && let Some(batch) = self.reader.next_batch()?
        {
            self.rest = index(&batch)?;
            if self.rest.is_none() {
                self.position = batch.next_offset();
            }
        }
        Ok(())
    }

    fn nothing(&self) -> RecordBatch {
        let (partition, records) = (self.partition.clone(), Arc::default());
        RecordBatch::new(partition, records, self.position, 0..0, self.position)
    }
}

/// An index over the records of a batch, in place; `None` if none are visible.
fn index(batch: &FetchedBatch) -> kafka_client::Result<Option<Rest>> {
    let Some(of_batch) = batch.records() else { return Ok(None) };
    let base_offset = of_batch.header().base_offset;
    let mut records = Records::over(of_batch.bytes().clone());
    let entries = batch.entries();
    records.reserve(entries.size_hint().1.unwrap_or(0));
    for entry in entries {
        let entry = entry?;
        records.add(RecordSpans {
            offset_delta: entry.offset - base_offset,
            timestamp: entry.timestamp,
            key: entry.key,
            value: entry.value,
            headers: entry.headers,
            header_bytes: entry.header_bytes,
        });
    }
    let left = 0..records.len();
    Ok((!left.is_empty()).then(|| Rest {
        records: Arc::new(records),
        base_offset,
        left,
        next_offset: batch.next_offset(),
        leader_epoch: batch.leader_epoch(),
    }))
}
