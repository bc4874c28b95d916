//! The order of a turn: membership, restored tasks, poll, process, punctuate, commit.

use std::{sync::Arc, time::Duration};

use super::{
    super::{app::App, metrics::ThreadMetadata, restore_worker::RestoreWorker, restorer::Restorer},
    commit::{Commits, Parts},
    ending::Ending,
    hand_over::{self, Placing},
    input::Input,
    member::Member,
    mend::Mend,
    pace::Pace,
    patience::{Patience, is_transient},
    restores::{Order, Restores},
    start::{self, Start},
    tasks::{Slot, Tasks},
    watch::{self, Standstills},
    work::Work,
    writer::Writer,
};
use crate::{
    Error, ErrorKind, Result, TaskId,
    task::{ActiveTask, Readiness},
};

/// Commits before a thread closes, if each finds rows of others in changelogs.
const LAST_COMMITS: usize = 3;

/// How often it tries if the group can't take offsets, and after what pause again.
const LAST_ATTEMPTS: usize = 20;
const PAUSE_BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

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
    tasks: Tasks,
    restores: Restores,
    input: Input,
    writer: Writer,
    mend: Mend,
    commits: Commits,
    standstills: Standstills,
    pace: Pace,
    patience: Patience,
    /// The task at which processing made room for something else.
    interrupted: Option<TaskId>,
}

impl std::fmt::Debug for StreamThread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StreamThread({}, {:?})", self.name, self.tasks.ids(Slot::is_running))
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
            tasks: Tasks::default(),
            restores,
            input: Input::new(app, &name)?,
            writer: Writer::new(app, index, &name),
            mend: Mend::new(app, &name)?,
            commits: Commits::new(app, &name)?,
            standstills: Standstills::default(),
            pace: Pace::new(),
            patience: Patience::new(&name, app.config.task_timeout()),
            interrupted: None,
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
        &self.tasks
    }

    /// Whether a transaction is open.
    pub(super) fn in_transaction(&self) -> bool {
        self.writer.in_transaction()
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
        self.member.is_running(&self.tasks)
    }

    pub(crate) fn metadata(&self) -> ThreadMetadata {
        self.tasks.metadata(&self.name)
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
        self.receive(now_ms)?;
        if self.commits.is_pending() {
            self.commit(now_ms)?;
            if self.commits.is_pending() {
                return Ok(Turn::default());
            }
        }
        if !self.patience.has_passed_over() {
            // Without an answer the target may be out of date: what was not in the last report may be another's by now.
            self.reconcile(now_ms)?;
        }
        if self.commits.is_pending() {
            return Ok(Turn::default());
        }
        self.start_restored(now_ms)?;
        let mut worked = self.poll(now_ms, max_wait)?;
        // Asked anew: what was written after `pause` must not be processed.
        if !self.app.is_paused() {
            worked |= self.work()?;
        }
        let now_ms = self.app.clock.now_ms();
        self.mend.look_if_due(now_ms);
        if now_ms >= self.commits.due_ms(&self.writer) || self.commits.is_asked_for(&self.tasks) {
            self.commit(now_ms)?;
        }
        let readers = (&self.tasks, &mut self.input, &self.restores);
        let is_paused = self.app.is_paused();
        watch::report(&mut self.standstills, &self.name, readers, is_paused, now_ms);
        Ok(Turn { worked })
    }

    /// Decides whether the thread can go on after an error, and drops uncommitted work.
    fn recover(&mut self, error: Error, now_ms: i64) -> Result {
        if error.kind() == ErrorKind::Fenced {
            tracing::warn!(thread = %self.name, "this member was replaced, its tasks are given up: {error}");
            self.drop_work();
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
        if self.tasks.commit_needed() || self.writer.in_transaction() {
            self.start_over();
        }
        Ok(())
    }

    fn heartbeat(&mut self, now_ms: i64) -> Result {
        let (tasks, restores) = (&self.tasks, &self.restores);
        if self.member.heartbeat(tasks, restores, &mut self.patience, now_ms)? {
            self.input.forget_partition_counts();
        }
        Ok(())
    }

    fn receive(&mut self, now_ms: i64) -> Result {
        let (tasks, restores) = (&mut self.tasks, &mut self.restores);
        hand_over::receive(&self.app, tasks, restores, &mut self.patience, now_ms)
    }

    /// Follows the target.
    fn reconcile(&mut self, now_ms: i64) -> Result {
        let Some(target) = self.member.target().cloned() else { return Ok(()) };
        let running = self.tasks.ids(Slot::is_running).into_iter();
        let gone: Vec<TaskId> = running.filter(|task| !target.active.contains(task)).collect();
        if !gone.is_empty() {
            self.give_up(&gone, now_ms)?;
        }
        hand_over::recall(&mut self.tasks, &target, &self.restores);
        hand_over::take_over(&self.app, &mut self.tasks, &target)?;
        let waiting = self.tasks.ids(Slot::is_waiting);
        if waiting.iter().any(|task| target.active.contains(task)) {
            // A transaction that this thread, or the one before it, left open would hold the restore up.
            self.writer.ensure(&self.member)?;
        }
        let mut placing = Placing {
            app: &self.app,
            target: &target,
            member: &mut self.member,
            input: &mut self.input,
            mend: &mut self.mend,
            restores: &mut self.restores,
            patience: &mut self.patience,
            now_ms,
        };
        placing.place(&mut self.tasks)
    }

    /// Commits, and ends these tasks.
    fn give_up(&mut self, gone: &[TaskId], now_ms: i64) -> Result {
        self.mend.look(now_ms);
        self.commit(now_ms)?;
        if self.commits.is_pending() {
            return Ok(());
        }
        if gone.iter().any(|task| self.mend.has_rows_of(*task)) {
            let text =
                "changelogs of tasks that are to be given up still end with rows of another writer";
            let error = Error::new(ErrorKind::Unavailable, text);
            return self.patience.pass_over(Err(error), now_ms);
        }
        gone.iter().try_for_each(|task| self.ending().close_task(*task))
    }

    /// Starts the tasks that are restored. One whose committed offsets can't be had yet waits.
    fn start_restored(&mut self, now_ms: i64) -> Result {
        for id in self.tasks.ids(Slot::is_restored) {
            // A transaction of the former owner may not be finished.
            let found = Start::find(id, &mut self.member, &mut self.input);
            let Some(start) = self.patience.pass_over(found.map(Some), now_ms)? else { continue };
            let Some(Slot::Restored(databases)) = self.tasks.get(id) else { continue };
            self.writer.begin(&self.member, now_ms)?;
            let mut task = start::build(&self.app, id, databases.clone(), start.inputs)?;
            task.init(&start.committed, now_ms, self.writer.producer())?;
            self.input.begin(&start.positions)?;
            task.starts_at(&start.positions);
            if !self.app.exactly_once() {
                for (changelog, end) in task.changelogs()? {
                    self.mend.track(changelog, end);
                }
            }
            self.tasks.put(id, Slot::Running(Box::new(task)));
        }
        Ok(())
    }

    fn poll(&mut self, now_ms: i64, max_wait: Duration) -> Result<bool> {
        let wait = self.wait(now_ms, max_wait);
        match self.input.poll(&mut self.tasks, wait) {
            Err(error) if error.kind() == ErrorKind::InvalidState => {
                // The log was truncated there, or this is a zombie and the next owner has purged what it read.
                tracing::warn!(thread = %self.name, "tasks start over from their committed offsets: {error}");
                self.start_over();
                Ok(true)
            }
            polled => self.patience.pass_over(polled, now_ms),
        }
    }

    /// How long a poll may wait: not at all while there is work, and not past what is due next.
    fn wait(&mut self, now_ms: i64, max_wait: Duration) -> Duration {
        if !self.app.is_paused() && self.is_any_ready(now_ms) || self.tasks.any(Slot::is_restored) {
            return Duration::ZERO;
        }
        if self.tasks.any(|slot| slot.is_waiting() || slot.is_coming()) {
            return max_wait.min(Duration::from_millis(10));
        }
        let punctuations = self.tasks.running().filter_map(|(_, task)| task.next_punctuation());
        let commit = self.commits.due_ms(&self.writer);
        let due = punctuations.chain([commit]).min().unwrap_or(commit);
        let until_due = u64::try_from(due - now_ms).unwrap_or(0);
        max_wait.min(Duration::from_millis(until_due.max(1)))
    }

    fn is_any_ready(&mut self, now_ms: i64) -> bool {
        let lag = |partition: &_| self.input.lag(partition);
        let ready = |task: &mut ActiveTask| task.readiness(now_ms, lag) == Readiness::Ready;
        self.tasks.running_mut().any(|(_, task)| ready(task))
    }

    /// Processes and punctuates.
    fn work(&mut self) -> Result<bool> {
        let mut work = Work {
            app: &self.app,
            tasks: &mut self.tasks,
            input: &self.input,
            writer: &mut self.writer,
            member: &self.member,
            commits: &self.commits,
            pace: &mut self.pace,
        };
        let (processed, interrupted) = work.process(self.interrupted.take())?;
        let punctuated = work.punctuate()?;
        self.interrupted = interrupted;
        Ok(processed > 0 || punctuated)
    }

    /// Commits. One that the cluster could not take stays pending.
    fn commit(&mut self, now_ms: i64) -> Result {
        let mut parts = Parts {
            tasks: &mut self.tasks,
            member: &mut self.member,
            writer: &mut self.writer,
            mend: &mut self.mend,
        };
        let committed = self.commits.commit(&mut parts, now_ms);
        if self.commits.is_pending() {
            self.patience.pass_over(committed, now_ms)
        } else {
            committed
        }
    }

    fn has_work(&mut self) -> bool {
        self.parts().have_work()
    }

    fn parts(&mut self) -> Parts<'_> {
        Parts {
            tasks: &mut self.tasks,
            member: &mut self.member,
            writer: &mut self.writer,
            mend: &mut self.mend,
        }
    }

    fn ending(&mut self) -> Ending<'_> {
        Ending {
            app: &self.app,
            tasks: &mut self.tasks,
            restores: &mut self.restores,
            input: &mut self.input,
            writer: &mut self.writer,
            mend: &mut self.mend,
            commits: &mut self.commits,
        }
    }

    /// Takes the producer back from a task that panicked; where that task was.
    pub(crate) fn after_panic(&mut self) -> Option<String> {
        let mut running = self.tasks.running_mut();
        let (place, producer) = running.find_map(|(_, task)| task.interrupted())?;
        self.writer.takes_back(producer);
        Some(place)
    }

    /// Gives all tasks up without committing.
    pub(crate) fn drop_work(&mut self) {
        self.ending().drop_work();
    }

    /// Leaves the group, unless the member is static.
    pub(crate) fn leave_group(&mut self) -> Result {
        self.member.leave()
    }

    fn start_over(&mut self) {
        self.ending().start_over();
    }

    /// Commits, gives up all tasks and leaves the group. What the restorer has it releases itself.
    pub(crate) fn close(&mut self, now_ms: i64) -> Result {
        if let Err(error) = self.commit_before_closing(now_ms) {
            self.drop_work();
            let _ = self.leave_group(); // The session timeout does it otherwise.
            return Err(error.in_context("the last commit before closing failed"));
        }
        self.ending().release_all()?;
        if let Err(error) = self.leave_group() {
            // Everything is committed.
            tracing::info!(thread = %self.name, "the session timeout will give the tasks to others: {error}");
        }
        Ok(())
    }

    /// Has the restorer let go of its tasks, and end.
    pub(crate) fn release_restorer(&self) {
        self.restores.order(Order::Release);
    }

    /// Closes what the restorer has not released, after both have ended.
    pub(crate) fn close_returned(&mut self) {
        self.ending().close_returned();
    }

    /// Commits until there is no work left: more than once where rows of others are to be written anew, and where the
    /// group can't take offsets now.
    fn commit_before_closing(&mut self, now_ms: i64) -> Result {
        self.mend.look(now_ms);
        let (mut committed, mut attempts) = (0, 0);
        while committed < LAST_COMMITS && attempts < LAST_ATTEMPTS && self.has_work() {
            if attempts > committed {
                self.app.clock.sleep(PAUSE_BETWEEN_ATTEMPTS);
            }
            // A zombie must hear that it is one before it writes. Without work it has nothing to write.
            self.heartbeat(now_ms)?;
            self.commit(self.app.clock.now_ms())?;
            attempts += 1;
            committed += usize::from(!self.commits.is_pending());
        }
        if self.commits.is_pending() {
            return Err(Error::new(ErrorKind::Unavailable, "the group took no offsets"));
        }
        for id in self.tasks.ids(Slot::is_running) {
            if self.mend.has_rows_of(id) {
                tracing::warn!(thread = %self.name, task = %id, "its changelogs end with rows of another writer, from which its next owner will go on");
            }
        }
        Ok(())
    }
}
