//! Following the coordinator's target: give up first, then take over.

use super::stream_thread::StreamThread;
use crate::{Result, TaskId, membership::TaskAssignment};

impl StreamThread {
    /// Gives up what is not in the target any more, and opens what is new in it.
    pub(super) fn reconcile(&mut self, now_ms: i64) -> Result {
        let Some(target) = self.target.clone() else { return Ok(()) };
        if !self.reopened.is_empty() {
            self.restore_reopened(now_ms);
        }
        self.give_up_running(&target, now_ms)?;
        self.give_up_restoring(&target, now_ms)?;
        self.give_up_standby(&target, now_ms)?;
        self.take_over(&target, now_ms)
    }

    fn keeps_as_standby(&self, target: &TaskAssignment, task: TaskId) -> bool {
        target.standby.contains(&task) || target.warmup.contains(&task)
    }

    fn give_up_running(&mut self, target: &TaskAssignment, now_ms: i64) -> Result {
        let gone = self.running.keys().filter(|task| !target.active.contains(task));
        let gone: Vec<TaskId> = gone.copied().collect();
        if gone.is_empty() {
            return Ok(());
        }
        self.commit(now_ms)?;
        for task in gone {
            let Some(databases) = self.close_task(task)? else { continue };
            if self.keeps_as_standby(target, task) {
                self.restore(task, databases, true, now_ms)?;
            } else {
                self.release(task, databases)?;
            }
        }
        Ok(())
    }

    fn give_up_restoring(&mut self, target: &TaskAssignment, now_ms: i64) -> Result {
        let gone = self.restoring.iter().filter(|task| !target.active.contains(task));
        let gone: Vec<TaskId> = gone.copied().collect();
        for task in gone {
            if self.keeps_as_standby(target, task) {
                self.restorer.lock().change_role(task, true, now_ms)?;
                self.standby.insert(task);
            } else if let Some(databases) = self.remove_from_restorer(task)? {
                self.release(task, databases)?;
            }
            self.restoring.remove(&task);
        }
        let mut gone = std::mem::take(&mut self.restored);
        gone.append(&mut self.reopened);
        for (task, databases) in gone {
            if target.active.contains(&task) {
                self.restored.insert(task, databases);
            } else if self.keeps_as_standby(target, task) {
                self.restore(task, databases, true, now_ms)?;
            } else {
                self.release(task, databases)?;
            }
        }
        Ok(())
    }

    fn give_up_standby(&mut self, target: &TaskAssignment, now_ms: i64) -> Result {
        let gone = self.standby.iter().filter(|task| !self.keeps_as_standby(target, **task));
        let gone: Vec<TaskId> = gone.copied().collect();
        for task in gone {
            if target.active.contains(&task) {
                self.restorer.lock().change_role(task, false, now_ms)?;
                self.restoring.insert(task);
            } else if let Some(databases) = self.remove_from_restorer(task)? {
                self.release(task, databases)?;
            }
            self.standby.remove(&task);
        }
        Ok(())
    }

    fn remove_from_restorer(
        &mut self,
        task: TaskId,
    ) -> Result<Option<crate::task::TaskDatabases>> {
        self.restorer.lock().remove(task)
    }

    fn take_over(&mut self, target: &TaskAssignment, now_ms: i64) -> Result {
        for task in &target.active {
            let owned = self.running.contains_key(task)
                || self.restoring.contains(task)
                || self.restored.contains_key(task)
                || self.reopened.contains_key(task);
            if owned {
                continue;
            }
            if let Some(databases) = self.open(*task)? {
                self.restore_opened(*task, databases, false, now_ms)?;
            }
        }
        for task in target.standby.iter().chain(&target.warmup) {
            if self.standby.contains(task) || self.app.changelogs(*task).is_empty() {
                continue;
            }
            if let Some(databases) = self.open(*task)? {
                self.restore_opened(*task, databases, true, now_ms)?;
            }
        }
        Ok(())
    }

    /// As `restore`; if the cluster can't serve it the task is closed again, for the next turn to open.
    fn restore_opened(
        &mut self,
        task: TaskId,
        databases: crate::task::TaskDatabases,
        standby: bool,
        now_ms: i64,
    ) -> Result {
        let restored = self.restore(task, databases, standby, now_ms);
        if restored.is_err() {
            self.unlock(task);
        }
        restored
    }
}
