//! Everything that a thread holds for its tasks, and the actions on several parts at once.

mod follow;
mod process;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    super::app::App,
    asked::Asked,
    commit::Commits,
    ending::Ending,
    hand_over,
    idle::IdleLook,
    input::Input,
    measuring::Measuring,
    member::Member,
    mend::Mend,
    pace::Pace,
    parts::Parts,
    patience::Patience,
    restores::{Order, Restores},
    starting::Committed,
    tasks::{Slot, Tasks},
    topics::Topics,
    watch::Watch,
    writer::Writer,
};
use crate::{Result, TaskId, client::Admin};

/// The tasks of a thread, with the parts that read and write for them.
pub(super) struct Holdings {
    app: Arc<App>,
    thread: String,
    tasks: Tasks,
    restores: Restores,
    admin: Box<dyn Admin>,
    topics: Topics,
    input: Input,
    writer: Writer,
    mend: Mend,
    commits: Commits,
    pace: Pace,
    /// The task at which processing was interrupted for other work.
    interrupted: Option<TaskId>,
    /// Tasks whose inputs have grown or shrunk: they start again with the new ones.
    grown: Vec<TaskId>,
    /// True if an assignment has come whose inputs were not compared yet.
    is_assigned: bool,
    /// Committed offsets that tasks wait for before they can be placed.
    asked: BTreeMap<TaskId, Asked<Committed>>,
    watch: Watch,
    idle: IdleLook,
    measuring: Measuring,
    /// True if a task has failed at work since all tasks began: a record may be half processed.
    has_failed: bool,
}

impl Holdings {
    pub(super) fn new(
        app: &Arc<App>,
        index: usize,
        thread: &str,
        restores: Restores,
    ) -> Result<Self> {
        let measuring = Measuring::new(app, thread);
        Ok(Self {
            app: app.clone(),
            thread: thread.to_owned(),
            tasks: Tasks::default(),
            restores,
            admin: app.clients.admin()?,
            topics: Topics::new(app),
            input: Input::new(app, thread)?,
            writer: Writer::new(app, index, thread),
            mend: Mend::new(app, thread),
            commits: Commits::new(app, thread, measuring.shared()),
            pace: Pace::new(),
            interrupted: None,
            grown: Vec::new(),
            is_assigned: false,
            asked: BTreeMap::new(),
            watch: Watch::default(),
            idle: IdleLook::default(),
            measuring,
            has_failed: false,
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

    /// Returns whether a commit waits for the group: until it is complete no task may start or end.
    pub(super) fn commit_is_pending(&self) -> bool {
        self.commits.is_pending()
    }

    /// Returns whether there is uncommitted work, in a commit that is not complete or after it.
    pub(super) fn has_work(&mut self, member: &mut Member) -> bool {
        self.commit_is_pending() || self.parts(member).have_work()
    }

    /// Takes the restorer's outcomes.
    pub(super) fn receive(&mut self, patience: &mut Patience, now_ms: i64) -> Result {
        let (tasks, restores) = (&mut self.tasks, &mut self.restores);
        hand_over::receive(&self.app, tasks, restores, patience, now_ms)
    }

    /// Returns whether tasks may work now: not while a commit is prepared, and while it is in
    /// transit up to the time of the next one.
    pub(super) fn lets_work(&self, now_ms: i64) -> bool {
        self.commits.let_work(&self.tasks, &self.writer, now_ms)
    }

    /// Returns whether there is uncommitted work that can't be continued after an error: of a
    /// failed task, or outside of a commit in progress, which has not failed itself.
    pub(super) fn is_in_doubt(&self) -> bool {
        let has_work = self.tasks.have_uncommitted() || self.in_transaction();
        self.has_failed || (has_work && !self.commit_is_pending())
    }

    /// Commits, or continues with the commit in progress: no task works until that is complete. A
    /// commit that the cluster could not accept stays pending.
    pub(super) fn commit(
        &mut self,
        member: &mut Member,
        patience: &mut Patience,
        now_ms: i64,
    ) -> Result {
        self.commit_with(member, patience, now_ms, true)
    }

    fn commit_with(
        &mut self,
        member: &mut Member,
        patience: &mut Patience,
        now_ms: i64,
        alone: bool,
    ) -> Result {
        let mut parts = Parts {
            tasks: &mut self.tasks,
            member,
            writer: &mut self.writer,
            mend: &mut self.mend,
            admin: &mut *self.admin,
        };
        let committed = self.commits.commit(&mut parts, now_ms, alone);
        let committed = member.without_topic(committed);
        if self.commits.is_pending() { patience.pass_over(committed, now_ms) } else { committed }
    }

    /// Returns whether a request of a commit is unanswered.
    pub(super) fn commit_has_asked(&self) -> bool {
        self.commits.has_asked()
    }

    /// Waits for an answer to a commit, for at most `max_wait`.
    pub(super) fn await_commit(&self, max_wait: Duration) {
        self.commits.wait(max_wait);
    }

    /// Begins to commit if it is time to: tasks go on working while that is in transit.
    pub(super) fn commit_if_due(
        &mut self,
        member: &mut Member,
        patience: &mut Patience,
        now_ms: i64,
    ) -> Result {
        let is_due =
            now_ms >= self.commits.due_ms(&self.writer) || self.tasks.ask_for_commit(&self.app);
        if is_due && !self.commit_is_pending() {
            self.commit_with(member, patience, now_ms, false)?;
        }
        Ok(())
    }

    /// Begins to look for foreign rows after the ends of the changelogs, before another member
    /// continues there.
    pub(super) fn look_for_foreign_rows(&mut self, now_ms: i64) {
        self.mend.look(&mut *self.admin, now_ms);
    }

    /// Returns whether foreign rows have to be rewritten, as far as is known, or are being looked
    /// for.
    pub(super) fn mends(&self) -> bool {
        self.mend.has_gaps() || self.mend.is_at_work() || self.commits.is_pending()
    }

    /// Returns whether foreign rows are still being looked for.
    pub(super) fn looks_for_foreign_rows(&self) -> bool {
        self.mend.is_looking()
    }

    /// Warns of foreign rows that could not be rewritten, before the tasks end.
    pub(super) fn warn_of_foreign_rows(&self) {
        self.mend.warn_of(&self.tasks.ids(Slot::is_running));
    }

    /// Reports partitions that stand still.
    pub(super) fn report_standstills(&mut self, now_ms: i64) {
        let readers = (&self.tasks, &self.input, &self.restores);
        self.watch.look(&self.thread, readers, &mut *self.admin, &self.app, now_ms);
    }

    /// Updates the figures of the tasks.
    pub(super) fn measure(&mut self, member: &Member, now_ms: i64) {
        if self.measuring.is_rebalancing() && member.is_running(&self.tasks) {
            self.measuring.is_running();
        }
        let known = (&self.input, &self.restores, &self.watch);
        self.measuring.look(&mut self.tasks, known, &mut self.writer, now_ms);
    }

    /// Drops uncommitted work and starts all tasks again.
    pub(super) fn start_over(&mut self) {
        self.has_failed = false;
        self.ending().start_over();
    }

    /// Gives all tasks up without committing.
    pub(super) fn drop_work(&mut self) {
        self.has_failed = false;
        self.ending().drop_work();
    }

    /// Waits for the end of the transaction of a thread that ends.
    pub(super) fn end_writing(&mut self) {
        self.writer.end();
    }

    /// Ends all tasks, which have committed everything.
    pub(super) fn release_all(&mut self) -> Result {
        self.ending().release_all()
    }

    /// Makes the restorer release its tasks, and end.
    pub(super) fn release_restorer(&self) {
        self.restores.order(Order::Release);
    }

    /// Closes the tasks that the restorer has not released, after it has ended.
    pub(super) fn close_returned(&mut self) {
        self.ending().close_returned();
    }

    fn parts<'a>(&'a mut self, member: &'a mut Member) -> Parts<'a> {
        Parts {
            tasks: &mut self.tasks,
            member,
            writer: &mut self.writer,
            mend: &mut self.mend,
            admin: &mut *self.admin,
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

    /// Takes back the collector that was lent to a task that panicked; returns where that task was.
    pub(super) fn after_panic(&mut self) -> Option<String> {
        let mut running = self.tasks.running_mut();
        let (place, collector) = running.find_map(|(_, task)| task.interrupted())?;
        self.writer.takes_back(collector);
        Some(place)
    }
}
