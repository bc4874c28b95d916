//! Rows in a changelog that its task did not write.
//!
//! Without transactions nothing keeps a member that was given up from writing what it had in hand already: older rows
//! come between those of the task's next owner, and the next restore would take them for the newest. The owner sees by
//! the offsets of its own records that there are others, and writes those rows anew, as it has them. In Java they stay.
//!
//! Invariant: rows are written anew only behind a commit of offsets that the coordinator accepted after they were seen.
//! To a member that was given up and does not know it, the rows of the next owner look like another's, too.
//!
//! With transactions there are none: the cluster refuses them, and offsets are not contiguous.

use std::{collections::BTreeMap, time::Duration};

use super::{
    stream_thread::{StreamThread, is_transient},
    thread_commit::Written,
};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{ConsumerRole, ConsumerSettings, IsolationLevel},
};

/// How often a commit looks whether more have come while it wrote the rows of those before.
const ROUNDS: usize = 8;
/// Polls of the log until it is given up for now, and how long each waits.
const POLLS: usize = 100;
const POLL_WAIT: Duration = Duration::from_millis(100);
const POLL_RECORDS: usize = 10_000;
/// How often it is looked behind the end of changelogs to which nothing is written meanwhile.
const LOOK_INTERVAL_MS: i64 = 30_000;

/// What a thread knows of the changelogs of its running tasks.
#[derive(Debug, Default)]
pub(super) struct ForeignRows {
    /// Where each ends, as far as this thread wrote or restored it.
    ends: BTreeMap<TopicPartition, i64>,
    /// What others wrote, and was not written anew.
    found: Vec<Gap>,
    looked_ms: i64,
}

/// Offsets of a changelog that another writer got.
#[derive(Debug)]
struct Gap {
    changelog: TopicPartition,
    from: i64,
    to: i64,
}

impl ForeignRows {
    /// A task begins to write to a changelog, which is restored up to here.
    pub(super) fn begin(&mut self, changelog: TopicPartition, end: i64) {
        self.ends.insert(changelog, end);
    }

    /// A task writes to it no more.
    pub(super) fn end(&mut self, changelog: &TopicPartition) {
        self.ends.remove(changelog);
        self.found.retain(|gap| gap.changelog != *changelog);
    }

    /// Records of this thread are in a log.
    pub(super) fn wrote(&mut self, to: &TopicPartition, base: i64, next: i64) {
        self.grew(to, base);
        if let Some(end) = self.ends.get_mut(to) {
            *end = next.max(*end);
        }
    }

    /// What is below `end` and this thread did not write, others did.
    fn grew(&mut self, changelog: &TopicPartition, end: i64) {
        let Some(known) = self.ends.get_mut(changelog) else { return };
        let from = *known;
        if end > from {
            *known = end;
            self.found.push(Gap { changelog: changelog.clone(), from, to: end });
        }
    }

    /// Whether there are rows to be written anew.
    pub(super) fn any(&self) -> bool {
        !self.found.is_empty()
    }
}

impl StreamThread {
    /// Looks behind the ends of all changelogs. Whoever takes a task over takes what is there for the newest.
    pub(super) fn look_for_foreign_rows(&mut self, now_ms: i64) {
        self.foreign_rows.looked_ms = now_ms;
        let changelogs: Vec<_> = self.foreign_rows.ends.keys().cloned().collect();
        if changelogs.is_empty() || self.is_failing() {
            return;
        }
        match self.admin.latest_offsets(&changelogs, IsolationLevel::ReadUncommitted) {
            Ok(ends) => {
                for (changelog, end) in ends {
                    self.foreign_rows.grew(&changelog, end);
                }
            }
            Err(error) => {
                tracing::debug!(thread = %self.name, "the ends of changelogs are looked at later: {error}");
            }
        }
    }

    /// The same if that was long ago.
    pub(super) fn look_for_foreign_rows_if_due(&mut self, now_ms: i64) {
        if now_ms.saturating_sub(self.foreign_rows.looked_ms) >= LOOK_INTERVAL_MS {
            self.look_for_foreign_rows(now_ms);
        }
    }

    /// Writes anew what others overwrote, until nothing of theirs is last. What can't be read now is left to the next
    /// commit.
    pub(super) fn mend_changelogs(&mut self, written: &mut Written) -> Result {
        for _ in 0..ROUNDS {
            let found = std::mem::take(&mut self.foreign_rows.found);
            if found.is_empty() {
                return Ok(());
            }
            let mut left = Vec::new();
            for gap in found {
                match self.mend(&gap) {
                    Err(error) if is_transient(&error) => {
                        tracing::warn!(thread = %self.name, "rows that another member wrote are looked at later: {error}");
                        left.push(gap);
                    }
                    mended => mended?,
                }
            }
            written.extend(self.flush_producer()?);
            if !left.is_empty() {
                self.foreign_rows.found.append(&mut left);
                return Ok(());
            }
        }
        Ok(())
    }

    fn mend(&mut self, gap: &Gap) -> Result {
        let keys = self.foreign_keys(gap)?;
        let Gap { changelog, from, to } = gap;
        let task = self.running.values_mut().find(|task| task.logs_to(changelog));
        let (Some(task), Some(producer)) = (task, &mut self.producer) else { return Ok(()) };
        if keys.is_empty() {
            return Ok(());
        }
        tracing::warn!(
            thread = %self.name,
            "offsets {from} to {to} of changelog {changelog} are another member's, which the group gave up; {} rows are \
             written anew",
            keys.len()
        );
        task.log_again(changelog, &keys, &mut **producer)
    }

    /// The keys of what others wrote, with the timestamps of their records.
    fn foreign_keys(&self, gap: &Gap) -> Result<BTreeMap<Vec<u8>, i64>> {
        let settings = ConsumerSettings {
            client_id: format!("{}-mend-consumer", self.name),
            role: ConsumerRole::Restore,
            isolation: IsolationLevel::ReadUncommitted,
        };
        let mut consumer = self.app.clients.consumer(&settings)?;
        consumer.assign(&gap.changelog, gap.from)?;
        let mut keys = BTreeMap::new();
        for _ in 0..POLLS {
            for batch in consumer.poll(POLL_RECORDS, POLL_WAIT)? {
                for record in batch.iter().filter(|record| record.offset < gap.to) {
                    if let Some(key) = record.key {
                        keys.insert(key.to_vec(), record.timestamp);
                    }
                }
            }
            if consumer.position(&gap.changelog) >= Some(gap.to) {
                return Ok(keys);
            }
        }
        let Gap { changelog, from, to } = gap;
        let text = format!("{changelog} could not be read from {from} to {to}");
        Err(Error::new(ErrorKind::Unavailable, text))
    }
}
