//! State in memory that outlives an instance, for tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use state_store::{Database, MemoryBudget, MemoryDatabase};
use uuid::Uuid;

use super::TaskStorage;
use crate::{Result, TaskId};

/// A disk in memory, whose contents outlive an instance.
#[derive(Clone, Default)]
pub(super) struct Disk(
    Arc<Mutex<BTreeMap<TaskId, Arc<dyn Database>>>>,
    Arc<Mutex<BTreeSet<TaskId>>>,
);

impl TaskStorage for Disk {
    fn process_id(&self) -> Uuid {
        Uuid::from_u128(7)
    }

    fn lock_task(&self, task: TaskId) -> bool {
        self.1.lock().insert(task)
    }

    fn unlock_task(&self, task: TaskId) {
        self.1.lock().remove(&task);
    }

    fn tasks(&self) -> Result<Vec<TaskId>> {
        Ok(Vec::new())
    }

    fn open(&self, task: TaskId, stores: &[String], _: &MemoryBudget) -> Result<Arc<dyn Database>> {
        let new = || Arc::new(MemoryDatabase::new(stores.len())) as Arc<dyn Database>;
        Ok(self.0.lock().entry(task).or_insert_with(new).clone())
    }

    fn remove_unowned(&self, _: Duration, _: i64) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn clean_up(&self) -> Result {
        Ok(())
    }
}
