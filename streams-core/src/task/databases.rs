//! The databases of a task.

use std::sync::Arc;

use state_store::{Database, MemoryDatabase, StoreId, WriteBatch};

use super::TaskSettings;
use crate::{
    Error, ErrorKind, Result,
    store::{StateStore, StoreContext, StoreSpec},
    topology::{StoreDef, changelog_topic},
};

/// A task's database on disk, and that of its in-memory stores. Shared with the restorer and with
/// readers; written only at commit and in restore.
#[derive(Clone, Debug)]
pub(crate) struct TaskDatabases {
    pub(crate) persistent: Option<Arc<dyn Database>>,
    pub(crate) memory: Option<Arc<dyn Database>>,
    locations: Vec<(usize, bool, StoreId)>,
}

/// Rows of one commit, per database.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskBatch {
    pub(crate) persistent: WriteBatch,
    pub(crate) memory: WriteBatch,
}

impl TaskDatabases {
    /// Opens the databases for these stores, by number in the topology. `open` opens the one on
    /// disk for the names of the persistent stores.
    pub(crate) fn open(
        stores: &[(usize, &StoreSpec)],
        open: impl FnOnce(&[String]) -> Result<Arc<dyn Database>>,
    ) -> Result<Self> {
        let mut persistent = Vec::new();
        let mut memory = 0_u16;
        let mut locations = Vec::new();
        for (index, spec) in stores {
            if spec.persistent {
                let id = StoreId(u16::try_from(persistent.len()).unwrap_or(u16::MAX));
                persistent.push(spec.name.to_string());
                locations.push((*index, true, id));
            } else {
                locations.push((*index, false, StoreId(memory)));
                memory += 1;
            }
        }
        let persistent = if persistent.is_empty() { None } else { Some(open(&persistent)?) };
        let memory: Option<Arc<dyn Database>> = match memory {
            0 => None,
            count => Some(Arc::new(MemoryDatabase::new(usize::from(count)))),
        };
        Ok(Self { persistent, memory, locations })
    }

    /// The database of a store and its number there.
    pub(crate) fn of(&self, store: usize) -> Option<(&Arc<dyn Database>, StoreId)> {
        let (_, persistent, id) = self.locations.iter().find(|(index, ..)| *index == store)?;
        let database = if *persistent { &self.persistent } else { &self.memory };
        database.as_ref().map(|database| (database, *id))
    }

    /// Makes a store, by number in the topology, and opens it on its database.
    pub(crate) fn open_store(
        &self,
        index: usize,
        def: &StoreDef,
        settings: &TaskSettings,
    ) -> Result<Box<dyn StateStore>> {
        let Some((database, id)) = self.of(index) else {
            let text = format!("store `{}` has no database", def.spec.name);
            return Err(Error::new(ErrorKind::Fatal, text));
        };
        let mut store = (def.make)(&def.spec);
        store.open(StoreContext {
            database: database.clone(),
            id,
            budget: settings.budget.clone(),
            topic: changelog_topic(&settings.application_id, &def.spec.name).into(),
            caching: def.is_cached(settings.caching),
        })?;
        Ok(store)
    }

    /// The batch for a store's rows.
    pub(crate) fn batch_of<'a>(
        &self,
        store: usize,
        batch: &'a mut TaskBatch,
    ) -> &'a mut WriteBatch {
        let location = self.locations.iter().find(|(index, ..)| *index == store);
        if location.is_some_and(|(_, persistent, _)| *persistent) {
            &mut batch.persistent
        } else {
            &mut batch.memory
        }
    }

    /// Writes both batches, each atomically.
    pub(crate) fn write(&self, mut batch: TaskBatch) -> Result {
        batch.persistent.sort();
        batch.memory.sort();
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

    /// Starts to make the writes durable, if they have waited for as long as they may.
    pub(crate) fn flush_older(&self, now_ms: i64, settings: &TaskSettings) {
        if let Some(database) = &self.persistent {
            database.flush_older(now_ms, settings.flush_age_ms);
        }
    }

    /// Starts to make the writes durable.
    pub(crate) fn start_flush(&self) {
        if let Some(database) = &self.persistent {
            database.start_flush();
        }
    }

    /// Makes the writes on disk durable.
    pub(crate) fn flush(&self) -> Result {
        if let Some(database) = &self.persistent {
            database.flush()?;
        }
        Ok(())
    }
}
