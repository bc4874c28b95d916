//! Storage of the state of an instance's tasks between openings.
//!
//! [`TaskStorage`] is the state directory on disk, or its replacement in a simulation. Invariant:
//! at most one thread of an instance has a task's database open, and it holds the task's lock.

use std::{sync::Arc, time::Duration};

use state_store::{Database, MemoryBudget, StateDirectory};
use uuid::Uuid;

#[cfg(not(feature = "rocksdb"))]
use crate::ErrorKind;
use crate::{Error, Result, TaskId};

/// Keeps the databases of tasks, and the identity under which they are assigned.
pub(crate) trait TaskStorage: Send + Sync {
    /// The process to which the tasks belong; the same after a restart.
    fn process_id(&self) -> Uuid;

    /// Locks a task; returns whether it was free.
    fn lock_task(&self, task: TaskId) -> bool;

    /// Unlocks a task.
    fn unlock_task(&self, task: TaskId);

    /// The tasks that have state, without the global stores.
    fn tasks(&self) -> Result<Vec<TaskId>>;

    /// Opens the database of a locked task, with these stores; that of the global stores for
    /// [`TaskId::GLOBAL`].
    fn open(
        &self,
        task: TaskId,
        stores: &[String],
        budget: &MemoryBudget,
    ) -> Result<Arc<dyn Database>>;

    /// Removes tasks that nobody has used for `delay`; returns their names.
    fn remove_unowned(&self, delay: Duration, now_ms: i64) -> Result<Vec<String>>;

    /// Removes all tasks.
    fn clean_up(&self) -> Result;
}

impl TaskStorage for StateDirectory {
    fn process_id(&self) -> Uuid {
        self.process_id()
    }

    fn lock_task(&self, task: TaskId) -> bool {
        self.lock_task(&task.to_string())
    }

    fn unlock_task(&self, task: TaskId) {
        self.unlock_task(&task.to_string());
    }

    fn tasks(&self) -> Result<Vec<TaskId>> {
        Ok(self.list_tasks()?.iter().filter_map(|name| name.parse().ok()).collect())
    }

    #[cfg(feature = "rocksdb")]
    fn open(
        &self,
        task: TaskId,
        stores: &[String],
        budget: &MemoryBudget,
    ) -> Result<Arc<dyn Database>> {
        let directory = match task {
            TaskId::GLOBAL => self.global_directory()?,
            task => self.task_directory(&task.to_string())?,
        };
        let database = state_store::RocksDatabase::open(&directory, stores, budget)
            .map_err(|cause| Error::from(cause).in_context(format!("opening task {task}")))?;
        Ok(Arc::new(database))
    }

    #[cfg(not(feature = "rocksdb"))]
    fn open(
        &self,
        task: TaskId,
        stores: &[String],
        _budget: &MemoryBudget,
    ) -> Result<Arc<dyn Database>> {
        let text = format!(
            "task {task} has the persistent stores {stores:?}, but this build is without the feature \
             `rocksdb`; enable it or make the stores in-memory"
        );
        Err(Error::new(ErrorKind::Config, text))
    }

    fn remove_unowned(&self, delay: Duration, now_ms: i64) -> Result<Vec<String>> {
        Ok(self.remove_unowned(delay, now_ms)?)
    }

    fn clean_up(&self) -> Result {
        Ok(self.clean_up()?)
    }
}
