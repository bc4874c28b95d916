//! The commit of a thread: all its tasks at once, in four steps: prepare, flush, offsets, apply.
//! Tasks of a thread share one transaction, so no work of a task is committed without its offsets.
//! Before that the commit waits for records in flight in operators.
//!
//! Each step begins in one turn and is completed in later ones: meanwhile the thread takes part in
//! its group, and does other due work. If the cluster could not accept the offsets, which then had
//! no effect, the commit stays prepared and is completed later. Invariant: until it is complete no
//! task processes, punctuates, starts or ends. Its stores are those of the commit, and its writes
//! would be part of a transaction whose offsets are already in transit.

use std::{sync::Arc, task::Waker, time::Duration};

use tracing::Span;

use super::{
    super::{app::App, measure::SharedFigures, metrics::count},
    log_ends::Gap,
    mend::Mend,
    offsets::{self, Offsets},
    parts::Parts,
    phase::{Phase, Prepared},
    prepare,
    purge::Purge,
    spans,
    tasks::Tasks,
    writer::{Writer, Written},
};
use crate::{
    ErrorKind, Result,
    client::{Answer, BatchReport, answer::waker_of_this_thread},
    planted::{PlantedBug, is_planted},
    time::duration_ms,
};

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
            waker: None,
        }
    }

    /// Returns whether a commit waits for the cluster.
    pub(super) fn is_pending(&self) -> bool {
        self.phase.is_some()
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

    /// Commits all tasks that made progress; to be called again while the commit [is
    /// pending](Self::is_pending). With at-least-once, foreign rows are rewritten after that.
    ///
    /// # Errors
    /// `Unavailable` if the cluster could not accept the offsets, which had no effect: the commit
    /// is pending and must be retried. Other errors leave work in doubt, which must be dropped.
    pub(super) fn commit(&mut self, parts: &mut Parts<'_>, now_ms: i64) -> Result {
        self.last_ms = now_ms;
        if self.phase.is_none() {
            if !parts.have_work() {
                // Earlier commits must reach the disk in time; one task sees to all databases.
                if let Some((_, task)) = parts.tasks.running().next() {
                    task.databases().flush_older(now_ms, &self.app.settings);
                }
                return Ok(());
            }
            self.began_ms = now_ms;
            self.span = Some(spans::commit(&self.thread));
            self.phase = Some(Phase::Draining);
        }
        while let Some(phase) = self.phase.take() {
            let goes_on = match phase {
                Phase::Draining | Phase::Forwarding(_) | Phase::Staging(..) => {
                    self.prepare(phase, parts, now_ms)?
                }
                Phase::Flushing(offsets, flushed) => self.flush(offsets, flushed, parts)?,
                Phase::Flushed(prepared) => {
                    let sent = offsets::begin(&prepared.offsets, parts);
                    self.phase = Some(Phase::Offsets(prepared, sent));
                    true
                }
                Phase::Offsets(prepared, sent) => {
                    self.send_offsets(prepared, sent, parts, now_ms)?
                }
                Phase::Ending(prepared, ended) => self.end(prepared, ended, parts, now_ms)?,
                Phase::Mending(gaps, flushed) => self.mend(gaps, flushed, parts, now_ms)?,
            };
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// Stays in a phase until the next call.
    #[expect(clippy::unnecessary_wraps, reason = "it ends a step, as other outcomes do")]
    fn stay(&mut self, phase: Phase) -> Result<bool> {
        self.phase = Some(phase);
        Ok(false)
    }

    /// A step of the tasks. Each of these returns whether the next may follow at once.
    fn prepare(&mut self, phase: Phase, parts: &mut Parts<'_>, now_ms: i64) -> Result<bool> {
        self.phase = Some(match phase {
            Phase::Forwarding(mut forwarded) => {
                if !prepare::forward(parts, &mut forwarded)? {
                    return self.stay(Phase::Forwarding(forwarded));
                }
                Phase::Flushing(None, parts.writer.begin_flush())
            }
            Phase::Staging(mut offsets, mut staged) => {
                if !prepare::stage(parts, &mut offsets, &mut staged)? {
                    return self.stay(Phase::Staging(offsets, staged));
                }
                if is_planted(PlantedBug::CommitBeforeFlush) {
                    offsets::commit_before_flush(&offsets, parts)?;
                    let written = parts.writer.flush(parts.mend.logs())?;
                    return self.complete(written, parts, now_ms).map(|()| true);
                }
                Phase::Flushing(Some(offsets), parts.writer.begin_flush())
            }
            _ if !prepare::drain(parts, now_ms)? => return self.stay(Phase::Draining),
            _ if prepare::sends_results_first(parts) => Phase::Forwarding(None),
            _ => Phase::Staging(Offsets::new(), None),
        });
        Ok(true)
    }

    /// The step after a flush.
    fn flush(
        &mut self,
        offsets: Option<Offsets>,
        mut flushed: Answer<Vec<BatchReport>>,
        parts: &mut Parts<'_>,
    ) -> Result<bool> {
        let Some(reports) = self.answer(&mut flushed) else {
            return self.stay(Phase::Flushing(offsets, flushed));
        };
        let written = parts.writer.flushed(reports, parts.mend.logs());
        let checked = parts.check_logged();
        let written = written.and_then(|written| checked.map(|()| written))?;
        self.phase = Some(match offsets {
            Some(offsets) => Phase::Flushed(Prepared { offsets, written }),
            None => Phase::Staging(Offsets::new(), None),
        });
        Ok(true)
    }

    /// The step of the offsets, which complete the commit if there is no transaction.
    fn send_offsets(
        &mut self,
        prepared: Prepared,
        mut sent: Answer<()>,
        parts: &mut Parts<'_>,
        now_ms: i64,
    ) -> Result<bool> {
        let Some(said) = self.answer(&mut sent) else {
            return self.stay(Phase::Offsets(prepared, sent));
        };
        let prepared = self.unless_unavailable(prepared, said)?;
        if offsets::has_transaction(&prepared.offsets, parts) {
            let ended = parts.writer.begin_commit();
            self.phase = Some(Phase::Ending(prepared, ended));
        } else {
            self.complete(prepared.written, parts, now_ms)?;
        }
        Ok(true)
    }

    /// The step of the transaction's end.
    fn end(
        &mut self,
        prepared: Prepared,
        mut ended: Answer<()>,
        parts: &mut Parts<'_>,
        now_ms: i64,
    ) -> Result<bool> {
        let Some(said) = self.answer(&mut ended) else {
            return self.stay(Phase::Ending(prepared, ended));
        };
        let prepared = self.unless_unavailable(prepared, said)?;
        parts.writer.has_ended();
        self.complete(prepared.written, parts, now_ms)?;
        Ok(true)
    }

    /// A step of the foreign rows in changelogs.
    fn mend(
        &mut self,
        gaps: Vec<Gap>,
        flushed: Option<Answer<Vec<BatchReport>>>,
        parts: &mut Parts<'_>,
        now_ms: i64,
    ) -> Result<bool> {
        let Some(mut flushed) = flushed else {
            let flushed = match parts.writer.has_room() {
                Ok(false) => return self.stay(Phase::Mending(gaps, None)),
                Ok(true) => parts.writer.begin_flush(),
                Err(error) => Answer::ready(Err(error)),
            };
            self.phase = Some(Phase::Mending(gaps, Some(flushed)));
            return Ok(true);
        };
        let Some(reports) = self.answer(&mut flushed) else {
            return self.stay(Phase::Mending(gaps, Some(flushed)));
        };
        parts.mend.flushed(gaps, reports, (parts.tasks, parts.writer))?;
        parts.mend.read_gaps(parts.tasks, now_ms)?;
        Ok(true)
    }

    fn answer<T>(&mut self, asked: &mut Answer<T>) -> Option<Result<T>> {
        asked.poll_with(self.waker.get_or_insert_with(waker_of_this_thread))
    }

    /// Keeps the prepared commit for later if the cluster could not serve it now.
    fn unless_unavailable(&mut self, prepared: Prepared, said: Result) -> Result<Prepared> {
        let Err(error) = said else { return Ok(prepared) };
        let later = Some(Phase::Flushed(prepared));
        self.phase = later.filter(|_| error.kind() == ErrorKind::Unavailable);
        Err(error)
    }

    /// The last step, and the work that is possible only after a commit.
    fn complete(&mut self, written: Written, parts: &mut Parts<'_>, now_ms: i64) -> Result {
        Self::apply(written, parts.tasks, parts.mend)?;
        count(&self.app.shared.counters.commits, 1);
        self.figures.lock().committed(self.began_ms, self.app.clock.now_ms());
        self.span = None;
        parts.writer.committed(now_ms);
        self.purge.purge(parts.tasks, parts.admin, now_ms);
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
