//! Reads the keys of rows that others wrote to changelogs.
//!
//! It never waits: each call takes the records that have arrived.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    super::app::App,
    asked::{ANSWER_MS, Asked},
    log_ends::Gap,
};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{
        Consumer, ConsumerRole, ConsumerSettings, IsolationLevel, PartitionOffsets, RecordBatch,
    },
};

/// Time limit of a reading, in milliseconds.
const READING_MS: i64 = 30_000;

const POLL_RECORDS: usize = 10_000;

/// The keys of foreign rows by changelog, with the timestamps of their records.
pub(super) type Keys = BTreeMap<TopicPartition, BTreeMap<Vec<u8>, i64>>;

/// Reads some gaps.
pub(super) struct KeyReader {
    consumer: Box<dyn Consumer>,
    firsts: Asked<PartitionOffsets>,
    /// Offsets still to be read, from start to end.
    ranges: BTreeMap<TopicPartition, (i64, i64)>,
    keys: Keys,
    until_ms: i64,
}

impl KeyReader {
    pub(super) fn new(app: &Arc<App>, thread: &str, gaps: &[Gap], now_ms: i64) -> Result<Self> {
        let mut ranges: BTreeMap<TopicPartition, (i64, i64)> = BTreeMap::new();
        for Gap { changelog, from, to } in gaps {
            let range = ranges.entry(changelog.clone()).or_insert((*from, *to));
            *range = (range.0.min(*from), range.1.max(*to));
        }
        let changelogs: Vec<_> = ranges.keys().cloned().collect();
        let settings = ConsumerSettings {
            client_id: format!("{thread}-foreign-rows-consumer"),
            role: ConsumerRole::Restore,
            isolation: IsolationLevel::ReadUncommitted,
        };
        let firsts = app.clients.admin()?.earliest_offsets(&changelogs);
        Ok(Self {
            consumer: app.clients.consumer(&settings)?,
            firsts: Asked::new(firsts, now_ms.saturating_add(ANSWER_MS)),
            ranges,
            keys: Keys::new(),
            until_ms: now_ms.saturating_add(READING_MS),
        })
    }

    /// Continues to read. Returns the keys once all are known.
    ///
    /// # Errors
    /// Errors of the cluster: the reading is over, and another one must begin.
    pub(super) fn read(&mut self, gaps: &[Gap], now_ms: i64) -> Result<Option<Keys>> {
        if let Some(firsts) = self.firsts.answer(now_ms) {
            self.begin(&firsts?)?;
        }
        if self.firsts.is_open() {
            return Ok(None);
        }
        let batches = self.consumer.poll(POLL_RECORDS, Duration::ZERO)?;
        for batch in &batches {
            self.take(batch, gaps);
        }
        let consumer = &mut self.consumer;
        self.ranges.retain(|changelog, (_, to)| {
            let is_open = consumer.position(changelog).is_none_or(|position| position < *to);
            if !is_open {
                consumer.unassign(changelog);
            }
            is_open
        });
        if self.ranges.is_empty() {
            return Ok(Some(std::mem::take(&mut self.keys)));
        }
        if now_ms >= self.until_ms {
            let text = format!("nothing of {:?} can be read", self.ranges);
            return Err(Error::new(ErrorKind::Unavailable, text));
        }
        Ok(None)
    }

    /// Deleted records are nobody's newest rows.
    fn begin(&mut self, firsts: &PartitionOffsets) -> Result {
        for (changelog, (from, to)) in &mut self.ranges {
            let first = firsts.get(changelog).cloned().transpose()?;
            *from = (*from).max(first.unwrap_or(0)).min(*to);
        }
        self.ranges.retain(|_, (from, to)| from < to);
        let consumer = &mut self.consumer;
        self.ranges.iter().try_for_each(|(changelog, (from, _))| consumer.assign(changelog, *from))
    }

    fn take(&mut self, batch: &RecordBatch, gaps: &[Gap]) {
        let changelog = batch.topic_partition();
        for record in batch.iter() {
            let is_foreign = |gap: &Gap| {
                gap.changelog == *changelog && (gap.from..gap.to).contains(&record.offset)
            };
            if let Some(key) = record.key.filter(|_| gaps.iter().any(is_foreign)) {
                let keys = self.keys.entry(changelog.clone()).or_default();
                keys.insert(key.to_vec(), record.timestamp);
            }
        }
    }
}
