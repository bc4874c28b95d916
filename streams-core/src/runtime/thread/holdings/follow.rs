//! Follows the target, and starts restored tasks.

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
            // An open transaction of this thread, or the one before it, would block the restore.
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
        // The commit may have revealed more foreign rows.
        if self.commits.is_pending() || !self.mend.lets_go(gone, &mut *self.admin, now_ms) {
            return Ok(());
        }
        self.mend.has_let_go();
        self.grown.clear();
        gone.iter().try_for_each(|task| self.ending().close_task(*task))
    }

    /// Starts the restored tasks. A task whose committed offsets are not available yet waits.
    pub(in super::super) fn start_restored(
        &mut self,
        member: &mut Member,
        patience: &mut Patience,
        now_ms: i64,
    ) -> Result {
        let Some(target) = member.target().cloned() else { return Ok(()) };
        // The target may be newer than the last hand-over, and a task that belongs to another
        // member by now must not begin.
        let mine = |id: &TaskId| target.active.contains(id);
        for id in self.tasks.ids(Slot::is_restored).into_iter().filter(mine) {
            let Some((databases, starting)) = self.tasks.restored_task(id) else { continue };
            let known = (&mut *member, &self.input, &*target);
            // A transaction of the former owner may be unfinished.
            let found = start::advance(id, starting, known, &mut *self.admin, now_ms);
            let Some(start) = patience.pass_over(found, now_ms)? else { continue };
            if start.inputs != target.inputs_of(id) {
                // An input was added or removed since its start position was requested.
                continue;
            }
            let databases = databases.clone();
            // The writes of a processor's `init` need room, too.
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
            self.measuring.figures().tasks_created += 1;
        }
        Ok(())
    }

    /// Checks topics and changelogs if it is time to, and takes the results.
    ///
    /// # Errors
    /// `MissingSourceTopic` if a source topic is gone.
    pub(in super::super) fn look_around(&mut self, now_ms: i64) -> Result {
        // This thread's own records in transit look like those of others.
        if !self.commits.has_asked() {
            self.mend.advance(&mut *self.admin, now_ms);
        }
        self.topics.look(&mut *self.admin, now_ms)
    }

    /// Notes that an assignment has come, and tasks may have other inputs.
    pub(in super::super) fn is_assigned(&mut self, member: &Member) {
        self.is_assigned = true;
        if let Some(target) = member.target() {
            self.measuring.is_assigned(target);
        }
    }
}
