//! The files of a database, and those that are open in the process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ::rocksdb::DB;
use parking_lot::Mutex;

use super::{OFFSETS, options, unflushed::Unflushed};

/// Least interval between checks of all databases for unflushed writes.
const LOOK_INTERVAL_MS: i64 = 1_000;

/// The files of one database.
pub(super) struct Files {
    pub(super) db: DB,
    pub(super) directory: PathBuf,
    /// The column family of each store, by its id.
    pub(super) stores: Vec<String>,
    pub(super) unflushed: Unflushed,
}

impl Files {
    /// Flushes all column families, which `RocksDB` does in one step if they are named in one call.
    pub(super) fn flush(&self, wait: bool) -> Result<(), ::rocksdb::Error> {
        let names = self.stores.iter().map(String::as_str).chain([OFFSETS]);
        let families: Vec<_> = names.filter_map(|name| self.db.cf_handle(name)).collect();
        self.db.flush_cfs_opt(&families, &options::flush(wait))?;
        self.unflushed.clear();
        Ok(())
    }

    /// Starts a flush and does not wait for it.
    pub(super) fn start_flush(&self) {
        // What was to be flushed stays to be so: the next look tries again, or a write fails if the
        // engine has stopped.
        if let Err(error) = self.flush(false) {
            let directory = self.directory.display();
            tracing::debug!(%directory, %error, "a flush could not be started");
        }
    }
}

/// The open databases of a process.
///
/// An idle task never gets to flush its last writes, and its write buffers would take from the
/// limit that all share. So each writer looks after all databases.
#[derive(Default)]
pub(super) struct OpenDatabases(Mutex<Open>);

#[derive(Default)]
struct Open {
    next: u64,
    databases: BTreeMap<u64, Arc<Files>>,
    looked_ms: Option<i64>,
}

impl OpenDatabases {
    /// Takes a database in, under a number by which it is taken out.
    pub(super) fn add(&self, files: Arc<Files>) -> u64 {
        let open = &mut *self.0.lock();
        open.next += 1;
        open.databases.insert(open.next, files);
        open.next
    }

    /// Takes a database out. Nothing else holds its files behind that, so that they are closed with
    /// it.
    pub(super) fn remove(&self, number: u64) {
        self.0.lock().databases.remove(&number);
    }

    /// Starts to flush those whose writes have been waiting for `age_ms`.
    pub(super) fn flush_overdue(&self, now_ms: i64, age_ms: i64) {
        let open = &mut *self.0.lock();
        // Also if the clock was set back.
        let recent = |looked_ms| (0..LOOK_INTERVAL_MS).contains(&(now_ms - looked_ms));
        if open.looked_ms.is_some_and(recent) {
            return;
        }
        open.looked_ms = Some(now_ms);
        let databases = open.databases.values();
        databases
            .filter(|files| files.unflushed.is_overdue(now_ms, age_ms))
            .for_each(|files| files.start_flush());
    }
}
