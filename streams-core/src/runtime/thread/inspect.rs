//! Views of a stream thread between its turns.

use super::{tasks::Slot, turn::StreamThread};
use crate::{
    TaskId,
    client::GroupMetadata,
    processor::TaskWatch,
    task::{ActiveTask, TaskDatabases},
};

impl StreamThread {
    /// This member's identity in the group.
    pub(crate) fn group_metadata(&self) -> GroupMetadata {
        self.member().group_metadata()
    }

    /// The running tasks.
    pub(crate) fn running_tasks(&self) -> impl Iterator<Item = (&TaskId, &ActiveTask)> {
        self.tasks().running()
    }

    /// A handle on each running task, for other threads.
    pub(crate) fn watches(&self) -> Vec<TaskWatch> {
        self.running_tasks().map(|(_, task)| task.watch()).collect()
    }

    /// The databases of the running tasks.
    pub(crate) fn running_databases(&self) -> impl Iterator<Item = (TaskId, TaskDatabases)> {
        self.running_tasks().map(|(id, task)| (*id, task.databases().clone()))
    }

    /// The standby and warm-up tasks.
    pub(crate) fn standby_tasks(&self) -> Vec<TaskId> {
        self.tasks().ids(Slot::is_standby)
    }

    /// The reason why it is not at rest: uncommitted work, an unfinished restore, or windows that
    /// may close with time; `None` if it is at rest.
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
        if let Some((task, _)) = self.running_tasks().find(|(_, task)| !task.has_looked_idle()) {
            return Some(format!("has not asked the idle task {task} what it would close"));
        }
        None
    }
}
