//! The engines that stores are tested on.

use std::sync::Arc;

use state_store::{Database, MemoryBudget, MemoryDatabase};

/// The name of the one store.
pub(super) const STORE: &str = "store";

/// A place in which the database of one store lies.
pub(super) trait Engine {
    /// An empty place.
    fn empty() -> Self;

    /// Opens what is there. All handles of an earlier opening are dropped.
    fn open(&self, budget: &MemoryBudget) -> Arc<dyn Database>;
}

/// Rows in memory, which outlive a restart as if they were on disk.
pub(super) struct Memory(Arc<MemoryDatabase>);

impl Engine for Memory {
    fn empty() -> Self {
        Self(Arc::new(MemoryDatabase::new(1)))
    }

    fn open(&self, _: &MemoryBudget) -> Arc<dyn Database> {
        self.0.clone()
    }
}

/// Rows in RocksDB: a restart loses what was not flushed.
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
