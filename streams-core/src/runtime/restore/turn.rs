//! One turn of a restorer: poll, collect, write, finish.

use std::time::Duration;

use super::{
    super::metrics::count,
    changelog::Changelog,
    restorer::{Restorer, RestoringTask},
};
use crate::{ErrorKind, Result, client::RecordBatch};

impl Restorer {
    /// Reads and applies the available records. Returns whether anything happened.
    pub(crate) fn run_once(&mut self, now_ms: i64) -> Result<bool> {
        if self.tasks.is_empty() || self.failed || self.app.is_paused() {
            return Ok(false);
        }
        if self.restart {
            self.start_over(now_ms)?;
        }
        let batches = match self.consumer.poll(self.memory.poll_records(), Duration::ZERO) {
            Err(error) if error.kind() == ErrorKind::InvalidState => {
                tracing::warn!("restore starts over: {error}");
                self.start_over(now_ms)?;
                return Ok(true);
            }
            other => other?,
        };
        let written = self.write(&batches, now_ms);
        self.failed = written.is_err();
        written?;
        let rewritten = self.rewrite(now_ms)?;
        self.note_finished(now_ms);
        self.progress.log(&self.tasks, self.records, now_ms);
        let moved = rewritten || !batches.is_empty();
        Ok(self.check_ends(moved, now_ms)? || moved)
    }

    fn write(&mut self, batches: &[RecordBatch], now_ms: i64) -> Result {
        batches.iter().try_for_each(|batch| self.collect(batch))?;
        self.apply_and_end(now_ms, !batches.is_empty())?;
        self.memory.polled(batches);
        self.count_memory();
        Ok(())
    }

    /// Starts all restores again, from the state of the databases: a changelog was truncated beyond
    /// the position.
    pub(super) fn start_over(&mut self, now_ms: i64) -> Result {
        // Stays set until all have started: one that has not must not continue past the rows that
        // are dropped here.
        self.restart = true;
        // Nor may a task be handed over whose store is emptied in the next step.
        self.finished.clear();
        for task in self.tasks.values_mut() {
            task.changelogs.iter_mut().for_each(Changelog::forget);
        }
        let tasks = self.tasks.iter();
        let begin = |task: &RestoringTask| (task.databases.clone(), task.assignment.clone());
        let tasks: Vec<_> = tasks.map(|(id, task)| (*id, begin(task))).collect();
        for (id, (databases, assignment)) in tasks {
            self.add(id, databases, assignment, now_ms)?;
        }
        self.restart = false;
        Ok(())
    }

    fn collect(&mut self, batch: &RecordBatch) -> Result {
        let partition = batch.topic_partition();
        for (id, task) in &mut self.tasks {
            let mut changelogs = task.changelogs.iter_mut();
            let found = changelogs.find(|changelog| changelog.partition() == partition);
            let Some(changelog) = found else { continue };
            let before = changelog.bytes();
            let mut records = 0;
            for record in batch.iter() {
                if !changelog.has(record.offset) {
                    break;
                }
                records += 1;
                // Java skips records without a key, too.
                let Some(key) = record.key else { continue };
                let at = (*id, record.offset);
                let (data, headers) = ((key, record.value), record.headers());
                changelog.push(at, data, record.timestamp, headers, &self.app)?;
            }
            changelog.collected(records, batch.next_offset());
            self.memory.grew(changelog.bytes().saturating_sub(before));
            let counters = &self.app.shared.counters;
            if task.is_standby() {
                count(&counters.standby_updates, records);
            } else {
                self.records += records;
                count(&counters.restored, records);
            }
            break;
        }
        if self.memory.is_full() { self.write_largest() } else { Ok(()) }
    }

    /// Writes the stores that have collected most, until half of the memory is free.
    fn write_largest(&mut self) -> Result {
        while self.memory.is_half_full() {
            let all = self.tasks.values_mut().flat_map(|task| {
                let databases = &task.databases;
                task.changelogs.iter_mut().map(move |changelog| (changelog, databases))
            });
            let Some((changelog, databases)) = all.max_by_key(|(changelog, _)| changelog.bytes())
            else {
                break;
            };
            if changelog.is_empty() {
                break;
            }
            changelog.apply(databases)?;
            self.count_memory();
        }
        Ok(())
    }

    /// Charges the memory that the buffers take now.
    pub(super) fn count_memory(&mut self) {
        let changelogs = self.tasks.values().flat_map(|task| &task.changelogs);
        self.memory.set(changelogs.map(Changelog::bytes).sum());
    }

    /// Writes what is complete: a store that reached its end, and standbys when nothing more comes.
    fn apply_and_end(&mut self, now_ms: i64, progress: bool) -> Result {
        let listener = self.listener();
        for (id, task) in &mut self.tasks {
            let standby = task.is_standby();
            for changelog in &mut task.changelogs {
                if let Some(position) = self.consumer.position(changelog.partition()) {
                    changelog.moved_to(position);
                }
                let ends = !standby && changelog.is_at_end() && changelog.is_filling();
                let apply = if standby { !progress } else { ends };
                if apply && (!changelog.is_empty() || !standby) {
                    changelog.apply(&task.databases)?;
                    if let Some(listener) = listener.as_ref().filter(|_| !standby) {
                        listener.on_batch_restored(&changelog.progress(*id, now_ms));
                    }
                }
                if standby && apply {
                    changelog.caught_up(&task.databases);
                }
                if ends && changelog.end(&task.databases) {
                    // Otherwise it would read what is being written.
                    self.consumer.unassign(changelog.partition());
                }
            }
            task.databases.flush_older(now_ms, &self.app.settings);
        }
        Ok(())
    }

    /// Continues to rewrite lost changelogs.
    fn rewrite(&mut self, now_ms: i64) -> Result<bool> {
        let mut worked = false;
        let client_id = format!("{}-producer", self.client_id);
        for (id, task) in &mut self.tasks {
            for changelog in &mut task.changelogs {
                let to = (*id, &task.databases);
                worked |= changelog.rewrite(
                    to,
                    &self.app,
                    (&client_id, &task.assignment.lease),
                    now_ms,
                )?;
            }
        }
        Ok(worked)
    }

    /// Notes the tasks that can be handed over, and reports each store that is complete.
    fn note_finished(&mut self, now_ms: i64) {
        let listener = self.listener();
        for (id, task) in self.tasks.iter_mut().filter(|(_, task)| !task.is_standby()) {
            for changelog in &mut task.changelogs {
                if changelog.tell(*id, now_ms)
                    && let Some(listener) = &listener
                {
                    listener.on_restore_end(&changelog.progress(*id, now_ms));
                }
            }
            let is_complete = task.changelogs.iter().all(Changelog::is_done);
            if is_complete && !self.finished.contains(id) {
                // Otherwise instances that die soon after each start would have more to restore
                // each time.
                task.databases.start_flush();
                self.finished.push(*id);
            }
        }
    }
}
