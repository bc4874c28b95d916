//! What a simulation looks at between the turns of a stream thread.

use super::stream_thread::StreamThread;
use crate::{
    TaskId,
    client::GroupMetadata,
    task::{ActiveTask, TaskDatabases},
};

impl StreamThread {
    /// Who it is in the group.
    pub(crate) fn group_metadata(&self) -> GroupMetadata {
        self.membership.group_metadata()
    }

    /// The tasks that process.
    pub(crate) fn running_tasks(&self) -> impl Iterator<Item = (&TaskId, &ActiveTask)> {
        self.running.iter()
    }

    /// The tasks that it keeps up to date for others, with their databases.
    pub(crate) fn standby_databases(&self) -> Vec<(TaskId, TaskDatabases)> {
        let restorer = self.restorer.lock();
        let databases = |task: &TaskId| Some((*task, restorer.databases(*task)?));
        self.standby.iter().filter_map(databases).collect()
    }

    /// Why it is not at rest: what is not committed, not restored or not caught up; `None` if it is.
    pub(crate) fn unrest(&self) -> Option<String> {
        if !self.is_running() {
            return Some("does not run all tasks of its target".to_owned());
        }
        if self.in_transaction {
            return Some("has a transaction open".to_owned());
        }
        if let Some((task, _)) = self.running.iter().find(|(_, task)| task.commit_needed()) {
            return Some(format!("has not committed task {task}"));
        }
        if !self.restoring.is_empty() || !self.restored.is_empty() || !self.reopened.is_empty() {
            return Some("restores".to_owned());
        }
        let restorer = self.restorer.lock();
        let behind = self.standby.iter().find(|task| !restorer.is_caught_up(**task));
        behind.map(|task| format!("standby {task} is behind"))
    }
}
