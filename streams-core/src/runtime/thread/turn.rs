//! The order of a turn: membership, restored tasks, poll, process, punctuate, commit.

use std::{sync::Arc, time::Duration};

use super::{
    super::{app::App, metrics::ThreadMetadata, restore::Restorer, restore_worker::RestoreWorker},
    holdings::Holdings,
    member::Member,
    patience::{Patience, is_transient},
    restores::Restores,
    spans,
    tasks::{Slot, Tasks},
};
use crate::{Error, ErrorKind, Result};

/// Number of times that a closing thread tries to commit everything.
const LAST_ATTEMPTS: usize = 20;
const PAUSE_BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);
/// Pause between its checks for answers.
const PAUSE_FOR_ANSWERS: Duration = Duration::from_millis(5);

/// Result of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    /// True if there was any work, so that the next turn should follow at once.
    pub(crate) worked: bool,
}

/// A member of the group with its tasks: a schedule of parts. Driven by
/// [`run_once`](Self::run_once), from a thread of its own or from a simulator.
pub(crate) struct StreamThread {
    app: Arc<App>,
    index: usize,
    name: String,
    member: Member,
    holdings: Holdings,
    patience: Patience,
}

impl std::fmt::Debug for StreamThread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StreamThread({}, {:?})", self.name, self.tasks().ids(Slot::is_running))
    }
}

impl StreamThread {
    /// Creates a thread that joins with its first turn, and its restorer.
    pub(crate) fn new(app: &Arc<App>, index: usize) -> Result<(Self, RestoreWorker)> {
        let name = format!("{}-StreamThread-{index}", app.client_id());
        let (restores, orders) = Restores::new();
        let restorer = RestoreWorker::new(app.clone(), Restorer::new(app.clone(), index)?, orders);
        let thread = Self {
            index,
            member: Member::new(app, index, &name)?,
            holdings: Holdings::new(app, index, &name, restores)?,
            patience: Patience::new(&name, app.config.task_timeout()),
            app: app.clone(),
            name,
        };
        Ok((thread, restorer))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// This member of the group.
    pub(super) fn member(&self) -> &Member {
        &self.member
    }

    /// The tasks whose state it has opened.
    pub(super) fn tasks(&self) -> &Tasks {
        self.holdings.tasks()
    }

    /// Returns whether a transaction is open.
    pub(super) fn in_transaction(&self) -> bool {
        self.holdings.in_transaction()
    }

    /// Returns whether foreign rows must be rewritten, or looked for.
    pub(super) fn mends(&self) -> bool {
        self.holdings.mends()
    }

    /// Asks all instances to close, once its own tasks are given up. Returns whether the group has
    /// heard; until then the call must be repeated.
    pub(crate) fn shut_application_down(&mut self) -> Result<bool> {
        self.member.shut_application_down()
    }

    /// Returns whether a member of the group asked all instances to close.
    pub(crate) fn is_asked_to_close(&self) -> bool {
        self.member.is_asked_to_close()
    }

    /// Returns whether the cluster could not serve the last call.
    pub(crate) fn is_failing(&self) -> bool {
        self.patience.is_failing()
    }

    /// Returns whether the thread has all its assigned tasks, and processes them.
    pub(crate) fn is_running(&self) -> bool {
        self.member.is_running(self.tasks())
    }

    pub(crate) fn metadata(&self) -> ThreadMetadata {
        self.tasks().metadata(&self.name)
    }

    /// One turn: membership, restored tasks, poll, process, punctuate, commit. Waits at most
    /// `max_wait`, and only if there is no work.
    ///
    /// # Errors
    /// Errors from which the thread can't recover: a handler decided to fail, state can't be
    /// written, or the cluster was out of reach for longer than `task.timeout.ms`. Uncommitted work
    /// is dropped by then.
    pub(crate) fn run_once(&mut self, now_ms: i64, max_wait: Duration) -> Result<Turn> {
        let _turn = spans::turn(&self.name).entered();
        self.holdings.measure(&self.member, now_ms);
        self.patience.begin_turn();
        match self.turn(now_ms, max_wait) {
            Ok(turn) => {
                self.patience.end_turn();
                Ok(turn)
            }
            Err(error) => {
                self.recover(error, now_ms)?;
                Ok(Turn { worked: false })
            }
        }
    }

    fn turn(&mut self, now_ms: i64, max_wait: Duration) -> Result<Turn> {
        self.heartbeat(now_ms)?;
        let Self { member, holdings, patience, .. } = self;
        holdings.receive(patience, now_ms)?;
        holdings.look_around(now_ms)?;
        if holdings.commit_is_pending() {
            holdings.commit(member, patience, now_ms)?;
        }
        if !holdings.commit_is_pending() && !patience.has_passed_over() {
            // Without an answer the target may be out of date: a task that was not in the last
            // report may be another's by now.
            holdings.reconcile(member, patience, now_ms)?;
        }
        if holdings.commit_is_pending() {
            patience.waits();
        }
        if !holdings.lets_work(now_ms) {
            holdings.await_commit(max_wait);
            return Ok(Turn::default());
        }
        if !holdings.commit_is_pending() {
            let started = holdings.start_restored(member, patience, now_ms);
            member.without_topic(started)?;
        }
        let mut worked = holdings.poll(member, patience, now_ms, max_wait)?;
        // Checked again: records written after `pause` must not be processed.
        if !self.app.is_paused() {
            worked |= holdings.work(member)?;
        }
        let now_ms = self.app.clock.now_ms();
        holdings.commit_if_due(member, patience, now_ms)?;
        holdings.report_standstills(now_ms);
        Ok(Turn { worked })
    }

    /// Decides whether the thread can go on after an error, and drops uncommitted work.
    fn recover(&mut self, error: Error, now_ms: i64) -> Result {
        if error.kind() == ErrorKind::Fenced {
            tracing::warn!(thread = %self.name, "this member was replaced, its tasks are given up: {error}");
            self.holdings.drop_work();
            return Ok(());
        }
        if !is_transient(&error) {
            self.drop_work();
            return Err(error);
        }
        if !self.patience.bears(&error, now_ms) {
            self.drop_work();
            return Err(self.patience.exhausted(error, now_ms));
        }
        if self.holdings.is_in_doubt() {
            self.holdings.start_over();
        }
        Ok(())
    }

    fn heartbeat(&mut self, now_ms: i64) -> Result {
        let (tasks, restores) = (self.holdings.tasks(), self.holdings.restores());
        if self.member.heartbeat(tasks, restores, &mut self.patience, now_ms)? {
            self.holdings.is_assigned(&self.member);
        }
        Ok(())
    }

    /// Gives all tasks up without committing, because the thread ends.
    pub(crate) fn drop_work(&mut self) {
        self.holdings.drop_work();
        self.holdings.end_writing();
    }

    /// Leaves the group, unless the member is static.
    pub(crate) fn leave_group(&mut self) -> Result {
        self.member.leave(false)
    }

    /// Commits, gives up all tasks and leaves the group: a static member only if it leaves
    /// `for_good`. The restorer itself releases its tasks.
    pub(crate) fn close(&mut self, now_ms: i64, for_good: bool) -> Result {
        if let Err(error) = self.commit_before_closing(now_ms) {
            self.drop_work();
            let _ = self.member.leave(for_good); // The session timeout does it otherwise.
            return Err(error.in_context("the last commit before closing failed"));
        }
        self.holdings.release_all()?;
        if let Err(error) = self.member.leave(for_good) {
            // Everything is committed.
            tracing::info!(thread = %self.name, "the session timeout will give the tasks to others: {error}");
        }
        Ok(())
    }

    /// Makes the restorer release its tasks, and end.
    pub(crate) fn release_restorer(&self) {
        self.holdings.release_restorer();
    }

    /// Closes the tasks that the restorer has not released, after both have ended.
    pub(crate) fn close_returned(&mut self) {
        self.holdings.close_returned();
    }

    /// Commits until there is no work left: more than once if foreign rows must be rewritten, or
    /// the group can't accept offsets now.
    ///
    /// # Errors
    /// `Unavailable` if the group accepted no offsets in all that time.
    fn commit_before_closing(&mut self, now_ms: i64) -> Result {
        self.holdings.look_for_foreign_rows(now_ms);
        for attempt in 0..LAST_ATTEMPTS {
            if attempt > 0 {
                self.app.clock.sleep(PAUSE_BETWEEN_ATTEMPTS);
            }
            let now_ms = self.app.clock.now_ms();
            self.holdings.look_around(now_ms)?;
            // A zombie must learn that it is one before it writes. Without work it has nothing to
            // write.
            if self.holdings.has_work(&mut self.member) {
                self.heartbeat(now_ms)?;
                self.holdings.commit(&mut self.member, &mut self.patience, now_ms)?;
            }
            while self.holdings.commit_has_asked() {
                // The calls end in time.
                self.app.clock.sleep(PAUSE_FOR_ANSWERS);
                let now_ms = self.app.clock.now_ms();
                self.heartbeat(now_ms)?;
                self.holdings.commit(&mut self.member, &mut self.patience, now_ms)?;
            }
            let is_done = !self.holdings.has_work(&mut self.member);
            if is_done && !self.holdings.looks_for_foreign_rows() {
                return Ok(());
            }
        }
        if self.holdings.commit_is_pending() {
            return Err(Error::new(ErrorKind::Unavailable, "the group took no offsets"));
        }
        self.holdings.warn_of_foreign_rows();
        Ok(())
    }

    /// Takes back the collector that was lent to a task that panicked; returns where that task was.
    pub(crate) fn after_panic(&mut self) -> Option<String> {
        self.holdings.after_panic()
    }
}
