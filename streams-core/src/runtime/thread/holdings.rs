//! All that a thread holds for its tasks, and what is done with several of these at once.

use std::{sync::Arc, time::Duration};

use super::{
    super::app::App,
    commit::{Commits, Parts},
    ending::Ending,
    hand_over::{self, Placing},
    input::Input,
    member::Member,
    mend::Mend,
    pace::Pace,
    patience::Patience,
    restores::{Order, Restores},
    start::{self, Start},
    tasks::{Slot, Tasks},
    watch::{self, Standstills},
    work::Work,
    writer::Writer,
};
use crate::{
    Error, ErrorKind, Result, TaskId,
    planted::{PlantedBug, is_planted},
    task::{ActiveTask, Readiness},
};

/// The tasks of a thread, and what it reads and writes for them.
pub(super) struct Holdings {
    app: Arc<App>,
    thread: String,
    tasks: Tasks,
    restores: Restores,
    input: Input,
    writer: Writer,
    mend: Mend,
    commits: Commits,
    pace: Pace,
    /// The task at which processing made room for something else.
    interrupted: Option<TaskId>,
    standstills: Standstills,
}

impl Holdings {
    pub(super) fn new(
        app: &Arc<App>,
        index: usize,
        thread: &str,
        restores: Restores,
    ) -> Result<Self> {
        Ok(Self {
            app: app.clone(),
            thread: thread.to_owned(),
            tasks: Tasks::default(),
            restores,
            input: Input::new(app, thread)?,
            writer: Writer::new(app, index, thread),
            mend: Mend::new(app, thread)?,
            commits: Commits::new(app, thread)?,
            pace: Pace::new(),
            interrupted: None,
            standstills: Standstills::default(),
        })
    }

    pub(super) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    pub(super) fn restores(&self) -> &Restores {
        &self.restores
    }

    pub(super) fn in_transaction(&self) -> bool {
        self.writer.in_transaction()
    }

    /// Whether a commit waits for the group: until it is complete, nothing may happen to tasks.
    pub(super) fn commit_is_pending(&self) -> bool {
        self.commits.is_pending()
    }

    /// Whether something is not committed.
    pub(super) fn has_work(&mut self, member: &mut Member) -> bool {
        self.parts(member).have_work()
    }

    /// Takes what the restorer has to tell.
    pub(super) fn receive(&mut self, patience: &mut Patience, now_ms: i64) -> Result {
        let (tasks, restores) = (&mut self.tasks, &mut self.restores);
        hand_over::receive(&self.app, tasks, restores, patience, now_ms)
    }

    /// Follows the target.
    pub(super) fn reconcile(
        &mut self,
        member: &mut Member,
        patience: &mut Patience,
        now_ms: i64,
    ) -> Result {
        let Some(target) = member.target().cloned() else { return Ok(()) };
        let running = self.tasks.ids(Slot::is_running).into_iter();
        let gone: Vec<TaskId> = running.filter(|task| !target.active.contains(task)).collect();
        if !gone.is_empty() {
            self.give_up(&gone, member, patience, now_ms)?;
        }
        hand_over::recall(&mut self.tasks, &target, &self.restores);
        hand_over::take_over(&self.app, &mut self.tasks, &target)?;
        let waiting = self.tasks.ids(Slot::is_waiting);
        if waiting.iter().any(|task| target.active.contains(task)) {
            // A transaction that this thread, or the one before it, left open would hold the restore up.
            self.writer.ensure(member)?;
        }
        let mut placing = Placing {
            app: &self.app,
            target: &target,
            member,
            input: &mut self.input,
            mend: &mut self.mend,
            restores: &mut self.restores,
            patience,
            now_ms,
        };
        placing.place(&mut self.tasks)
    }

    /// Commits, and ends these tasks.
    fn give_up(
        &mut self,
        gone: &[TaskId],
        member: &mut Member,
        patience: &mut Patience,
        now_ms: i64,
    ) -> Result {
        self.mend.look(now_ms);
        if !is_planted(PlantedBug::HandOverBeforeCommit) {
            self.commit(member, patience, now_ms)?;
        }
        if self.commits.is_pending() {
            return Ok(());
        }
        if gone.iter().any(|task| self.mend.has_rows_of(*task)) {
            let text =
                "changelogs of tasks that are to be given up still end with rows of another writer";
            let error = Error::new(ErrorKind::Unavailable, text);
            return patience.pass_over(Err(error), now_ms);
        }
        gone.iter().try_for_each(|task| self.ending().close_task(*task))
    }

    /// Starts the tasks that are restored. One whose committed offsets can't be had yet waits.
    pub(super) fn start_restored(
        &mut self,
        member: &mut Member,
        patience: &mut Patience,
        now_ms: i64,
    ) -> Result {
        for id in self.tasks.ids(Slot::is_restored) {
            // A transaction of the former owner may not be finished.
            let found = Start::find(id, member, &mut self.input);
            let Some(start) = patience.pass_over(found.map(Some), now_ms)? else { continue };
            let Some(Slot::Restored(databases)) = self.tasks.get(id) else { continue };
            self.writer.begin(member, now_ms)?;
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

    /// Polls, for at most `max_wait`.
    pub(super) fn poll(
        &mut self,
        patience: &mut Patience,
        now_ms: i64,
        max_wait: Duration,
    ) -> Result<bool> {
        let wait = self.wait(now_ms, max_wait);
        match self.input.poll(&mut self.tasks, wait) {
            Err(error) if error.kind() == ErrorKind::InvalidState => {
                // The log was truncated there, or this is a zombie and the next owner has purged what it read.
                tracing::warn!(thread = %self.thread, "tasks start over from their committed offsets: {error}");
                self.start_over();
                Ok(true)
            }
            polled => patience.pass_over(polled, now_ms),
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
    pub(super) fn work(&mut self, member: &Member) -> Result<bool> {
        let mut work = Work {
            app: &self.app,
            tasks: &mut self.tasks,
            input: &self.input,
            writer: &mut self.writer,
            member,
            commits: &self.commits,
            pace: &mut self.pace,
        };
        let (processed, interrupted) = work.process(self.interrupted.take())?;
        let punctuated = work.punctuate()?;
        self.interrupted = interrupted;
        Ok(processed > 0 || punctuated)
    }

    /// Commits. One that the cluster could not take stays pending.
    pub(super) fn commit(
        &mut self,
        member: &mut Member,
        patience: &mut Patience,
        now_ms: i64,
    ) -> Result {
        let mut parts = Parts {
            tasks: &mut self.tasks,
            member,
            writer: &mut self.writer,
            mend: &mut self.mend,
        };
        let committed = self.commits.commit(&mut parts, now_ms);
        if self.commits.is_pending() { patience.pass_over(committed, now_ms) } else { committed }
    }

    /// Commits if it is time to.
    pub(super) fn commit_if_due(
        &mut self,
        member: &mut Member,
        patience: &mut Patience,
        now_ms: i64,
    ) -> Result {
        self.mend.look_if_due(now_ms);
        if now_ms >= self.commits.due_ms(&self.writer) || self.commits.is_asked_for(&self.tasks) {
            self.commit(member, patience, now_ms)?;
        }
        Ok(())
    }

    /// Looks behind the ends of the changelogs, before somebody else goes on there.
    pub(super) fn look_for_foreign_rows(&mut self, now_ms: i64) {
        self.mend.look(now_ms);
    }

    /// Warns of what could not be mended, before the tasks end.
    pub(super) fn warn_of_foreign_rows(&self) {
        for id in self.tasks.ids(Slot::is_running) {
            if self.mend.has_rows_of(id) {
                tracing::warn!(thread = %self.thread, task = %id, "its changelogs end with rows of another writer, from which its next owner will go on");
            }
        }
    }

    /// Topics may have got more partitions.
    pub(super) fn forget_partition_counts(&mut self) {
        self.input.forget_partition_counts();
    }

    /// Reports what stands still.
    pub(super) fn report_standstills(&mut self, now_ms: i64) {
        let readers = (&self.tasks, &mut self.input, &self.restores);
        let is_paused = self.app.is_paused();
        watch::report(&mut self.standstills, &self.thread, readers, is_paused, now_ms);
    }

    /// Drops uncommitted work and has all tasks begin anew.
    pub(super) fn start_over(&mut self) {
        self.ending().start_over();
    }

    /// Gives all tasks up without committing.
    pub(super) fn drop_work(&mut self) {
        self.ending().drop_work();
    }

    /// Ends all tasks, which have committed everything.
    pub(super) fn release_all(&mut self) -> Result {
        self.ending().release_all()
    }

    /// Has the restorer let go of its tasks, and end.
    pub(super) fn release_restorer(&self) {
        self.restores.order(Order::Release);
    }

    /// Closes what the restorer has not released, after it has ended.
    pub(super) fn close_returned(&mut self) {
        self.ending().close_returned();
    }

    fn parts<'a>(&'a mut self, member: &'a mut Member) -> Parts<'a> {
        Parts { tasks: &mut self.tasks, member, writer: &mut self.writer, mend: &mut self.mend }
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
    pub(super) fn after_panic(&mut self) -> Option<String> {
        let mut running = self.tasks.running_mut();
        let (place, producer) = running.find_map(|(_, task)| task.interrupted())?;
        self.writer.takes_back(producer);
        Some(place)
    }
}
