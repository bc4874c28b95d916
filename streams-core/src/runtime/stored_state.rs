//! State on disk while no thread of the instance has it open: it is reported to the group, so that
//! tasks come back to it.
//!
//! Invariant: a task is listed here only while nobody has it open. One of the instance's threads
//! reports, since the group takes a member's report as its process's.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use parking_lot::Mutex;

use super::app::App;
use crate::{ErrorKind, Result, TaskId, task::TaskDatabases};

/// Per task, the sum of its stores' changelog offsets on disk.
#[derive(Debug, Default)]
pub(crate) struct StoredState {
    sums: Mutex<BTreeMap<TaskId, i64>>,
    threads: Mutex<BTreeSet<usize>>,
}

impl StoredState {
    /// Removes tasks whose state was removed from disk.
    pub(super) fn forget(&self, removed: &[String]) {
        self.sums.lock().retain(|task, _| !removed.contains(&task.to_string()));
    }
}

/// A stream thread's part in reporting, as long as it is kept.
#[derive(Debug)]
pub(super) struct Reporter {
    app: Arc<App>,
    thread: usize,
}

impl Reporter {
    pub(super) fn new(app: Arc<App>, thread: usize) -> Self {
        app.shared.stored_state.threads.lock().insert(thread);
        Self { app, thread }
    }

    /// Sums that this thread should report: all of them, if it is the first of its instance.
    pub(super) fn offset_sums(&self) -> BTreeMap<TaskId, i64> {
        let StoredState { sums, threads } = &self.app.shared.stored_state;
        if threads.lock().first() == Some(&self.thread) {
            sums.lock().clone()
        } else {
            BTreeMap::new()
        }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.app.shared.stored_state.threads.lock().remove(&self.thread);
    }
}

impl App {
    /// Finds the state that earlier instances left on disk.
    ///
    /// # Errors
    /// `State` if some of it can't be read.
    pub(crate) fn find_stored_state(&self) -> Result {
        let Some(storage) = &self.storage else { return Ok(()) };
        for task in storage.tasks()? {
            if self.changelogs(task).is_empty() {
                continue;
            }
            match self.open_task(task) {
                Ok(Some(databases)) => self.close_task(task, databases),
                Ok(None) => {}
                Err(error) if error.kind() == ErrorKind::State => return Err(error),
                Err(error) => {
                    tracing::warn!(%task, "its stored state is not reported to the group: {error}");
                }
            }
        }
        Ok(())
    }

    /// Locks and opens the state of a task; `None` if another thread of this process has it.
    pub(super) fn open_task(&self, task: TaskId) -> Result<Option<TaskDatabases>> {
        if !self.lock_task(task) {
            return Ok(None);
        }
        match self.open_databases(task) {
            Ok(databases) => {
                self.shared.stored_state.sums.lock().remove(&task);
                Ok(Some(databases))
            }
            Err(error) => {
                self.unlock_task(task);
                Err(error)
            }
        }
    }

    /// Makes the state of a task durable, closes it, and unlocks it for others of this process. Its
    /// rows are committed: the changelog may be gone when it is opened again.
    pub(super) fn close_task(&self, task: TaskId, databases: TaskDatabases) {
        if let Err(error) = databases.flush() {
            tracing::warn!(%task, "what its state has committed last is read again from its changelogs: {error}");
        }
        if databases.is_persistent()
            && let Some(sum) = self.offset_sum(task, &databases, true)
        {
            self.shared.stored_state.sums.lock().insert(task, sum);
        }
        drop(databases);
        self.unlock_task(task);
    }

    /// Sum of the changelog offsets of a task's stores; `None` if it has none, or can't tell. With
    /// `persisted`, rows that are only in memory don't count.
    pub(super) fn offset_sum(
        &self,
        task: TaskId,
        databases: &TaskDatabases,
        persisted: bool,
    ) -> Option<i64> {
        let persistent =
            |store: usize| self.topology.stores.get(store).is_some_and(|def| def.spec.persistent);
        let changelogs = self.changelogs(task);
        let counted = changelogs.iter().filter(|(store, _)| !persisted || persistent(**store));
        let offsets = counted.map(|(store, partition)| {
            let (database, _) = databases.of(*store)?;
            Some(database.offset(&partition.topic).ok()?.unwrap_or(0))
        });
        let sum = offsets.sum::<Option<i64>>()?;
        (!changelogs.is_empty()).then_some(sum)
    }
}
