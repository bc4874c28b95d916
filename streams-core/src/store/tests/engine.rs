//! The engines on which stores are tested.

use std::sync::Arc;

use state_store::{Database, MemoryBudget, MemoryDatabase};

/// The name of the only store.
pub(super) const STORE: &str = "store";

/// Storage for the database of one store.
pub(super) trait Engine {
    /// Creates empty storage.
    fn empty() -> Self;

    /// Opens the existing database. All handles of an earlier opening are dropped.
    fn open(&self, budget: &MemoryBudget) -> Arc<dyn Database>;
}

/// Rows in memory that survive a restart as if they were on disk.
pub(super) struct Memory(Arc<MemoryDatabase>);

impl Engine for Memory {
    fn empty() -> Self {
        Self(Arc::new(MemoryDatabase::new(1)))
    }

    fn open(&self, _: &MemoryBudget) -> Arc<dyn Database> {
        self.0.clone()
    }
}

/// Rows in RocksDB: a restart loses those that were not flushed.
#[cfg(feature = "rocksdb")]
pub(super) struct Rocks(tempfile::TempDir);

#[cfg(feature = "rocksdb")]
impl Engine for Rocks {
    fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open(&self, budget: &MemoryBudget) -> Arc<dyn Database> {
        let stores = [STORE.to_owned()];
        Arc::new(state_store::RocksDatabase::open(self.0.path(), &stores, budget).unwrap())
    }
}
