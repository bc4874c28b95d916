//! The local state of an instance: databases of its tasks and of its global stores, and their
//! holders.

use std::sync::Arc;

use state_store::Database;

use super::app::App;
use crate::{
    Error, ErrorKind, Result, TaskId,
    store::StateStore,
    task::{TaskDatabases, add_global_stores, open_global_databases},
};

impl App {
    /// Opens the databases of a task. The task's directory must be locked.
    pub(crate) fn open_databases(&self, task: TaskId) -> Result<TaskDatabases> {
        let indexes = self.topology.stores_of(task.subtopology);
        let stores = indexes
            .iter()
            .filter_map(|index| Some((*index, &self.topology.stores.get(*index)?.spec)));
        let stores: Vec<_> = stores.collect();
        TaskDatabases::open(&stores, |names| self.open_persistent(task, names))
    }

    fn open_persistent(&self, task: TaskId, names: &[String]) -> Result<Arc<dyn Database>> {
        let storage = self.storage.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::InvalidState, "the topology has no persistent store")
        })?;
        storage.open(task, names, &self.settings.budget)
    }

    /// Locks and opens the databases of the global stores, for all threads of the instance.
    pub(crate) fn open_global(&self) -> Result<TaskDatabases> {
        if !self.lock_task(TaskId::GLOBAL) {
            let text = "the global stores are open already";
            return Err(Error::new(ErrorKind::InvalidState, text));
        }
        let opened = open_global_databases(&self.topology, |names| {
            self.open_persistent(TaskId::GLOBAL, names)
        });
        let opened = opened.and_then(|opened| {
            opened.ok_or_else(|| {
                Error::new(ErrorKind::InvalidState, "the topology has no global store")
            })
        });
        match &opened {
            Ok(databases) => self.shared.set_global_databases(Some(databases.clone())),
            Err(_) => self.unlock_task(TaskId::GLOBAL),
        }
        opened
    }

    /// Releases the global stores, when nobody reads them any more.
    pub(crate) fn release_global(&self) {
        self.shared.set_global_databases(None);
        self.unlock_task(TaskId::GLOBAL);
    }

    /// Gives a task the global stores to read.
    pub(crate) fn add_global_stores(&self, stores: &mut [Option<Box<dyn StateStore>>]) -> Result {
        let databases = self.shared.global_databases();
        databases.map_or(Ok(()), |databases| {
            add_global_stores(&self.topology, &self.settings, &databases, stores)
        })
    }

    /// Locks a task's state; returns whether it was free.
    pub(crate) fn lock_task(&self, task: TaskId) -> bool {
        self.storage.as_ref().is_none_or(|storage| storage.lock_task(task))
    }

    /// Unlocks a task's state.
    pub(crate) fn unlock_task(&self, task: TaskId) {
        if let Some(storage) = &self.storage {
            storage.unlock_task(task);
        }
    }
}
