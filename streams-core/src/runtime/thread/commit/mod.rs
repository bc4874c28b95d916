//! The commit of a thread: all its tasks at once, in four steps: prepare, flush, offsets, apply.
//! Tasks of a thread share one transaction, so no work of a task is committed without its offsets.
//! Before that the commit waits for records in flight in operators.
//!
//! Each step begins in one turn and is completed in later ones: meanwhile the thread takes part in
//! its group, and does other due work. If the cluster could not accept the offsets, which then had
//! no effect, the commit stays prepared and is completed later. Invariant: until it is complete no
//! task starts or ends.
//!
//! Once all tasks are prepared they may process the next records, up to the time of the next
//! commit: their stores see the commit's rows as written, and their output is held until the
//! transaction has ended. If the commit fails, that work is dropped with it. The tasks wait for the
//! commit if one of them is to end with it, and while foreign rows are to be rewritten: those get
//! the values of the commit.

mod steps;

use std::{sync::Arc, task::Waker, time::Duration};

use tracing::Span;

use super::{
    super::{app::App, measure::SharedFigures, metrics::count},
    mend::Mend,
    parts::Parts,
    phase::Phase,
    purge::Purge,
    spans,
    tasks::Tasks,
    writer::{Writer, Written},
};
use crate::{Result, time::duration_ms};

/// The schedule of a thread's commits, and the one in progress.
pub(super) struct Commits {
    app: Arc<App>,
    purge: Purge,
    last_ms: i64,
    /// Start of the commit in progress.
    began_ms: i64,
    thread: String,
    span: Option<Span>,
    figures: SharedFigures,
    phase: Option<Phase>,
    /// True if tasks work while the commit in progress is in transit.
    overlaps: bool,
    /// Waker of the thread, once it has waited.
    waker: Option<Waker>,
}

impl Commits {
    pub(super) fn new(app: &Arc<App>, thread: &str, figures: SharedFigures) -> Self {
        let now_ms = app.clock.now_ms();
        Self {
            app: Arc::clone(app),
            purge: Purge::new(app, thread),
            last_ms: now_ms,
            began_ms: now_ms,
            thread: thread.to_owned(),
            span: None,
            figures,
            phase: None,
            overlaps: false,
            waker: None,
        }
    }

    /// Returns whether a commit waits for the cluster.
    pub(super) fn is_pending(&self) -> bool {
        self.phase.is_some()
    }

    /// Returns whether tasks may work: while a commit is in transit up to the time of the next one.
    pub(super) fn let_work(&self, tasks: &Tasks, writer: &Writer, now_ms: i64) -> bool {
        let Some(phase) = &self.phase else { return true };
        self.overlaps
            && phase.is_staged()
            && now_ms < self.due_ms(writer)
            && !tasks.ask_for_commit(&self.app)
    }

    /// Returns whether a request is unanswered, or a record in flight.
    pub(super) fn has_asked(&self) -> bool {
        self.phase.as_ref().is_some_and(Phase::has_asked)
    }

    /// Waits for an answer, for at most `max_wait`.
    pub(super) fn wait(&self, max_wait: Duration) {
        self.phase.iter().for_each(|phase| phase.wait(max_wait));
    }

    /// Latest time of the next commit: when the interval ends, or half of the transaction timeout.
    pub(super) fn due_ms(&self, writer: &Writer) -> i64 {
        let config = &self.app.config;
        let half_ms = duration_ms(config.transaction_timeout()) / 2;
        let due_ms = self.last_ms.saturating_add(duration_ms(config.commit_interval()));
        writer.transaction_ms().map_or(due_ms, |began| due_ms.min(began.saturating_add(half_ms)))
    }

    /// Drops the prepared commit. If its end is in transit it may still happen, so it is awaited and
    /// then applied: the state would lack it if its changelog is lost before a restore.
    pub(super) fn abandon(&mut self, tasks: &mut Tasks, writer: &mut Writer, mend: &mut Mend) {
        self.span = None;
        let transactional = writer.is_transactional();
        let (prepared, said) = match self.phase.take() {
            Some(Phase::Ending(prepared, ended)) => (prepared, ended.wait()),
            Some(Phase::Offsets(prepared, sent)) if !transactional => (prepared, sent.wait()),
            Some(Phase::Mending(gaps, _)) => return mend.logs().reopen(gaps),
            _ => return,
        };
        if said.is_ok() {
            writer.has_ended();
            if let Err(error) = Self::apply(prepared.written, tasks, mend) {
                tracing::warn!("what was committed is restored from the changelogs: {error}");
            }
        }
    }

    /// Begins to commit all tasks that made progress, unless a commit is in progress; to be called
    /// again, as [`go_on`](Self::go_on), while the commit [is pending](Self::is_pending). With
    /// at-least-once, foreign rows are rewritten after that. If it is `alone`, no task works until
    /// it is complete.
    ///
    /// # Errors
    /// The errors of [`go_on`](Self::go_on).
    pub(super) fn commit(&mut self, parts: &mut Parts<'_>, now_ms: i64, alone: bool) -> Result {
        if self.phase.is_none() {
            self.last_ms = now_ms;
            if !parts.have_work() {
                // Earlier commits must reach the disk in time; one task sees to all databases.
                if let Some((_, task)) = parts.tasks.running().next() {
                    task.databases().flush_older(now_ms, &self.app.settings);
                }
                return Ok(());
            }
            self.began_ms = now_ms;
            self.overlaps = !alone && parts.writer.can_hold() && !parts.mend.is_due();
            self.span = Some(spans::commit(&self.thread));
            self.phase = Some(Phase::Draining);
        }
        self.go_on(parts, now_ms)
    }

    /// Continues the commit in progress, as far as the cluster has answered.
    ///
    /// # Errors
    /// `Unavailable` if the cluster could not accept the offsets, which had no effect: the commit
    /// is pending and must be retried. Other errors leave work in doubt, which must be dropped.
    pub(super) fn go_on(&mut self, parts: &mut Parts<'_>, now_ms: i64) -> Result {
        while let Some(phase) = self.phase.take() {
            if !self.step(phase, parts, now_ms)? {
                break;
            }
        }
        Ok(())
    }

    /// The last step, and the work that is possible only after a commit.
    fn complete(&mut self, written: Written, parts: &mut Parts<'_>, now_ms: i64) -> Result {
        Self::apply(written, parts.tasks, parts.mend)?;
        count(&self.app.shared.counters.commits, 1);
        self.figures.lock().committed(self.began_ms, self.app.clock.now_ms());
        self.span = None;
        parts.writer.go_on(now_ms)?;
        parts.writer.committed(now_ms);
        self.purge.purge(parts.tasks, parts.admin, now_ms);
        if self.overlaps {
            // The tasks have done more: rows are rewritten after a commit during which they wait.
            return parts.mend.read_gaps(parts.tasks, now_ms);
        }
        match parts.mend.mend(parts.tasks, parts.writer, parts.member)? {
            Some(gaps) => self.phase = Some(Phase::Mending(gaps, None)),
            None => parts.mend.read_gaps(parts.tasks, now_ms)?,
        }
        Ok(())
    }

    fn apply(mut written: Written, tasks: &mut Tasks, mend: &Mend) -> Result {
        mend.hold_back(&mut written);
        tasks.running_mut().try_for_each(|(_, task)| task.apply_commit(&written))
    }
}
