//! The databases of a task.

use std::sync::Arc;

use state_store::{Database, MemoryDatabase, StoreId, WriteBatch};

use crate::{Result, store::StoreSpec};

/// A task's database on disk, and the one of its in-memory stores. Shared with the restorer and with
/// readers; written only at commit and in restore.
#[derive(Clone, Debug)]
pub(crate) struct TaskDatabases {
    pub(crate) persistent: Option<Arc<dyn Database>>,
    pub(crate) memory: Option<Arc<dyn Database>>,
    places: Vec<(usize, bool, StoreId)>,
}

/// Rows of one commit, for each database.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskBatch {
    pub(crate) persistent: WriteBatch,
    pub(crate) memory: WriteBatch,
}

impl TaskDatabases {
    /// The databases for these stores, by number in the topology. `open` opens the one on disk for the
    /// names of the persistent stores.
    pub(crate) fn open(
        stores: &[(usize, &StoreSpec)],
        open: impl FnOnce(&[String]) -> Result<Arc<dyn Database>>,
    ) -> Result<Self> {
        let mut persistent = Vec::new();
        let mut memory = 0_u16;
        let mut places = Vec::new();
        for (index, spec) in stores {
            if spec.persistent {
                let id = StoreId(u16::try_from(persistent.len()).unwrap_or(u16::MAX));
                persistent.push(spec.name.to_string());
                places.push((*index, true, id));
            } else {
                places.push((*index, false, StoreId(memory)));
                memory += 1;
            }
        }
        let persistent = if persistent.is_empty() { None } else { Some(open(&persistent)?) };
        let memory: Option<Arc<dyn Database>> = match memory {
            0 => None,
            count => Some(Arc::new(MemoryDatabase::new(usize::from(count)))),
        };
        Ok(Self { persistent, memory, places })
    }

    /// The database of a store and its number there.
    pub(crate) fn of(&self, store: usize) -> Option<(&Arc<dyn Database>, StoreId)> {
        let (_, persistent, id) = self.places.iter().find(|(index, ..)| *index == store)?;
        let database = if *persistent { &self.persistent } else { &self.memory };
        database.as_ref().map(|database| (database, *id))
    }

    /// The batch that a store's rows go to.
    pub(crate) fn batch_of<'a>(
        &self,
        store: usize,
        batch: &'a mut TaskBatch,
    ) -> &'a mut WriteBatch {
        let place = self.places.iter().find(|(index, ..)| *index == store);
        if place.is_some_and(|(_, persistent, _)| *persistent) {
            &mut batch.persistent
        } else {
            &mut batch.memory
        }
    }

    /// Writes both batches, each atomically.
    pub(crate) fn write(&self, batch: TaskBatch) -> Result {
        if let Some(database) = &self.persistent
            && !batch.persistent.is_empty()
        {
            database.write(batch.persistent)?;
        }
        if let Some(database) = &self.memory
            && !batch.memory.is_empty()
        {
            database.write(batch.memory)?;
        }
        Ok(())
    }

    /// Makes what is on disk durable.
    pub(crate) fn flush(&self) -> Result {
        if let Some(database) = &self.persistent {
            database.flush()?;
        }
        Ok(())
    }
}
