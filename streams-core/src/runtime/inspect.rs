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

    /// The databases of the tasks that process and of standbys.
    pub(crate) fn open_databases(&self) -> Vec<(TaskId, TaskDatabases)> {
        let restorer = self.restorer.lock();
        let running = self.running.iter().map(|(id, task)| (*id, task.databases().clone()));
        let standby = self.standby.iter();
        running.chain(standby.filter_map(|id| Some((*id, restorer.databases(*id)?)))).collect()
    }

    /// Why it is not at rest: what is not committed, or not restored; `None` if it is.
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
        None
    }
}
