//! The commit of a thread: all its tasks at once, in four steps: prepare, flush, offsets, apply. Tasks of a thread share
//! one transaction, so that nothing of a task is committed without its offsets. Before it records that are in flight in an
//! operator are waited for.
//!
//! Each step begins, and is asked in later turns: the thread hears from its group meanwhile, and does what else is due. If
//! the cluster could not take the offsets, which had no effect then, the commit stays prepared and is completed later.
//! Invariant: until it is complete no task processes, punctuates, starts or ends. Its stores are those of the commit, and
//! what it wrote would be part of a transaction whose offsets are on their way already.

use std::{sync::Arc, task::Waker, time::Duration};

use super::{
    super::{app::App, metrics::count},
    log_ends::Gap,
    mend::Mend,
    offsets::{self, Offsets},
    parts::Parts,
    prepare,
    purge::Purge,
    tasks::Tasks,
    writer::{Writer, Written},
};
use crate::{
    ErrorKind, Result, TaskId,
    client::{
        Answer, BatchReport,
        answer::{wait_for_a_wake, waker_of_this_thread},
    },
    planted::{PlantedBug, is_planted},
    time::duration_ms,
};

/// When a thread commits, and a commit that is not complete.
pub(super) struct Commits {
    app: Arc<App>,
    purge: Purge,
    last_ms: i64,
    phase: Option<Phase>,
    /// Wakes the thread, once it has waited.
    waker: Option<Waker>,
}

/// For how long nobody looks whether a back-off of what is in flight is over, or the producer has room.
const DRAIN_WAIT: Duration = Duration::from_millis(5);

/// How far a commit is.
enum Phase {
    /// Records are in flight in an operator of a task, or wait for room.
    Draining,
    /// Tasks have been prepared up to this one; what they wrote may wait for room.
    Staging(Offsets, Option<TaskId>),
    /// What everybody wrote is on its way.
    Flushing(Offsets, Answer<Vec<BatchReport>>),
    /// It is on the cluster, without its offsets.
    Flushed(Prepared),
    /// The offsets are on their way, to the group or to the transaction.
    Offsets(Prepared, Answer<()>),
    /// The end of the transaction is on its way.
    Ending(Prepared, Answer<()>),
    /// All is committed. Rows that others left in changelogs are written anew; the answer says that they are on the cluster.
    Mending(Vec<Gap>, Option<Answer<Vec<BatchReport>>>),
}

/// What everybody wrote.
struct Prepared {
    offsets: Offsets,
    written: Written,
}

impl Commits {
    pub(super) fn new(app: &Arc<App>, thread: &str) -> Self {
        let now_ms = app.clock.now_ms();
        Self {
            app: Arc::clone(app),
            purge: Purge::new(app, thread),
            last_ms: now_ms,
            phase: None,
            waker: None,
        }
    }

    /// Whether a commit waits for the cluster.
    pub(super) fn is_pending(&self) -> bool {
        self.phase.is_some()
    }

    /// Whether something was asked that is not answered, or is in flight.
    pub(super) fn has_asked(&self) -> bool {
        !matches!(self.phase, None | Some(Phase::Flushed(_)))
    }

    /// Waits until what was asked may be answered, for at most so long.
    pub(super) fn wait(&self, max_wait: Duration) {
        match self.phase {
            Some(Phase::Draining | Phase::Staging(..) | Phase::Mending(_, None)) => {
                wait_for_a_wake(max_wait.min(DRAIN_WAIT));
            }
            _ if self.has_asked() => wait_for_a_wake(max_wait),
            _ => {}
        }
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

    /// Drops what was prepared. A commit whose end is on its way may happen all the same: it is waited for, and what it
    /// committed is applied, or the state would be without it if its changelog is lost before it is restored.
    pub(super) fn abandon(&mut self, tasks: &mut Tasks, writer: &mut Writer, mend: &mut Mend) {
        let (prepared, said) = match self.phase.take() {
            Some(Phase::Ending(prepared, ended)) => (prepared, ended.wait()),
            Some(Phase::Offsets(prepared, sent)) if !writer.is_transactional() => {
                (prepared, sent.wait())
            }
            Some(Phase::Mending(gaps, _)) => return mend.logs().reopen(gaps),
            _ => return,
        };
        if said.is_ok() {
            writer.has_ended();
            let applied = Self::apply(prepared.written, tasks, mend);
            if let Err(error) = applied {
                tracing::warn!("what was committed is restored from the changelogs: {error}");
            }
        }
    }

    /// Commits all tasks that made progress, as far as the cluster answers: as long as the commit
    /// [is pending](Self::is_pending) this is to be called again. At least once, rows that others left in changelogs are
    /// written anew behind that.
    ///
    /// # Errors
    /// `Unavailable` if the cluster could not take the offsets, which had no effect: the commit is pending and is to be
    /// tried again. Others leave work in doubt that is to be dropped.
    pub(super) fn commit(&mut self, parts: &mut Parts<'_>, now_ms: i64) -> Result {
        self.last_ms = now_ms;
        if self.phase.is_none() {
            if !parts.have_work() {
                // What was committed before still has to reach the disk in time; one task looks after all databases.
                if let Some((_, task)) = parts.tasks.running().next() {
                    task.databases().flush_older(now_ms, &self.app.settings);
                }
                return Ok(());
            }
            self.phase = Some(Phase::Draining);
        }
        while let Some(phase) = self.phase.take() {
            match phase {
                Phase::Draining => {
                    if !prepare::drain(parts, now_ms)? {
                        self.phase = Some(Phase::Draining);
                        break;
                    }
                    self.phase = Some(Phase::Staging(Offsets::new(), None));
                }
                Phase::Staging(mut offsets, mut staged) => {
                    if !prepare::stage(parts, &mut offsets, &mut staged)? {
                        self.phase = Some(Phase::Staging(offsets, staged));
                        break;
                    }
                    if is_planted(PlantedBug::CommitBeforeFlush) {
                        offsets::commit_before_flush(&offsets, parts)?;
                        let written = parts.writer.flush(parts.mend.logs())?;
                        return self.complete(written, parts, now_ms);
                    }
                    self.phase = Some(Phase::Flushing(offsets, parts.writer.begin_flush()));
                }
                Phase::Flushing(offsets, mut flushed) => {
                    let Some(reports) = self.answer(&mut flushed) else {
                        self.phase = Some(Phase::Flushing(offsets, flushed));
                        break;
                    };
                    let written = Self::flushed(reports, parts)?;
                    self.phase = Some(Phase::Flushed(Prepared { offsets, written }));
                }
                Phase::Flushed(prepared) => {
                    let sent = offsets::begin(&prepared.offsets, parts);
                    self.phase = Some(Phase::Offsets(prepared, sent));
                }
                Phase::Offsets(prepared, mut sent) => {
                    let Some(said) = self.answer(&mut sent) else {
                        self.phase = Some(Phase::Offsets(prepared, sent));
                        break;
                    };
                    let prepared = self.unless_unavailable(prepared, said)?;
                    if offsets::has_transaction(&prepared.offsets, parts) {
                        let ended = parts.writer.begin_commit();
                        self.phase = Some(Phase::Ending(prepared, ended));
                    } else {
                        self.complete(prepared.written, parts, now_ms)?;
                    }
                }
                Phase::Ending(prepared, mut ended) => {
                    let Some(said) = self.answer(&mut ended) else {
                        self.phase = Some(Phase::Ending(prepared, ended));
                        break;
                    };
                    let prepared = self.unless_unavailable(prepared, said)?;
                    parts.writer.has_ended();
                    self.complete(prepared.written, parts, now_ms)?;
                }
                Phase::Mending(gaps, None) => match parts.writer.has_room() {
                    Ok(false) => {
                        self.phase = Some(Phase::Mending(gaps, None));
                        break;
                    }
                    room => {
                        let flushed = room.map_or_else(
                            |error| Answer::ready(Err(error)),
                            |_| parts.writer.begin_flush(),
                        );
                        self.phase = Some(Phase::Mending(gaps, Some(flushed)));
                    }
                },
                Phase::Mending(gaps, Some(mut flushed)) => {
                    let Some(reports) = self.answer(&mut flushed) else {
                        self.phase = Some(Phase::Mending(gaps, Some(flushed)));
                        break;
                    };
                    parts.mend.flushed(gaps, reports, (parts.tasks, parts.writer))?;
                    parts.mend.read_gaps(parts.tasks, now_ms)?;
                }
            }
        }
        Ok(())
    }

    fn answer<T>(&mut self, asked: &mut Answer<T>) -> Option<Result<T>> {
        asked.poll_with(self.waker.get_or_insert_with(waker_of_this_thread))
    }

    /// Keeps what is prepared, to be committed later, if the cluster could not serve that now.
    fn unless_unavailable(&mut self, prepared: Prepared, said: Result) -> Result<Prepared> {
        match said {
            Ok(()) => Ok(prepared),
            Err(error) => {
                let later = Some(Phase::Flushed(prepared));
                self.phase = later.filter(|_| error.kind() == ErrorKind::Unavailable);
                Err(error)
            }
        }
    }

    /// The second step: everything that was written is on the cluster, and behind what the databases have.
    fn flushed(reports: Result<Vec<BatchReport>>, parts: &mut Parts<'_>) -> Result<Written> {
        let written = parts.writer.flushed(reports, parts.mend.logs())?;
        let began = parts.writer.began();
        parts.tasks.running().try_for_each(|(_, task)| task.check_logged(began))?;
        Ok(written)
    }

    /// The last step, and what can be done only behind a commit.
    fn complete(&mut self, written: Written, parts: &mut Parts<'_>, now_ms: i64) -> Result {
        Self::apply(written, parts.tasks, parts.mend)?;
        count(&self.app.shared.counters.commits, 1);
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
