//! What others look at between the turns of a stream thread.

use super::{tasks::Slot, turn::StreamThread};
use crate::{
    TaskId,
    client::GroupMetadata,
    processor::TaskWatch,
    task::{ActiveTask, TaskDatabases},
};

impl StreamThread {
    /// Who it is in the group.
    pub(crate) fn group_metadata(&self) -> GroupMetadata {
        self.member().group_metadata()
    }

    /// The tasks that process.
    pub(crate) fn running_tasks(&self) -> impl Iterator<Item = (&TaskId, &ActiveTask)> {
        self.tasks().running()
    }

    /// A look at each task that processes, for other threads.
    pub(crate) fn watches(&self) -> Vec<TaskWatch> {
        self.running_tasks().map(|(_, task)| task.watch()).collect()
    }

    /// The databases of the tasks that process.
    pub(crate) fn running_databases(&self) -> impl Iterator<Item = (TaskId, TaskDatabases)> {
        self.running_tasks().map(|(id, task)| (*id, task.databases().clone()))
    }

    /// The standby and warm-up tasks.
    pub(crate) fn standby_tasks(&self) -> Vec<TaskId> {
        self.tasks().ids(Slot::is_standby)
    }

    /// Why it is not at rest: what is not committed, or not restored; `None` if it is.
    pub(crate) fn unrest(&self) -> Option<String> {
        if !self.is_running() {
            return Some("does not run all tasks of its target".to_owned());
        }
        if self.in_transaction() {
            return Some("has a transaction open".to_owned());
        }
        if let Some((task, _)) = self.running_tasks().find(|(_, task)| task.commit_needed()) {
            return Some(format!("has not committed task {task}"));
        }
        if self.tasks().any(|slot| !slot.is_running() && !slot.is_standby()) {
            return Some("restores".to_owned());
        }
        if self.mends() {
            return Some("has rows of others in its changelogs".to_owned());
        }
        None
    }
}
