//! A disk that is a directory of the real one, for persistent stores in `RocksDB`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use parking_lot::Mutex;
use state_store::{Database, MemoryBudget, StateDirectory};
use uuid::Uuid;

use super::{
    Random,
    disk::{Disk, new_process_id},
};
use crate::{Error, ErrorKind, Result, TaskId, runtime::TaskStorage};

/// A state directory under a process id that comes from the seed. The database determines which of
/// the last writes survive a crash.
#[derive(Debug)]
pub(super) struct DirectoryDisk {
    base: PathBuf,
    application_id: String,
    mounted: Mutex<Mounted>,
}

#[derive(Debug)]
struct Mounted {
    process_id: Uuid,
    directory: Option<StateDirectory>,
}

impl DirectoryDisk {
    pub(super) fn new(base: PathBuf, application_id: String, random: &mut Random) -> Self {
        let mounted = Mounted { process_id: new_process_id(random), directory: None };
        Self { base, application_id, mounted: Mutex::new(mounted) }
    }

    fn directory(&self) -> Result<StateDirectory> {
        self.mounted
            .lock()
            .directory
            .clone()
            .ok_or_else(|| Error::new(ErrorKind::InvalidState, "the state directory is not open"))
    }
}

impl Disk for DirectoryDisk {
    fn mount(&self) -> Result {
        let mut mounted = self.mounted.lock();
        // The lock on the directory is released with its last handle.
        mounted.directory = None;
        mounted.directory = Some(StateDirectory::open(&self.base, &self.application_id)?);
        Ok(())
    }

    fn crash(&self, _random: &mut Random) -> Result {
        self.mount()
    }

    fn wipe(&self, random: &mut Random) -> Result {
        self.directory()?.clean_up()?;
        self.mounted.lock().process_id = new_process_id(random);
        Ok(())
    }
}

impl TaskStorage for DirectoryDisk {
    fn process_id(&self) -> Uuid {
        self.mounted.lock().process_id
    }

    fn lock_task(&self, task: TaskId) -> bool {
        self.directory().is_ok_and(|directory| TaskStorage::lock_task(&directory, task))
    }

    fn unlock_task(&self, task: TaskId) {
        if let Ok(directory) = self.directory() {
            TaskStorage::unlock_task(&directory, task);
        }
    }

    fn tasks(&self) -> Result<Vec<TaskId>> {
        self.directory()?.tasks()
    }

    fn open(
        &self,
        task: TaskId,
        stores: &[String],
        budget: &MemoryBudget,
    ) -> Result<Arc<dyn Database>> {
        TaskStorage::open(&self.directory()?, task, stores, budget)
    }

    fn remove_unowned(&self, delay: Duration, now_ms: i64) -> Result<Vec<String>> {
        TaskStorage::remove_unowned(&self.directory()?, delay, now_ms)
    }

    fn clean_up(&self) -> Result {
        TaskStorage::clean_up(&self.directory()?)
    }
}
