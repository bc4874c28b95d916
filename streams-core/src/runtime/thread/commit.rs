//! The commit of a thread: all its tasks at once, in four steps: prepare, flush, offsets, apply. Tasks of a thread share
//! one transaction, so that nothing of a task is committed without its offsets.
//!
//! If the cluster could not take the offsets, which had no effect then, the commit stays prepared and is completed later.
//! Invariant: while it is, no task processes, starts or ends, for its stores are those of the commit.

use std::sync::Arc;

use super::{
    super::{app::App, metrics::count},
    asked::{ANSWER_MS, Asked},
    member::Member,
    mend::Mend,
    tasks::Tasks,
    writer::{Writer, Written},
};
use crate::{
    ErrorKind, Result, TopicPartition,
    client::{Admin, OffsetAndMetadata},
    planted::{PlantedBug, is_planted},
    task::ActiveTask,
    time::duration_ms,
};

/// When a thread commits, and a commit that is not complete.
pub(super) struct Commits {
    app: Arc<App>,
    thread: String,
    purging: Asked<()>,
    last_ms: i64,
    last_purge_ms: i64,
    prepared: Option<Prepared>,
}

type Offsets = Vec<(TopicPartition, OffsetAndMetadata)>;

/// What everybody wrote, and is on the cluster without its offsets.
struct Prepared {
    offsets: Offsets,
    written: Written,
}

/// What a commit works with.
pub(super) struct Parts<'a> {
    pub(super) tasks: &'a mut Tasks,
    pub(super) member: &'a mut Member,
    pub(super) writer: &'a mut Writer,
    pub(super) mend: &'a mut Mend,
    pub(super) admin: &'a mut dyn Admin,
}

impl Parts<'_> {
    /// Whether there is something to commit.
    pub(super) fn have_work(&self) -> bool {
        self.writer.in_transaction() || self.mend.has_gaps() || self.tasks.commit_needed()
    }
}

impl Commits {
    pub(super) fn new(app: &Arc<App>, thread: &str) -> Self {
        let now_ms = app.clock.now_ms();
        Self {
            app: Arc::clone(app),
            thread: thread.to_owned(),
            purging: Asked::default(),
            last_ms: now_ms,
            last_purge_ms: now_ms,
            prepared: None,
        }
    }

    /// Whether a commit waits for the cluster.
    pub(super) fn is_pending(&self) -> bool {
        self.prepared.is_some()
    }

    /// Up to when the next commit is to be made: when the interval ends, or half of what a transaction may take.
    pub(super) fn due_ms(&self, writer: &Writer) -> i64 {
        let config = &self.app.config;
        let due_ms = self.last_ms.saturating_add(duration_ms(config.commit_interval()));
        let half_ms = duration_ms(config.transaction_timeout()) / 2;
        writer.transaction_ms().map_or(due_ms, |began| due_ms.min(began.saturating_add(half_ms)))
    }

    /// Whether user code asked for a commit, or uncommitted writes need too much memory.
    pub(super) fn is_asked_for(&self, tasks: &Tasks) -> bool {
        tasks.running().any(|(_, task)| task.commit_requested())
            || (self.app.settings.budget.overlay_exceeded() && tasks.commit_needed())
    }

    /// Drops what was prepared.
    pub(super) fn abandon(&mut self) {
        self.prepared = None;
    }

    /// Commits all tasks that made progress. At least once, rows that others left in changelogs are written anew behind
    /// that.
    ///
    /// # Errors
    /// `Unavailable` if the cluster could not take the offsets, which had no effect: the commit
    /// [is pending](Self::is_pending) and is to be tried again. Others leave work in doubt that is to be dropped.
    pub(super) fn commit(&mut self, parts: &mut Parts<'_>, now_ms: i64) -> Result {
        self.last_ms = now_ms;
        let prepared = match self.prepared.take() {
            Some(prepared) => prepared,
            None if !parts.have_work() => {
                // What was committed before still has to reach the disk in time; one task looks after all databases.
                if let Some((_, task)) = parts.tasks.running().next() {
                    task.databases().flush_older(now_ms, &self.app.settings);
                }
                return Ok(());
            }
            None => {
                let offsets = Self::stage(parts, now_ms)?;
                if is_planted(PlantedBug::CommitBeforeFlush) {
                    Self::commit_offsets(&offsets, parts)?;
                    let written = parts.writer.flush(parts.mend.logs())?;
                    return self.complete(written, parts, now_ms);
                }
                Prepared { offsets, written: Self::flush(parts)? }
            }
        };
        match Self::commit_offsets(&prepared.offsets, parts) {
            Ok(()) => self.complete(prepared.written, parts, now_ms),
            Err(error) => {
                self.prepared = Some(prepared).filter(|_| error.kind() == ErrorKind::Unavailable);
                Err(error)
            }
        }
    }

    /// The first step. Returns the offsets to commit.
    fn stage(parts: &mut Parts<'_>, now_ms: i64) -> Result<Offsets> {
        parts.writer.begin(parts.member, now_ms)?;
        let mut offsets = Vec::new();
        for (_, task) in parts.tasks.running_mut() {
            task.prepare_commit(parts.writer.producer())?;
            offsets.extend(task.offsets());
        }
        Ok(offsets)
    }

    /// The second step: everything that was written is on the cluster, and behind what the databases have.
    fn flush(parts: &mut Parts<'_>) -> Result<Written> {
        let written = parts.writer.flush(parts.mend.logs())?;
        let began = parts.writer.began();
        parts.tasks.running().try_for_each(|(_, task)| task.check_logged(began))?;
        Ok(written)
    }

    /// The last step, and what can be done only behind a commit.
    fn complete(&mut self, mut written: Written, parts: &mut Parts<'_>, now_ms: i64) -> Result {
        parts.mend.hold_back(&mut written);
        for (_, task) in parts.tasks.running_mut() {
            task.apply_commit(&written)?;
        }
        count(&self.app.shared.counters.commits, 1);
        parts.writer.committed(now_ms);
        parts.mend.mend(parts.tasks, parts.writer, parts.member, now_ms)?;
        self.purge_repartition_topics(parts, now_ms);
        Ok(())
    }

    /// Commits input offsets: in the transaction, which ends with that, or by the group.
    fn commit_offsets(offsets: &Offsets, parts: &mut Parts<'_>) -> Result {
        let mut offsets = offsets.clone();
        let running = parts.tasks.running();
        let committed = running.flat_map(|(_, task)| ActiveTask::committed_offsets(task));
        if !parts.writer.is_transactional() {
            if parts.mend.has_gaps() && offsets.is_empty() {
                offsets.extend(committed);
            }
            return if offsets.is_empty() { Ok(()) } else { parts.member.commit_offsets(&offsets) };
        }
        if offsets.is_empty() {
            if is_planted(PlantedBug::ForgetPunctuations) {
                return Ok(());
            }
            // Punctuations alone were at work. Only with offsets does the coordinator look at who commits, and a
            // zombie must not get its transaction through.
            offsets.extend(committed);
        }
        parts.writer.commit_transaction(&offsets, &parts.member.group_metadata())
    }

    /// Deletes what is consumed of repartition topics: nobody else reads them, and they have no retention.
    fn purge_repartition_topics(&mut self, parts: &mut Parts<'_>, now_ms: i64) {
        if let Some(Err(error)) = self.purging.answer(now_ms) {
            tracing::debug!(thread = %self.thread, "repartition topics are purged later: {error}");
        }
        let interval_ms = duration_ms(self.app.config.repartition_purge_interval());
        if now_ms.saturating_sub(self.last_purge_ms) < interval_ms {
            return;
        }
        self.last_purge_ms = now_ms;
        let positions = parts.tasks.running().flat_map(|(_, task)| task.committed_positions());
        let before: Vec<_> = positions
            .filter(|(partition, _)| self.app.is_repartition_topic(&partition.topic))
            .collect();
        if before.is_empty() {
            return;
        }
        let purged = parts.admin.delete_records(&before);
        self.purging.ask(purged, now_ms.saturating_add(ANSWER_MS));
    }
}
