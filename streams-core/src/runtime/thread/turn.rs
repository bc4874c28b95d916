//! The order of a turn: membership, restored tasks, poll, process, punctuate, commit.

use std::{sync::Arc, time::Duration};

use super::{
    super::{app::App, metrics::ThreadMetadata, restore::Restorer, restore_worker::RestoreWorker},
    holdings::Holdings,
    member::Member,
    patience::{Patience, is_transient},
    restores::Restores,
    tasks::{Slot, Tasks},
};
use crate::{Error, ErrorKind, Result};

/// How often a thread that closes tries to leave nothing behind, and after what pause again.
const LAST_ATTEMPTS: usize = 20;
const PAUSE_BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);
/// How often it looks for answers meanwhile.
const PAUSE_FOR_ANSWERS: Duration = Duration::from_millis(5);

/// What a turn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Whether anything was done, so that the next turn should follow at once.
    pub(crate) worked: bool,
}

/// A member of the group with its tasks: a schedule of parts. Driven by [`run_once`](Self::run_once), from a thread of
/// its own or from a simulator.
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
    /// A thread that joins with its first turn, and its restorer.
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

    /// Who it is in the group.
    pub(super) fn member(&self) -> &Member {
        &self.member
    }

    /// The tasks whose state it has opened.
    pub(super) fn tasks(&self) -> &Tasks {
        self.holdings.tasks()
    }

    /// Whether a transaction is open.
    pub(super) fn in_transaction(&self) -> bool {
        self.holdings.in_transaction()
    }

    /// Whether rows of others are to be written anew, or looked for.
    pub(super) fn mends(&self) -> bool {
        self.holdings.mends()
    }

    /// Asks all instances to close, once its own tasks are given up. Returns whether the group has heard; until then the
    /// call is to be repeated.
    pub(crate) fn shut_application_down(&mut self) -> Result<bool> {
        self.member.shut_application_down()
    }

    /// Whether a member of the group asked all instances to close.
    pub(crate) fn is_asked_to_close(&self) -> bool {
        self.member.is_asked_to_close()
    }

    /// Whether the cluster could not serve the last call.
    pub(crate) fn is_failing(&self) -> bool {
        self.patience.is_failing()
    }

    /// Whether the thread has all tasks that it was told to have, and processes them.
    pub(crate) fn is_running(&self) -> bool {
        self.member.is_running(self.tasks())
    }

    pub(crate) fn metadata(&self) -> ThreadMetadata {
        self.tasks().metadata(&self.name)
    }

    /// One turn: membership, restored tasks, poll, process, punctuate, commit. Waits at most `max_wait`, and
    /// only if there is nothing to do.
    ///
    /// # Errors
    /// What the thread can't go on from: a handler decided to fail, state can't be written, or the cluster was out of
    /// reach for longer than `task.timeout.ms`. Uncommitted work is dropped by then.
    pub(crate) fn run_once(&mut self, now_ms: i64, max_wait: Duration) -> Result<Turn> {
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
            // Without an answer the target may be out of date: what was not in the last report may be another's by now.
            holdings.reconcile(member, patience, now_ms)?;
        }
        if holdings.commit_is_pending() {
            patience.waits();
            holdings.await_commit(max_wait);
            return Ok(Turn::default());
        }
        let started = holdings.start_restored(member, patience, now_ms);
        member.without_topic(started)?;
        let mut worked = holdings.poll(member, patience, now_ms, max_wait)?;
        // Asked anew: what was written after `pause` must not be processed.
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
        if self.tasks().commit_needed() || self.in_transaction() {
            self.holdings.start_over();
        }
        Ok(())
    }

    fn heartbeat(&mut self, now_ms: i64) -> Result {
        let (tasks, restores) = (self.holdings.tasks(), self.holdings.restores());
        if self.member.heartbeat(tasks, restores, &mut self.patience, now_ms)? {
            self.holdings.is_assigned();
        }
        Ok(())
    }

    /// Gives all tasks up without committing, for the thread ends.
    pub(crate) fn drop_work(&mut self) {
        self.holdings.drop_work();
        self.holdings.end_writing();
    }

    /// Leaves the group, unless the member is static.
    pub(crate) fn leave_group(&mut self) -> Result {
        self.member.leave(false)
    }

    /// Commits, gives up all tasks and leaves the group: a static member only if it leaves `for_good`. What the restorer
    /// has it releases itself.
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

    /// Has the restorer let go of its tasks, and end.
    pub(crate) fn release_restorer(&self) {
        self.holdings.release_restorer();
    }

    /// Closes what the restorer has not released, after both have ended.
    pub(crate) fn close_returned(&mut self) {
        self.holdings.close_returned();
    }

    /// Commits until there is no work left: more than once where rows of others are to be written anew, and where the
    /// group can't take offsets now.
    ///
    /// # Errors
    /// `Unavailable` if the group took no offsets in all that time.
    fn commit_before_closing(&mut self, now_ms: i64) -> Result {
        self.holdings.look_for_foreign_rows(now_ms);
        for attempt in 0..LAST_ATTEMPTS {
            if attempt > 0 {
                self.app.clock.sleep(PAUSE_BETWEEN_ATTEMPTS);
            }
            let now_ms = self.app.clock.now_ms();
            self.holdings.look_around(now_ms)?;
            // A zombie must hear that it is one before it writes. Without work it has nothing to write.
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

    /// Takes back what was lent to a task that panicked; where that task was.
    pub(crate) fn after_panic(&mut self) -> Option<String> {
        self.holdings.after_panic()
    }
}
