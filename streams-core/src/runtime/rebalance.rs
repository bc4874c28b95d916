//! Following the coordinator's target: give up first, then take over.

use super::stream_thread::StreamThread;
use crate::{Result, TaskId, membership::TaskAssignment, task::TaskDatabases};

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

    fn give_up_running(&mut self, target: &TaskAssignment, now_ms: i64) -> Result {
        let gone = self.running.keys().filter(|task| !target.active.contains(task));
        let gone: Vec<TaskId> = gone.copied().collect();
        if gone.is_empty() {
            return Ok(());
        }
        self.commit(now_ms)?;
        for task in gone {
            let Some(databases) = self.close_task(task)? else { continue };
            if keeps_as_standby(target, task) {
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
            if keeps_as_standby(target, task) {
                self.restorer.lock().change_role(task, true, now_ms)?;
                self.standby.insert(task);
            } else {
                self.release_from_restorer(task)?;
            }
            self.restoring.remove(&task);
        }
        let mut gone = std::mem::take(&mut self.restored);
        gone.append(&mut self.reopened);
        for (task, databases) in gone {
            if target.active.contains(&task) {
                self.restored.insert(task, databases);
            } else if keeps_as_standby(target, task) {
                self.restore(task, databases, true, now_ms)?;
            } else {
                self.release(task, databases)?;
            }
        }
        Ok(())
    }

    fn give_up_standby(&mut self, target: &TaskAssignment, now_ms: i64) -> Result {
        let gone = self.standby.iter().filter(|task| !keeps_as_standby(target, **task));
        let gone: Vec<TaskId> = gone.copied().collect();
        for task in gone {
            if target.active.contains(&task) {
                self.restorer.lock().change_role(task, false, now_ms)?;
                self.restoring.insert(task);
            } else {
                self.release_from_restorer(task)?;
            }
            self.standby.remove(&task);
        }
        Ok(())
    }

    fn release_from_restorer(&self, task: TaskId) -> Result {
        let databases = self.restorer.lock().remove(task)?;
        databases.map_or(Ok(()), |databases| self.release(task, databases))
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
        databases: TaskDatabases,
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

fn keeps_as_standby(target: &TaskAssignment, task: TaskId) -> bool {
    target.standby.contains(&task) || target.warmup.contains(&task)
}
