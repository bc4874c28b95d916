//! Following the coordinator's target: give up first, then take over.
//!
//! Invariant: a task whose state is open is in exactly one place at any time: it runs, is in the restorer, is
//! restored, or waits (`reopened`). A step that fails leaves it waiting, and the next turn tries again.

use super::stream_thread::StreamThread;
use crate::{Error, ErrorKind, Result, TaskId, membership::TaskAssignment, task::CommitMetadata};

impl StreamThread {
    /// Gives up what is not in the target any more, and opens what is new in it.
    pub(super) fn reconcile(&mut self, now_ms: i64) -> Result {
        let Some(target) = self.target.clone() else { return Ok(()) };
        self.give_up_running(&target, now_ms)?;
        self.give_up_restoring(&target)?;
        self.give_up_standby(&target)?;
        self.take_over(&target)?;
        self.place_reopened(&target, now_ms)
    }

    fn give_up_running(&mut self, target: &TaskAssignment, now_ms: i64) -> Result {
        let gone = self.running.keys().filter(|task| !target.active.contains(task));
        let gone: Vec<TaskId> = gone.copied().collect();
        if gone.is_empty() {
            return Ok(());
        }
        self.look_for_foreign_rows(now_ms);
        self.commit(now_ms)?;
        if gone.iter().any(|task| self.has_foreign_rows(*task)) {
            let text =
                "changelogs of tasks that are to be given up still end with rows of another writer";
            return self.pass_over(Err(Error::new(ErrorKind::Unavailable, text)), now_ms);
        }
        gone.into_iter().try_for_each(|task| self.close_task(task))
    }

    fn give_up_restoring(&mut self, target: &TaskAssignment) -> Result {
        let gone = self.restoring.iter().filter(|task| !target.active.contains(task));
        for task in gone.copied().collect::<Vec<_>>() {
            self.take_from_restorer(task)?;
        }
        let gone = self.restored.keys().filter(|task| !target.active.contains(task));
        for task in gone.copied().collect::<Vec<_>>() {
            if let Some(databases) = self.restored.remove(&task) {
                self.reopened.insert(task, databases);
            }
        }
        Ok(())
    }

    /// Standbys that are to become active are restored anew: the former owner may have written since.
    fn give_up_standby(&mut self, target: &TaskAssignment) -> Result {
        let gone = self.standby.iter().filter(|task| !keeps_as_standby(target, **task));
        let gone: Vec<TaskId> = gone.copied().collect();
        gone.into_iter().try_for_each(|task| self.take_from_restorer(task))
    }

    /// Has a task wait that is in the restorer.
    pub(super) fn take_from_restorer(&mut self, task: TaskId) -> Result {
        let databases = self.restorer.lock().remove(task)?;
        self.restoring.remove(&task);
        self.standby.remove(&task);
        if let Some(databases) = databases {
            self.reopened.insert(task, databases);
        }
        Ok(())
    }

    /// Opens what is new in the target.
    fn take_over(&mut self, target: &TaskAssignment) -> Result {
        for task in target.active.iter().chain(&target.standby).chain(&target.warmup) {
            let is_active = target.active.contains(task);
            let opened = self.running.contains_key(task)
                || self.restoring.contains(task)
                || self.restored.contains_key(task)
                || self.reopened.contains_key(task)
                || self.standby.contains(task);
            if opened || (!is_active && self.app.changelogs(*task).is_empty()) {
                continue;
            }
            if let Some(databases) = self.app.open_task(*task)? {
                self.reopened.insert(*task, databases);
            }
        }
        Ok(())
    }

    /// Hands what waits to the restorer, in the role that the target says, or lets go of it. What the cluster can't
    /// serve now waits on.
    fn place_reopened(&mut self, target: &TaskAssignment, now_ms: i64) -> Result {
        if self.reopened.keys().any(|task| target.active.contains(task)) {
            // A transaction that this thread, or the one before it, left open would hold the restore up.
            self.ensure_producer()?;
        }
        let waiting: Vec<TaskId> = self.reopened.keys().copied().collect();
        for task in waiting {
            let Some(databases) = self.reopened.remove(&task) else { continue };
            let is_active = target.active.contains(&task);
            let changelogs = self.app.changelogs(task);
            let is_logged = !changelogs.is_empty();
            if !is_active {
                for changelog in changelogs.values() {
                    self.foreign_rows.forget(changelog);
                }
            }
            if is_active && !is_logged {
                self.restored.insert(task, databases);
                continue;
            }
            let is_standby = is_logged && keeps_as_standby(target, task);
            if !is_active && !is_standby {
                self.release(task, databases)?;
                continue;
            }
            let latest_time = if is_active { self.latest_time(task) } else { Ok(i64::MAX) };
            let placed = latest_time.and_then(|latest_time| {
                let mut restorer = self.restorer.lock();
                restorer.add(task, databases.clone(), !is_active, latest_time, now_ms)
            });
            match placed {
                Ok(()) if is_active => drop(self.restoring.insert(task)),
                Ok(()) => drop(self.standby.insert(task)),
                Err(error) => {
                    self.reopened.insert(task, databases);
                    self.pass_over::<()>(Err(error), now_ms)?;
                }
            }
        }
        Ok(())
    }

    /// Up to which time a task's records are not processed again. At least once a changelog may have rows of later
    /// ones: were they to move a window store's stream time, windows would have expired when those records come again.
    fn latest_time(&mut self, task: TaskId) -> Result<i64> {
        if self.app.exactly_once() || !self.app.has_windows(task) {
            return Ok(i64::MAX);
        }
        let inputs = self.inputs(task)?;
        let committed = self.membership.committed_offsets(&inputs)?;
        let times = committed.values().map(|offset| CommitMetadata::decode(&offset.metadata));
        let time = times.map(|metadata| metadata.partition_time).max();
        // What somebody else committed has no time.
        Ok(if committed.is_empty() {
            -1
        } else {
            time.filter(|time| *time >= 0).unwrap_or(i64::MAX)
        })
    }
}

pub(super) fn keeps_as_standby(target: &TaskAssignment, task: TaskId) -> bool {
    target.standby.contains(&task) || target.warmup.contains(&task)
}
