//! The databases of a task.

use std::sync::Arc;

use state_store::{Database, MemoryDatabase, StagedDatabase, StoreId, WriteBatch};

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
    persistent: Option<Layers>,
    memory: Option<Layers>,
    locations: Vec<(usize, bool, StoreId)>,
}

/// A database, and what its task sees: also the rows of a commit in transit.
#[derive(Clone, Debug)]
struct Layers {
    committed: Arc<dyn Database>,
    staged: Arc<StagedDatabase>,
}

impl Layers {
    fn new(committed: Arc<dyn Database>) -> Self {
        Self { staged: Arc::new(StagedDatabase::new(Arc::clone(&committed))), committed }
    }
}

/// An offset that goes to the databases with a commit: of a store, by number in the topology, and
/// by name.
pub(crate) type StoredOffset = (usize, String, i64);

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
        let (persistent, memory) = (persistent.map(Layers::new), memory.map(Layers::new));
        Ok(Self { persistent, memory, locations })
    }

    /// Returns whether it has a database on disk.
    pub(crate) fn is_persistent(&self) -> bool {
        self.persistent.is_some()
    }

    /// The database of a store and its number there: what is committed.
    pub(crate) fn of(&self, store: usize) -> Option<(&Arc<dyn Database>, StoreId)> {
        self.layers_of(store).map(|(layers, id)| (&layers.committed, id))
    }

    fn layers_of(&self, store: usize) -> Option<(&Layers, StoreId)> {
        let (_, persistent, id) = self.locations.iter().find(|(index, ..)| *index == store)?;
        let layers = if *persistent { &self.persistent } else { &self.memory };
        layers.as_ref().map(|layers| (layers, *id))
    }

    /// Makes a store, by number in the topology, and opens it on its database, for the task that
    /// commits.
    pub(crate) fn open_store(
        &self,
        index: usize,
        def: &StoreDef,
        settings: &TaskSettings,
    ) -> Result<Box<dyn StateStore>> {
        self.open_on(index, def, settings, |layers| layers.staged.clone())
    }

    /// Like [`open_store`](Self::open_store), for a task that reads what another commits.
    pub(crate) fn open_committed(
        &self,
        index: usize,
        def: &StoreDef,
        settings: &TaskSettings,
    ) -> Result<Box<dyn StateStore>> {
        self.open_on(index, def, settings, |layers| layers.committed.clone())
    }

    fn open_on(
        &self,
        index: usize,
        def: &StoreDef,
        settings: &TaskSettings,
        database: impl FnOnce(&Layers) -> Arc<dyn Database>,
    ) -> Result<Box<dyn StateStore>> {
        let Some((layers, id)) = self.layers_of(index) else {
            let text = format!("store `{}` has no database", def.spec.name);
            return Err(Error::new(ErrorKind::Fatal, text));
        };
        let mut store = (def.make)(&def.spec);
        store.open(StoreContext {
            database: database(layers),
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
        if self.is_in(store, true) { &mut batch.persistent } else { &mut batch.memory }
    }

    /// Writes both batches, each atomically.
    pub(crate) fn write(&self, mut batch: TaskBatch) -> Result {
        batch.persistent.sort();
        batch.memory.sort();
        if let Some(Layers { committed, .. }) = &self.persistent
            && !batch.persistent.is_empty()
        {
            committed.write(batch.persistent)?;
        }
        if let Some(Layers { committed, .. }) = &self.memory
            && !batch.memory.is_empty()
        {
            committed.write(batch.memory)?;
        }
        Ok(())
    }

    /// Shows both batches to the task's stores, until they are written or dropped.
    pub(crate) fn stage(&self, batch: TaskBatch) {
        let TaskBatch { persistent, memory } = batch;
        for (layers, batch) in [(&self.persistent, persistent), (&self.memory, memory)] {
            if let Some(Layers { staged, .. }) = layers {
                staged.stage(batch);
            }
        }
    }

    /// Writes the staged batches, each atomically, and these offsets with them.
    pub(crate) fn write_staged(&self, offsets: &[StoredOffset]) -> Result {
        for (layers, is_persistent) in [(&self.persistent, true), (&self.memory, false)] {
            let Some(Layers { staged, .. }) = layers else { continue };
            staged.write_staged(|batch| {
                for (store, name, offset) in offsets {
                    if self.is_in(*store, is_persistent) {
                        batch.set_offset(name, *offset);
                    }
                }
            })?;
        }
        Ok(())
    }

    /// Drops the staged batches.
    pub(crate) fn drop_staged(&self) {
        for Layers { staged, .. } in [&self.persistent, &self.memory].into_iter().flatten() {
            staged.drop_staged();
        }
    }

    fn is_in(&self, store: usize, persistent: bool) -> bool {
        let mut locations = self.locations.iter();
        locations.any(|(index, is_persistent, _)| *index == store && *is_persistent == persistent)
    }

    /// Starts to make the writes durable, if they have waited for as long as they may.
    pub(crate) fn flush_older(&self, now_ms: i64, settings: &TaskSettings) {
        if let Some(Layers { committed, .. }) = &self.persistent {
            committed.flush_older(now_ms, settings.flush_age_ms);
        }
    }

    /// Starts to make the writes durable.
    pub(crate) fn start_flush(&self) {
        if let Some(Layers { committed, .. }) = &self.persistent {
            committed.start_flush();
        }
    }

    /// Makes the writes on disk durable.
    pub(crate) fn flush(&self) -> Result {
        if let Some(Layers { committed, .. }) = &self.persistent {
            committed.flush()?;
        }
        Ok(())
    }
}
