//! The start position of a store's restore, and the reaction to a changelog that is not the one
//! from which the local state was restored.
//!
//! Invariant: local state is emptied only if that loses nothing, or if the operator asked for it:
//! it may be the only copy.

use state_store::{Database, StoreId, WriteBatch};

use super::{super::app::App, has_rows};
use crate::{
    Error, ErrorKind, Result, TaskId, TopicPartition,
    config::ChangelogLost,
    store::{StoreSpec, seen_time_entry, stream_time_entry},
    task::ChangelogMark,
};

/// A store, its changelog and its rows.
#[derive(Clone, Copy)]
pub(super) struct Local<'a> {
    pub(super) task: TaskId,
    pub(super) spec: &'a StoreSpec,
    pub(super) partition: &'a TopicPartition,
    pub(super) database: &'a dyn Database,
    pub(super) id: StoreId,
}

/// Offsets of a log: from the first one to the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Log {
    pub(super) first: i64,
    pub(super) end: i64,
}

/// The start of a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Beginning {
    pub(super) from: i64,
    /// True if the active task rewrites all rows to the changelog once it has read it.
    pub(super) rewrite: bool,
}

impl Local<'_> {
    /// Returns the start of the restore of this store.
    ///
    /// # Errors
    /// `InvalidState` if the changelog is lost and the operator must decide, and errors of the
    /// database.
    pub(super) fn begin(&self, log: Log, app: &App) -> Result<Beginning> {
        let Log { first, end } = log;
        let topic = &self.partition.topic;
        let mark = ChangelogMark::read(self.database, topic)?;
        let (from, rewrite) = match self.database.offset(topic)? {
            Some(stored) if mark != ChangelogMark::Lost && (first..=end).contains(&stored) => {
                (stored, mark == ChangelogMark::Rewrite)
            }
            Some(stored) => self.begin_without(stored, log, mark, app)?,
            None => {
                if has_rows(self.database, self.id)? {
                    // A restore that was interrupted while it loaded rows left them without an
                    // offset. Some may have been deleted meanwhile, and their tombstones compacted
                    // away.
                    self.clear(first)?;
                }
                (first, false)
            }
        };
        Ok(Beginning { from, rewrite })
    }

    /// Returns the start of the restore of a store that is filled from an input topic of the task.
    /// The topic itself is the only other copy of the state.
    ///
    /// # Errors
    /// Errors of the database.
    pub(super) fn begin_source(&self, Log { first, end }: Log) -> Result<Beginning> {
        let stored = self.database.offset(&self.partition.topic)?;
        if let Some(from) = stored.filter(|stored| (first..=end).contains(stored)) {
            return Ok(Beginning { from, rewrite: false });
        }
        if let Some(stored) = stored {
            let Self { task, spec, partition, .. } = self;
            let store = &*spec.name;
            tracing::warn!(%task, store, "the store has {partition} up to offset {stored}, but its task goes on at {end}: it is filled from the start");
        }
        self.clear(first)?;
        let from = first;
        Ok(Beginning { from, rewrite: false })
    }

    /// The same if the log no longer has the offset of the state.
    fn begin_without(
        &self,
        stored: i64,
        log: Log,
        mark: ChangelogMark,
        app: &App,
    ) -> Result<(i64, bool)> {
        let (first, Self { task, partition, .. }) = (log.first, self);
        let store = &*self.spec.name;
        // A window store's changelog drops expired rows.
        let expired = self.spec.retention_ms.is_some() && stored < first;
        let expired = expired && mark == ChangelogMark::Sound;
        if expired || !has_rows(self.database, self.id)? {
            tracing::warn!(%task, store, "{partition} has no offset {stored} any more: the store is restored from the start");
            self.clear(first)?;
            return Ok((first, false));
        }
        let loss = self.loss(stored, log);
        match app.config.state_changelog_lost() {
            _ if mark == ChangelogMark::Rewrite => {}
            ChangelogLost::Fail => {
                let text = format!(
                    "{loss}; the local state may be the only copy and is kept: set state.changelog.lost to rewrite, \
                     which writes the changelog anew from it, or to restart-empty, which drops it"
                );
                return Err(Error::new(ErrorKind::InvalidState, text));
            }
            ChangelogLost::RestartEmpty => {
                tracing::warn!("{loss}; state.changelog.lost=restart-empty drops the local state");
                self.clear(first)?;
                return Ok((first, false));
            }
            ChangelogLost::Rewrite => {
                tracing::warn!(
                    "{loss}; state.changelog.lost=rewrite writes it anew from the local state"
                );
            }
        }
        let mut batch = WriteBatch::new();
        batch.set_offset(&partition.topic, first);
        ChangelogMark::Rewrite.set(&mut batch, &partition.topic);
        self.database.write(batch)?;
        Ok((first, true))
    }

    /// Description of the fault of the changelog.
    fn loss(&self, stored: i64, Log { first, end }: Log) -> String {
        let Self { task, partition, spec, .. } = self;
        let store = &spec.name;
        if stored >= first {
            format!(
                "changelog {partition} of store `{store}` of task {task} was deleted and made anew, or has lost records: \
                 it ends at offset {end}, and the local state was written to it up to {stored}"
            )
        } else {
            format!(
                "changelog {partition} of store `{store}` of task {task} begins at offset {first}, but the local state \
                 has read it only up to {stored}: records in between were deleted, or the topic was made anew"
            )
        }
    }

    /// Empties the store, whose changelog begins at `first`, in one step: rows that are gone must
    /// leave neither their offset nor their stream time behind.
    fn clear(&self, first: i64) -> Result {
        let mut batch = WriteBatch::new();
        batch.delete_all(self.id);
        batch.set_offset(&self.partition.topic, first);
        ChangelogMark::Sound.set(&mut batch, &self.partition.topic);
        if self.spec.has_stream_time() {
            batch.set_mark(&stream_time_entry(&self.spec.name), -1);
            batch.set_mark(&seen_time_entry(&self.spec.name), -1);
        }
        Ok(self.database.write(batch)?)
    }

    /// Notes that the changelog was rewritten, up to `next_offset`.
    ///
    /// # Errors
    /// Errors of the database.
    pub(super) fn rewritten(&self, next_offset: i64) -> Result {
        let mut batch = WriteBatch::new();
        batch.set_offset(&self.partition.topic, next_offset);
        ChangelogMark::Sound.set(&mut batch, &self.partition.topic);
        Ok(self.database.write(batch)?)
    }
}
