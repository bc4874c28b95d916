//! Following the target, and starting what is restored.

use super::{
    super::{
        hand_over::{self, Placing},
        member::Member,
        patience::Patience,
        start,
        tasks::Slot,
    },
    Holdings,
};
use crate::{
    Result, TaskId,
    planted::{PlantedBug, is_planted},
};

impl Holdings {
    /// Follows the target.
    pub(in super::super) fn reconcile(
        &mut self,
        member: &mut Member,
        patience: &mut Patience,
        now_ms: i64,
    ) -> Result {
        let Some(target) = member.target().cloned() else { return Ok(()) };
        if std::mem::take(&mut self.is_assigned) {
            let running = self.tasks.running();
            let grown = running.filter(|(id, task)| task.inputs() != target.inputs_of(**id));
            self.grown = grown.map(|(id, _)| *id).collect();
        }
        let running = self.tasks.ids(Slot::is_running).into_iter();
        let stays = |task: &TaskId| target.active.contains(task) && !self.grown.contains(task);
        let gone: Vec<TaskId> = running.filter(|task| !stays(task)).collect();
        if !gone.is_empty() {
            self.give_up(&gone, member, patience, now_ms)?;
        }
        hand_over::recall(&mut self.tasks, &target, &self.restores);
        hand_over::take_over(&self.app, &mut self.tasks, &target)?;
        let waiting = self.tasks.ids(Slot::is_waiting);
        if waiting.iter().any(|task| target.active.contains(task)) {
            // A transaction that this thread, or the one before it, left open would hold the restore up.
            if !self.writer.ensure(member)? {
                return Ok(());
            }
        }
        let mut placing = Placing {
            app: &self.app,
            target: &target,
            member,
            asked: &mut self.asked,
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
        if !self.mend.lets_go(gone, &mut *self.admin, now_ms) {
            return if self.mend.waits_for_commit() {
                self.commit(member, patience, now_ms)
            } else {
                Ok(())
            };
        }
        if !is_planted(PlantedBug::HandOverBeforeCommit) {
            self.commit(member, patience, now_ms)?;
        }
        // The commit may have shown more that others wrote.
        if self.commits.is_pending() || !self.mend.lets_go(gone, &mut *self.admin, now_ms) {
            return Ok(());
        }
        self.mend.has_let_go();
        self.grown.clear();
        gone.iter().try_for_each(|task| self.ending().close_task(*task))
    }

    /// Starts the tasks that are restored. One whose committed offsets can't be had yet waits.
    pub(in super::super) fn start_restored(
        &mut self,
        member: &mut Member,
        patience: &mut Patience,
        now_ms: i64,
    ) -> Result {
        let Some(target) = member.target().cloned() else { return Ok(()) };
        // The target may be newer than the last look at it, and what is another's by now must not begin.
        let mine = |id: &TaskId| target.active.contains(id);
        for id in self.tasks.ids(Slot::is_restored).into_iter().filter(mine) {
            let Some((databases, starting)) = self.tasks.restored_task(id) else { continue };
            let known = (&mut *member, &self.input, &*target);
            // A transaction of the former owner may not be finished.
            let found = start::advance(id, starting, known, &mut *self.admin, now_ms);
            let Some(start) = patience.pass_over(found, now_ms)? else { continue };
            if start.inputs != target.inputs_of(id) {
                // An input has come or gone since it was asked where they begin.
                continue;
            }
            let databases = databases.clone();
            // What a processor's `init` writes has to have room, too.
            if !self.writer.has_room()? || !self.writer.begin(member, now_ms)? {
                break;
            }
            let mut task = start::build(&self.app, id, databases, start.inputs)?;
            task.init(&start.committed, now_ms, self.writer.collector())?;
            self.input.begin(id, &start.positions)?;
            task.starts_at(&start.positions);
            if !self.app.exactly_once() {
                for (changelog, end) in task.changelogs()? {
                    self.mend.logs().track(changelog, end);
                }
            }
            self.tasks.put(id, Slot::Running(Box::new(task)));
        }
        Ok(())
    }

    /// Looks at topics and changelogs if it is time to, and takes what was found.
    ///
    /// # Errors
    /// `MissingSourceTopic` if a source topic is gone.
    pub(in super::super) fn look_around(&mut self, now_ms: i64) -> Result {
        // Rows of this thread that are on their way look like those of others.
        if !self.commits.has_asked() {
            self.mend.advance(&mut *self.admin, now_ms);
        }
        self.topics.look(&mut *self.admin, now_ms)
    }

    /// An assignment has come, and tasks may have other inputs.
    pub(in super::super) fn is_assigned(&mut self) {
        self.is_assigned = true;
    }
}
