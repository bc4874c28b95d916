//! Disks of simulated machines.
//!
//! Usually a database is in memory but keeps the list of its writes, so that a crash can take back
//! unflushed ones: any number of the last ones, as with `RocksDB` without a write-ahead log.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use state_store::{
    Database, Direction, Entries, MemoryBudget, MemoryDatabase, SortedRows, StoreId, Visit,
    WriteBatch,
};
use uuid::Uuid;

use super::Random;
use crate::{Result, TaskId, runtime::TaskStorage};

/// Storage that outlives an instance.
pub(super) trait Disk: TaskStorage {
    /// An instance starts.
    fn mount(&self) -> Result;

    /// The machine crashes: some of the unflushed writes are gone, and all locks.
    fn crash(&self, random: &mut Random) -> Result;

    /// The disk is replaced by an empty one.
    fn wipe(&self, random: &mut Random) -> Result;
}

/// A disk in memory.
#[derive(Debug)]
pub(super) struct MemoryDisk(Mutex<Contents>);

#[derive(Debug)]
struct Contents {
    process_id: Uuid,
    locked: BTreeSet<TaskId>,
    tasks: BTreeMap<TaskId, Arc<DiskDatabase>>,
}

impl MemoryDisk {
    pub(super) fn new(random: &mut Random) -> Self {
        let process_id = new_process_id(random);
        Self(Mutex::new(Contents { process_id, locked: BTreeSet::new(), tasks: BTreeMap::new() }))
    }
}

impl Disk for MemoryDisk {
    fn mount(&self) -> Result {
        Ok(())
    }

    fn crash(&self, random: &mut Random) -> Result {
        let mut contents = self.0.lock();
        contents.locked.clear();
        for database in contents.tasks.values_mut() {
            *database = Arc::new(database.after_crash(random)?);
        }
        Ok(())
    }

    fn wipe(&self, random: &mut Random) -> Result {
        let mut contents = self.0.lock();
        contents.tasks.clear();
        contents.process_id = new_process_id(random);
        Ok(())
    }
}

pub(super) fn new_process_id(random: &mut Random) -> Uuid {
    let (high, low) = (u128::from(random.next_u64()), u128::from(random.next_u64()));
    Uuid::from_u128(high << 64 | low)
}

impl TaskStorage for MemoryDisk {
    fn process_id(&self) -> Uuid {
        self.0.lock().process_id
    }

    fn lock_task(&self, task: TaskId) -> bool {
        self.0.lock().locked.insert(task)
    }

    fn unlock_task(&self, task: TaskId) {
        self.0.lock().locked.remove(&task);
    }

    fn tasks(&self) -> Result<Vec<TaskId>> {
        let contents = self.0.lock();
        let tasks = contents.tasks.keys().filter(|task| **task != TaskId::GLOBAL);
        Ok(tasks.copied().collect())
    }

    fn open(
        &self,
        task: TaskId,
        stores: &[String],
        _budget: &MemoryBudget,
    ) -> Result<Arc<dyn Database>> {
        let mut contents = self.0.lock();
        let database = contents.tasks.entry(task);
        Ok(database.or_insert_with(|| Arc::new(DiskDatabase::new(stores.len()))).clone())
    }

    fn remove_unowned(&self, _delay: Duration, _now_ms: i64) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn clean_up(&self) -> Result {
        self.0.lock().tasks.clear();
        Ok(())
    }
}

/// A database with the list of its writes.
#[derive(Debug)]
pub(super) struct DiskDatabase {
    stores: usize,
    rows: MemoryDatabase,
    writes: Mutex<Writes>,
}

#[derive(Debug, Default)]
struct Writes {
    all: Vec<Write>,
    /// Number of writes that certainly survive a crash.
    flushed: usize,
}

#[derive(Clone, Debug)]
enum Write {
    Batch(WriteBatch),
    /// A write to a file of its own, which therefore survives a crash, whatever happens to earlier
    /// writes.
    Ingest(StoreId, Vec<(Vec<u8>, Option<Vec<u8>>)>),
}

impl DiskDatabase {
    fn new(stores: usize) -> Self {
        Self { stores, rows: MemoryDatabase::new(stores), writes: Mutex::default() }
    }

    fn after_crash(&self, random: &mut Random) -> Result<Self> {
        let writes = self.writes.lock();
        let unflushed = u64::try_from(writes.all.len() - writes.flushed).unwrap_or(0);
        let kept = usize::try_from(random.below(unflushed + 1)).unwrap_or(0) + writes.flushed;
        let left = Self::new(self.stores);
        for (index, write) in writes.all.iter().enumerate() {
            if index < kept || matches!(write, Write::Ingest(..)) {
                left.apply(write.clone())?;
            }
        }
        left.flush()?;
        Ok(left)
    }

    fn apply(&self, write: Write) -> state_store::Result<()> {
        let mut writes = self.writes.lock();
        writes.all.push(write.clone());
        match write {
            Write::Batch(batch) => self.rows.write(batch),
            Write::Ingest(store, rows) => {
                let mut rows = rows.iter().map(|(key, value)| (&**key, value.as_deref()));
                self.rows.ingest(store, &mut rows)
            }
        }
    }
}

impl Database for DiskDatabase {
    fn get(&self, store: StoreId, key: &[u8]) -> state_store::Result<Option<Vec<u8>>> {
        self.rows.get(store, key)
    }

    fn range(
        &self,
        store: StoreId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
    ) -> state_store::Result<Entries<'_>> {
        self.rows.range(store, from, to, direction)
    }

    fn scan(
        &self,
        store: StoreId,
        bounds: (Bound<&[u8]>, Bound<&[u8]>),
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> state_store::Result<()> {
        self.rows.scan(store, bounds, direction, visit)
    }

    fn write(&self, batch: WriteBatch) -> state_store::Result<()> {
        self.apply(Write::Batch(batch))
    }

    fn ingest(&self, store: StoreId, rows: &mut SortedRows<'_, '_>) -> state_store::Result<()> {
        let owned = rows.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)));
        self.apply(Write::Ingest(store, owned.collect()))
    }

    fn offset(&self, changelog: &str) -> state_store::Result<Option<i64>> {
        self.rows.offset(changelog)
    }

    fn offsets(&self) -> state_store::Result<Vec<(String, i64)>> {
        self.rows.offsets()
    }

    fn approximate_entries(&self, store: StoreId) -> state_store::Result<u64> {
        self.rows.approximate_entries(store)
    }

    fn flush(&self) -> state_store::Result<()> {
        let mut writes = self.writes.lock();
        writes.flushed = writes.all.len();
        Ok(())
    }
}
