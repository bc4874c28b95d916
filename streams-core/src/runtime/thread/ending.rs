//! The ways in which tasks end: given up, started over, dropped.

use std::{collections::HashMap, sync::Arc};

use super::{
    super::app::App,
    commit::Commits,
    hand_over::release,
    input::Input,
    mend::Mend,
    restores::{Order, Outcome, Restores},
    tasks::{Slot, Tasks},
    writer::Writer,
};
use crate::{
    Result, TaskId,
    planted::{PlantedBug, is_planted},
};

/// The parts needed to end tasks.
pub(super) struct Ending<'a> {
    pub(super) app: &'a Arc<App>,
    pub(super) tasks: &'a mut Tasks,
    pub(super) restores: &'a mut Restores,
    pub(super) input: &'a mut Input,
    pub(super) writer: &'a mut Writer,
    pub(super) mend: &'a mut Mend,
    pub(super) commits: &'a mut Commits,
}

impl Ending<'_> {
    /// Ends a task that has committed everything; its state waits for the next role.
    pub(super) fn close_task(&mut self, id: TaskId) -> Result {
        let Some(Slot::Running(mut task)) = self.tasks.take(id) else { return Ok(()) };
        self.input.end(task.inputs());
        self.tasks.put(id, Slot::Waiting(task.databases().clone()));
        for changelog in self.app.changelogs(id).values() {
            self.mend.logs().forget(changelog);
        }
        task.close()?;
        self.app.shared.counters.add(task.take_counted());
        Ok(())
    }

    /// Drops uncommitted work and lets all tasks wait; their stores may be behind their changelogs,
    /// so the next turn restores them.
    pub(super) fn start_over(&mut self) {
        self.commits.abandon(self.tasks, self.writer, self.mend);
        self.writer.abandon();
        self.mend.logs().start_over();
        for id in self.tasks.ids(Slot::is_running) {
            let Some(Slot::Running(mut task)) = self.tasks.take(id) else { continue };
            self.input.end(task.inputs());
            self.tasks.put(id, Slot::Waiting(task.databases().clone()));
            if is_planted(PlantedBug::KeepOverlayAfterAbort) {
                // The databases of a simulation don't fail.
                let _ = task.apply_commit(&HashMap::new());
            }
            task.drop_staged();
        }
    }

    /// Gives all tasks up without committing: drops uncommitted work and closes them; the state on
    /// disk stays at the last commit. The target stays, unless the membership is lost: a thread
    /// whose producer alone was fenced still owns its tasks.
    pub(super) fn drop_work(&mut self) {
        self.commits.abandon(self.tasks, self.writer, self.mend);
        self.writer.abandon();
        self.writer.retire();
        self.mend.forget_all();
        let mut is_in_restorer = false;
        for (id, slot) in self.tasks.take_all() {
            match slot {
                Slot::Waiting(databases) | Slot::Restored(databases, _) => {
                    self.app.close_task(id, databases);
                }
                Slot::Running(mut task) => {
                    self.input.end(task.inputs());
                    task.drop_staged();
                    let databases = task.databases().clone();
                    // Its stores hold the databases open.
                    drop(task);
                    self.app.close_task(id, databases);
                }
                Slot::Restoring | Slot::Standby | Slot::Returning | Slot::Closing => {
                    is_in_restorer = true;
                    self.tasks.put(id, Slot::Closing);
                }
            }
        }
        if is_in_restorer {
            self.restores.order(Order::CloseAll);
        }
    }

    /// Ends all tasks, which have committed everything, and makes their state durable. The restorer
    /// itself releases its tasks.
    pub(super) fn release_all(&mut self) -> Result {
        let running = self.tasks.ids(Slot::is_running);
        let mut released = running.into_iter().try_for_each(|id| self.close_task(id));
        for (id, slot) in self.tasks.take_all() {
            match slot {
                Slot::Waiting(databases) | Slot::Restored(databases, _) => {
                    let flushed = release(self.app, id, databases);
                    released = released.and(flushed);
                }
                slot => drop(self.tasks.put(id, slot)),
            }
        }
        self.restores.order(Order::Release);
        self.writer.end();
        released
    }

    /// Closes the tasks that came back from the restorer, which has ended.
    pub(super) fn close_returned(&mut self) {
        while let Some(outcome) = self.restores.outcome() {
            if let Outcome::Restored(task, databases)
            | Outcome::Returned(task, databases)
            | Outcome::Refused(task, databases, _) = outcome
            {
                self.app.close_task(task, databases);
            }
        }
    }
}
