//! The commit of a stream thread: all its tasks at once.

use std::collections::HashMap;

use super::{metrics::count, stream_thread::StreamThread};
use crate::{
    Result, TopicPartition,
    client::{BatchReport, OffsetAndMetadata},
    planted::{PlantedBug, is_planted},
    task::ActiveTask,
    time::duration_ms,
};

/// The next offset of each partition that a commit wrote to.
pub(super) type Written = HashMap<TopicPartition, i64>;

impl StreamThread {
    /// Commits if the interval is over, user code asked for it, or uncommitted writes need too much memory.
    pub(super) fn commit_if_due(&mut self, now_ms: i64) -> Result {
        let interval_ms = duration_ms(self.app.config.commit_interval());
        self.look_for_foreign_rows_if_due(now_ms);
        let due = now_ms.saturating_sub(self.last_commit_ms) >= interval_ms
            || self.running.values().any(ActiveTask::commit_requested)
            || (self.app.settings.budget.overlay_exceeded()
                && self.running.values().any(ActiveTask::commit_needed));
        if due { self.commit(now_ms) } else { Ok(()) }
    }

    /// Whether there is something to commit.
    pub(super) fn has_work(&self) -> bool {
        self.in_transaction
            || self.foreign_rows.has_gaps()
            || self.running.values().any(ActiveTask::commit_needed)
    }

    /// Commits all tasks that made progress, in four steps: prepare, flush, offsets, apply. Tasks of a thread
    /// share one transaction, so that nothing of a task is committed without its offsets. At least once, rows that
    /// others left in changelogs are written anew behind that.
    pub(super) fn commit(&mut self, now_ms: i64) -> Result {
        self.last_commit_ms = now_ms;
        if !self.has_work() {
            return Ok(());
        }
        self.begin_work()?;
        let mut offsets = Vec::new();
        for task in self.running.values_mut() {
            task.prepare_commit(&mut self.producer)?;
            offsets.extend(task.offsets());
        }
        let written = if is_planted(PlantedBug::CommitBeforeFlush) {
            self.commit_offsets(offsets)?;
            self.flush_producer()?
        } else {
            let written = self.flush_producer()?;
            self.commit_offsets(offsets)?;
            written
        };
        for task in self.running.values_mut() {
            task.apply_commit(&written)?;
        }
        count(&self.app.counters.commits, 1);
        self.mend_changelogs()?;
        self.purge_repartition_topics(now_ms);
        Ok(())
    }

    /// Commits input offsets: in the transaction, which ends with that, or by the group.
    fn commit_offsets(&mut self, mut offsets: Vec<(TopicPartition, OffsetAndMetadata)>) -> Result {
        if !self.app.exactly_once() {
            if self.foreign_rows.has_gaps() && offsets.is_empty() {
                offsets.extend(self.running.values().flat_map(ActiveTask::committed_offsets));
            }
            return if offsets.is_empty() {
                Ok(())
            } else {
                self.membership.commit_offsets(&offsets)
            };
        }
        if offsets.is_empty() {
            if is_planted(PlantedBug::ForgetPunctuations) {
                return Ok(());
            }
            // Punctuations alone were at work. Only with offsets does the coordinator look at who commits, and a
            // zombie must not get its transaction through.
            offsets.extend(self.running.values().flat_map(ActiveTask::committed_offsets));
        }
        let Some(producer) = &mut self.producer else { return Ok(()) };
        if !offsets.is_empty() {
            producer.send_offsets(&offsets, &self.membership.group_metadata())?;
        }
        producer.commit_transaction()?;
        self.in_transaction = false;
        Ok(())
    }

    /// Sends what is open and learns the next offset of each partition that was written. Later batches of a
    /// partition come later in the reports.
    pub(super) fn flush_producer(&mut self) -> Result<Written> {
        let Some(producer) = &mut self.producer else { return Ok(Written::new()) };
        let mut written = Written::new();
        for BatchReport { topic_partition, records, result } in producer.flush()? {
            let base = result.map_err(|error| {
                error.in_context(format!("a batch for {topic_partition} was not written"))
            })?;
            let next = base + i64::try_from(records).unwrap_or(0);
            count(&self.app.counters.produced, u64::try_from(records).unwrap_or(0));
            self.foreign_rows.wrote(&topic_partition, base, next);
            written.insert(topic_partition, next);
        }
        Ok(written)
    }

    /// Deletes what is consumed of repartition topics: nobody else reads them, and they have no retention.
    fn purge_repartition_topics(&mut self, now_ms: i64) {
        let interval_ms = duration_ms(self.app.config.repartition_purge_interval());
        if now_ms.saturating_sub(self.last_purge_ms) < interval_ms {
            return;
        }
        self.last_purge_ms = now_ms;
        let mut before = Vec::new();
        for task in self.running.values() {
            for (place, offset) in task.committed_positions() {
                if self.app.is_repartition_topic(&place.topic) {
                    before.push((place, offset));
                }
            }
        }
        if before.is_empty() {
            return;
        }
        if let Err(error) = self.admin.delete_records(&before) {
            tracing::debug!(thread = %self.name, "repartition topics are purged later: {error}");
        }
    }
}
