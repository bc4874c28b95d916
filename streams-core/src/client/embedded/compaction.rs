//! Compaction of a log, which keeps the last record of each key.
//!
//! Only the part below the last stable offset and before the last entry is cleaned. Offsets never
//! change, so a compacted log has gaps. A tombstone outlives the pass that makes it the last record
//! of its key and is removed by a later pass, so that readers learn of the deletion. Invariant:
//! automatic passes happen only when the log has grown by a multiple of what the last pass left, so
//! their work is proportional to the appended records.

use std::{collections::VecDeque, sync::Arc};

use hashbrown::HashMap;

use super::log::{Entry, PartitionLog, Visibility};
use crate::client::{RecordView, Records};

/// A pass is due when the log has this many times the records that the last one left.
const GROWTH: usize = 4;
/// Below this number of records no pass is due.
const RECORDS_MIN: usize = 16_384;
/// Limit on the records of a cleaned entry.
const ENTRY_RECORDS_MAX: usize = 4_096;

/// State kept between passes.
#[derive(Debug, Default)]
pub(super) struct Cleaning {
    /// Records in the log.
    records: usize,
    /// Records that the last pass left.
    live: usize,
    /// Tombstones below this offset have been through one pass.
    tombstones_end: i64,
    /// Time of that pass, in milliseconds since the epoch.
    tombstones_since_ms: i64,
}

impl Cleaning {
    pub(super) fn grow_by(&mut self, records: usize) {
        self.records += records;
    }

    pub(super) fn shrink_by(&mut self, records: usize) {
        self.records = self.records.saturating_sub(records);
    }

    /// Returns whether the log has grown enough for another pass.
    pub(super) fn is_due(&self) -> bool {
        self.records >= RECORDS_MIN.max(self.live.saturating_mul(GROWTH))
    }
}

/// Time at which tombstones that have been through a pass are removed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tombstones {
    /// In this pass.
    DropSeen,
    /// In this pass, if they were seen at least this many milliseconds ago; Kafka's
    /// `delete.retention.ms`.
    DropAfter(i64),
}

impl PartitionLog {
    /// Makes one pass over the part that can be cleaned.
    pub(super) fn compact(&mut self, now_ms: i64, tombstones: Tombstones) {
        let stable = self.last_stable_offset();
        let cleanable = self.entries.partition_point(|entry| entry.end <= stable);
        let cleanable = cleanable.min(self.entries.len().saturating_sub(1));
        let dirty: Vec<Entry> = self.entries.drain(..cleanable).collect();
        let Some(dirty_end) = dirty.last().map(|entry| entry.end) else { return };

        let drop_seen = match tombstones {
            Tombstones::DropSeen => true,
            Tombstones::DropAfter(age_ms) => now_ms - self.cleaning.tombstones_since_ms >= age_ms,
        };
        let drop_before = if drop_seen { self.cleaning.tombstones_end } else { i64::MIN };
        let cleaned = clean(&dirty, self.start(), drop_before);
        for entry in cleaned.into_iter().rev() {
            self.entries.push_front(entry);
        }
        self.cleaning.records = self.entries.iter().map(|entry| entry.records.len()).sum();
        self.cleaning.live = self.cleaning.records;
        if drop_seen {
            self.cleaning.tombstones_end = dirty_end;
            self.cleaning.tombstones_since_ms = now_ms;
        }
    }
}

/// The entries that are left of `dirty`: the last committed record of each key, but no tombstone
/// before `drop_before` and nothing before the log's start.
fn clean(dirty: &[Entry], start: i64, drop_before: i64) -> VecDeque<Entry> {
    let committed = || {
        let entries = dirty.iter().filter(|entry| entry.visibility == Visibility::Committed);
        entries.flat_map(|entry| {
            (0..entry.records.len()).filter_map(|index| entry.records.get(index, entry.base))
        })
    };
    let mut last: HashMap<&[u8], i64> = HashMap::new();
    for record in committed() {
        if let Some(key) = record.key {
            last.insert(key, record.offset);
        }
    }
    let stays = |record: &RecordView<'_>| {
        let is_last = record.key.and_then(|key| last.get(key)) == Some(&record.offset);
        is_last
            && record.offset >= start
            && (record.value.is_some() || record.offset >= drop_before)
    };
    let mut cleaned = VecDeque::new();
    let mut open = Records::new();
    let (mut base, mut end) = (0, 0);
    for record in committed().filter(stays) {
        if open.len() == ENTRY_RECORDS_MAX {
            cleaned.push_back(entry(std::mem::take(&mut open), base, end));
        }
        if open.is_empty() {
            base = record.offset;
        }
        end = record.offset + 1;
        let delta = record.offset - base;
        open.push_at(delta, record.timestamp, record.key, record.value, record.headers());
    }
    if !open.is_empty() {
        cleaned.push_back(entry(open, base, end));
    }
    cleaned
}

fn entry(records: Records, base: i64, end: i64) -> Entry {
    let records = Arc::new(records);
    Entry { base, end, records, producer: None, visibility: Visibility::Committed }
}
