//! One store that is being filled from its changelog.

use state_store::{Restorer as StoreRestorer, WriteBatch, key_schema::HeaderRef};

use super::{
    super::{app::App, listener::RestoreProgress, metrics::count},
    beginning::Local,
    progress::rate,
    rewrite::Rewrite,
};
use crate::{
    Error, Result, TaskId, TopicPartition,
    client::Lease,
    config::ChangelogCorrupt,
    planted::{PlantedBug, is_planted},
    store::{StateStore, StoreSpec, seen_time_entry, seqnum_entry, stream_time_entry},
    task::TaskDatabases,
    topology::StoreDef,
};

/// Number of key bytes shown in an error.
const SHOWN_KEY_BYTES: usize = 64;

/// Start and end of a restore.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) from: i64,
    /// End of an active task's restore.
    pub(super) end: i64,
    /// Records from this offset on are not restored, but come to the task as records.
    pub(super) limit: Option<i64>,
    /// True if the changelog is to be rewritten then.
    pub(super) rewrite: bool,
    /// Limit on a window store's stream time.
    pub(super) latest_time: i64,
    pub(super) now_ms: i64,
}

/// Phase of the changelog.
enum Phase {
    /// It is being read.
    Filling,
    /// It is being rewritten; `None` before the first row.
    Rewriting(Option<Rewrite>),
    /// All of it is in the store.
    Complete,
    /// The same, and it has been logged and reported to listeners.
    Told,
}

/// The changelog of one store of a task, and the rows that are read and not written yet.
pub(super) struct Changelog {
    store: usize,
    spec: StoreSpec,
    partition: TopicPartition,
    rows: StoreRestorer,
    /// A store without a database, which checks whether it could read a row.
    reader: Box<dyn StateStore>,
    next_offset: i64,
    /// The position in the database.
    applied: i64,
    end: i64,
    limit: i64,
    rewrite: bool,
    restored: u64,
    started_ms: i64,
    phase: Phase,
}

impl Changelog {
    /// Creates the changelog of a store, by number in the topology.
    ///
    /// # Errors
    /// Errors of the database.
    pub(super) fn new(
        (store, def): (usize, &StoreDef),
        partition: TopicPartition,
        databases: &TaskDatabases,
        plan: Plan,
    ) -> Result<Self> {
        let spec = def.spec.clone();
        let mut rows = StoreRestorer::new(spec.format).with_latest_time(plan.latest_time);
        if spec.ttl_ms.is_some() {
            rows = rows.with_timestamps_counted();
        }
        if spec.has_stream_time()
            && let Some((database, _)) = databases.of(store)
        {
            let mut seen = database.offset(&seen_time_entry(&spec.name))?;
            if spec.format.versions().is_some() {
                // The stream time of the store's own writes covers rows that it did not write.
                seen = seen.max(database.offset(&stream_time_entry(&spec.name))?);
            }
            if let Some(seen) = seen {
                rows = rows.with_seen_start(seen);
            }
        }
        Ok(Self {
            store,
            reader: (def.make)(&spec),
            spec,
            partition,
            rows,
            next_offset: plan.from,
            applied: plan.from,
            end: plan.end,
            limit: plan.limit.unwrap_or(i64::MAX),
            rewrite: plan.rewrite,
            restored: 0,
            started_ms: plan.now_ms,
            phase: Phase::Filling,
        })
    }

    pub(super) fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    pub(super) fn next_offset(&self) -> i64 {
        self.next_offset
    }

    /// Number of offsets between its position and its end.
    pub(super) fn remaining(&self) -> i64 {
        self.end.saturating_sub(self.next_offset).max(0)
    }

    /// End of the log when the restore began.
    pub(super) fn log_end(&self) -> i64 {
        self.end
    }

    /// Returns whether it is still being read to its end.
    pub(super) fn is_filling(&self) -> bool {
        matches!(self.phase, Phase::Filling)
    }

    /// Returns whether the store has all of it.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Complete | Phase::Told)
    }

    /// Memory of the rows that are not written yet.
    pub(super) fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    /// Returns whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn is_at_end(&self) -> bool {
        let short = i64::from(is_planted(PlantedBug::RestoreShortOfEnd));
        self.next_offset >= self.end - short
    }

    /// Returns whether it has read further than the position in the database.
    pub(super) fn is_ahead(&self) -> bool {
        self.next_offset > self.applied
    }

    /// Returns whether the record at an offset belongs to the store already.
    pub(super) fn has(&self, offset: i64) -> bool {
        offset < self.limit
    }

    /// Sets the consumer's position.
    pub(super) fn moved_to(&mut self, position: i64) {
        self.next_offset = position.min(self.limit);
    }

    /// Notes that everything up to the end is written to the store. Returns whether the changelog
    /// is to be rewritten.
    pub(super) fn end(&mut self, databases: &TaskDatabases) -> bool {
        self.caught_up(databases);
        self.phase = if self.rewrite { Phase::Rewriting(None) } else { Phase::Complete };
        self.rewrite
    }

    /// Notes that there is nothing more to read for now.
    pub(super) fn caught_up(&self, databases: &TaskDatabases) {
        if let Some((database, id)) = databases.of(self.store) {
            database.end_ingestion(id);
        }
    }

    /// Drops the rows that are read and not written.
    pub(super) fn forget(&mut self) {
        self.rows.clear();
        self.next_offset = self.applied;
        self.phase = Phase::Filling;
    }

    /// Collects one record. A row that the store could not read is an error, or is left out.
    ///
    /// # Errors
    /// `Deserialization` or `State`, with the name of the row.
    pub(super) fn push<'h>(
        &mut self,
        (task, offset): (TaskId, i64),
        (key, value): (&[u8], Option<&[u8]>),
        timestamp: i64,
        headers: impl Iterator<Item = HeaderRef<'h>>,
        app: &App,
    ) -> Result {
        let (checked, has_key) = match self.rows.read((key, value), timestamp, headers) {
            Ok(Some((key, value))) => (self.reader.check(key, value), true),
            Ok(None) => (Ok(()), true),
            Err(cause) => (Err(cause.into()), false),
        };
        let Err(cause) = checked else { return Ok(self.rows.accept()?) };
        let Self { spec, partition, .. } = self;
        let shown = String::from_utf8_lossy(key.get(..SHOWN_KEY_BYTES).unwrap_or(key));
        let text = format!(
            "the row of changelog {partition}@{offset} of store `{}` of task {task} with key {shown:?} can't be read",
            spec.name
        );
        match app.config.state_changelog_corrupt() {
            ChangelogCorrupt::Fail => {
                let remedy = "write the row anew, or set state.changelog.corrupt to skip, which leaves it out";
                Err(Error::with_source(cause.kind(), format!("{text}; {remedy}"), cause))
            }
            ChangelogCorrupt::Skip => {
                tracing::warn!("{text}, and is left out: {cause}");
                count(&app.shared.counters.corrupt_rows, 1);
                if has_key {
                    // Otherwise an older row of the key would count as the newest.
                    self.rows.accept_deletion()?;
                }
                Ok(())
            }
        }
    }

    /// Notes that a batch of this many records is collected; the next one begins at `next_offset`.
    pub(super) fn collected(&mut self, records: u64, next_offset: i64) {
        self.next_offset = next_offset.min(self.limit);
        self.restored += records;
    }

    pub(super) fn progress(&self, task: TaskId, now_ms: i64) -> RestoreProgress {
        RestoreProgress {
            task,
            store: self.spec.name.to_string(),
            changelog: self.partition.clone(),
            restored: self.restored,
            remaining: u64::try_from(self.remaining()).unwrap_or(0),
            rate: rate(self.restored, now_ms - self.started_ms),
        }
    }

    /// Logs a line if the store has become complete since the last call. Returns whether it has.
    pub(super) fn tell(&mut self, task: TaskId, now_ms: i64) -> bool {
        if !matches!(self.phase, Phase::Complete) {
            return false;
        }
        self.phase = Phase::Told;
        let RestoreProgress { store, restored, rate, .. } = self.progress(task, now_ms);
        tracing::info!(%task, store, records = restored, rate, "restored");
        true
    }

    /// Writes the collected rows, with the position after them.
    pub(super) fn apply(&mut self, databases: &TaskDatabases) -> Result {
        let Some((database, id)) = databases.of(self.store) else { return Ok(()) };
        if let Some(seen) = self.rows.seen_start() {
            // Times first: with them but without the rows a crash does no harm.
            let store = &self.spec.name;
            let (time, seen_time) = (stream_time_entry(store), seen_time_entry(store));
            let known = database.offset(&time)?.unwrap_or(-1);
            let mut batch = WriteBatch::new();
            batch.set_mark(&seen_time, seen);
            batch.set_mark(&time, known.max(self.rows.max_window_start().unwrap_or(-1)));
            if self.spec.retain_duplicates {
                // Rows written after the restore must not replace existing ones.
                let entry = seqnum_entry(store);
                let known = database.offset(&entry)?.unwrap_or(0);
                batch.set_mark(&entry, known.max(i64::from(self.rows.max_seqnum())));
            }
            database.write(batch)?;
        }
        let ahead = i64::from(is_planted(PlantedBug::RestoreOffsetAhead));
        self.rows.apply(&**database, id, &self.partition.topic, self.next_offset + ahead)?;
        self.applied = self.next_offset;
        Ok(())
    }

    /// Writes the next rows to the changelog, if it was lost. Returns whether there was work.
    ///
    /// # Errors
    /// Errors of the producer or the database; the rewriting then starts again with the first row.
    pub(super) fn rewrite(
        &mut self,
        (task, databases): (TaskId, &TaskDatabases),
        app: &App,
        (client_id, lease): (&str, &Lease),
        now_ms: i64,
    ) -> Result<bool> {
        let Phase::Rewriting(begun) = &mut self.phase else { return Ok(false) };
        let Some((database, id)) = databases.of(self.store) else { return Ok(false) };
        let (spec, partition) = (&self.spec, &self.partition);
        let local = Local { task, spec, partition, database: &**database, id };
        let mut rewrite = if let Some(rewrite) = begun.take() {
            rewrite
        } else {
            let (client_id, lease) = (client_id.to_owned(), lease.clone());
            Rewrite::new(app, (self.store, databases), partition, client_id, lease)?
        };
        if !rewrite.write_page(&local, now_ms)? {
            *begun = Some(rewrite);
            return Ok(true);
        }
        if let Some(next_offset) = rewrite.next_offset() {
            self.next_offset = next_offset;
            self.applied = next_offset;
            self.end = next_offset;
        }
        local.rewritten(self.next_offset)?;
        tracing::warn!(%task, store = %spec.name, rows = rewrite.rows(), "changelog {partition} is written anew from the local state");
        self.phase = Phase::Complete;
        Ok(true)
    }
}
