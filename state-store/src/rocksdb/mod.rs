//! The database on disk: one `RocksDB` a task, a column family a store, and one for the changelog
//! offsets.
//!
//! There is no write-ahead log: the changelog is one already. Memtables of all column families are
//! flushed together (`atomic_flush`), so that rows and offsets on disk always belong to the same
//! batches. Closing doesn't flush: a database that is dropped is like one whose process crashed,
//! and restore continues from the offsets it finds. For a clean close, [`flush`](Database::flush)
//! first. While it is open, memtables are flushed when they are full, when those of all databases
//! are too large together, and when what is in them is old
//! ([`flush_older`](Database::flush_older)).
//!
//! No other module names the crate `rocksdb`.

mod error;
mod files;
mod options;
mod range;
mod unflushed;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use ::rocksdb::{ColumnFamily, DB, DBIteratorWithThreadMode, IteratorMode, WriteOptions};

use parking_lot::Mutex;

use self::error::Context;
use self::files::Files;
use self::range::{half_open, successor};
use self::unflushed::Unflushed;
use crate::api::not_ascending;
use crate::{
    Database, Direction, Entries, Error, ErrorKind, MemoryBudget, Operation, Result, SortedRows,
    StoreId, Visit, WriteBatch,
};

pub(crate) use self::options::SharedMemory;

/// The column family of the changelog offsets: name of the changelog to an i64.
const OFFSETS: &str = "offsets";
/// The column family that `RocksDB` insists on. It stays empty.
const DEFAULT: &str = "default";
/// The extension of a file of sorted rows on its way into a store.
const INGEST_EXTENSION: &str = "ingest";

/// The [`Database`] of a task in a directory.
pub struct RocksDatabase {
    files: Arc<Files>,
    /// Keeps cache and write buffer limit alive, which the engine only borrows.
    budget: MemoryBudget,
    /// Its number among the open databases of the budget.
    number: u64,
    /// Stores that take many files: few of these are compacted, until all are there.
    loading: Mutex<BTreeSet<StoreId>>,
}

impl RocksDatabase {
    /// Opens the database of a task, or creates it: `StoreId(i)` is `stores[i]`.
    ///
    /// Stores that aren't there yet are created empty. Those that are there and not asked for are
    /// kept.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Locked`] if the directory is open elsewhere, [`ErrorKind::Corrupt`] if its
    /// files are damaged, [`ErrorKind::DiskFull`] or [`ErrorKind::Io`] if the file system refuses,
    /// and [`ErrorKind::InvalidArgument`] if a store is named twice or there are more than 65,536.
    pub fn open(dir: &Path, stores: &[String], budget: &MemoryBudget) -> Result<Self> {
        let context = Context { doing: "open", directory: dir };
        check_stores(stores)?;
        fs::create_dir_all(dir).map_err(|error| Error::from_io("create", dir, error))?;
        remove_unfinished_ingests(dir)?;
        let stores: Vec<String> = stores.iter().map(|store| column_family(store)).collect();
        let options = options::database(budget).map_err(|error| context.error(error))?;
        let mut families = if dir.join("CURRENT").exists() {
            DB::list_cf(&options, dir).map_err(|error| context.error(error))?
        } else {
            Vec::new()
        };
        for name in stores.iter().map(String::as_str).chain([DEFAULT, OFFSETS]) {
            if !families.iter().any(|family| family == name) {
                families.push(name.to_owned());
            }
        }
        let families = families.into_iter().map(|name| (name, options::column_family(budget)));
        let db =
            DB::open_cf_with_opts(&options, dir, families).map_err(|error| context.error(error))?;
        let unflushed = Unflushed::default();
        let files = Arc::new(Files { db, directory: dir.to_owned(), stores, unflushed });
        let number = budget.engine().databases.add(files.clone());
        Ok(Self { files, budget: budget.clone(), number, loading: Mutex::default() })
    }

    fn context(&self, doing: &'static str) -> impl Fn(::rocksdb::Error) -> Error {
        move |error| Context { doing, directory: &self.files.directory }.error(error)
    }

    fn family(&self, store: StoreId) -> Result<&ColumnFamily> {
        let name = self.files.stores.get(usize::from(store.0));
        name.and_then(|name| self.files.db.cf_handle(name))
            .ok_or_else(|| Error::unknown_store(store))
    }

    fn offsets_family(&self) -> Result<&ColumnFamily> {
        let family = self.files.db.cf_handle(OFFSETS);
        family.ok_or_else(|| Error::new(ErrorKind::Engine, "the offsets were not opened"))
    }

    fn encode(&self, batch: &WriteBatch) -> Result<::rocksdb::WriteBatch> {
        let mut encoded =
            ::rocksdb::WriteBatch::with_capacity_bytes(batch.bytes() + 12 * batch.len());
        for operation in batch.operations() {
            let family = self.family(operation.store())?;
            match operation {
                Operation::Put { key, value, .. } => encoded.put_cf(family, key, value),
                Operation::Delete { key, .. } => encoded.delete_cf(family, key),
                Operation::DeleteRange { from, to, .. } => {
                    encoded.delete_range_cf(family, from, to);
                }
                Operation::DeleteAll { store } => {
                    if let Some(last) = self.last_key(store)? {
                        encoded.delete_range_cf(family, [].as_slice(), successor(&last).as_slice());
                    }
                }
            }
        }
        let offsets = self.offsets_family()?;
        for (changelog, offset) in batch.offsets().chain(batch.marks()) {
            encoded.put_cf(offsets, changelog, offset.to_be_bytes());
        }
        Ok(encoded)
    }

    fn last_key(&self, store: StoreId) -> Result<Option<Vec<u8>>> {
        let all = (Bound::Unbounded, Bound::Unbounded);
        let last = self.range(store, all.0, all.1, Direction::Backward)?.next().transpose()?;
        Ok(last.map(|(key, _)| key))
    }

    /// Lets compactions of a store wait for more files, or no longer.
    fn put_off_compactions(&self, store: StoreId, put_off: bool) -> Result {
        let mut loading = self.loading.lock();
        if loading.contains(&store) == put_off {
            return Ok(());
        }
        let options = options::compaction_triggers(put_off);
        let set = self.files.db.set_options_cf(self.family(store)?, &options);
        set.map_err(self.context("set options of"))?;
        if put_off {
            loading.insert(store)
        } else {
            loading.remove(&store)
        };
        Ok(())
    }

    /// Writes rows to a file that a store is to take. Returns whether there are any.
    fn write_file(&self, path: &Path, rows: &mut SortedRows<'_, '_>) -> Result<bool> {
        let fail = self.context("write rows to be ingested into");
        let options = options::column_family(&self.budget);
        let mut writer = ::rocksdb::SstFileWriter::create(&options);
        let mut last: Option<&[u8]> = None;
        for (key, value) in rows {
            match last.replace(key) {
                None => writer.open(path).map_err(&fail)?,
                Some(last) if last < key => {}
                Some(_) => return Err(not_ascending()),
            }
            match value {
                Some(value) => writer.put(key, value).map_err(&fail)?,
                None => writer.delete(key).map_err(&fail)?,
            }
        }
        if last.is_some() {
            writer.finish().map_err(&fail)?;
        }
        Ok(last.is_some())
    }
}

impl Database for RocksDatabase {
    fn get(&self, store: StoreId, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.files.db.get_cf(self.family(store)?, key).map_err(self.context("read from"))
    }

    fn range(
        &self,
        store: StoreId,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
    ) -> Result<Entries<'_>> {
        let family = self.family(store)?;
        let (lower, upper) = half_open(from, to);
        if upper.as_ref().is_some_and(|upper| *upper <= lower) {
            return Ok(Box::new(std::iter::empty()));
        }
        let mode = match direction {
            Direction::Forward => IteratorMode::Start,
            Direction::Backward => IteratorMode::End,
        };
        let rows: DBIteratorWithThreadMode<'_, DB> =
            self.files.db.iterator_cf_opt(family, options::range(lower, upper), mode);
        let fail = self.context("read a range from");
        Ok(Box::new(rows.map(move |row| {
            let (key, value) = row.map_err(&fail)?;
            Ok((key.into_vec(), value.into_vec()))
        })))
    }

    fn scan(
        &self,
        store: StoreId,
        (from, to): (Bound<&[u8]>, Bound<&[u8]>),
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<()> {
        let family = self.family(store)?;
        let (lower, upper) = half_open(from, to);
        if upper.as_ref().is_some_and(|upper| *upper <= lower) {
            return Ok(());
        }
        let options = options::range(lower, upper);
        let mut rows = self.files.db.raw_iterator_cf_opt(family, options);
        match direction {
            Direction::Forward => rows.seek_to_first(),
            Direction::Backward => rows.seek_to_last(),
        }
        while let Some((key, value)) = rows.item() {
            if visit(key, value).is_break() {
                return Ok(());
            }
            match direction {
                Direction::Forward => rows.next(),
                Direction::Backward => rows.prev(),
            }
        }
        rows.status().map_err(self.context("read a range from"))
    }

    fn write(&self, batch: WriteBatch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let encoded = self.encode(&batch)?;
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        self.files.db.write_opt(encoded, &options).map_err(self.context("write to"))?;
        self.files.unflushed.wrote();
        Ok(())
    }

    fn ingest(&self, store: StoreId, rows: &mut SortedRows<'_, '_>) -> Result<()> {
        let family = self.family(store)?;
        let is_empty = self.last_key(store)?.is_none();
        // The first file may be the only one.
        self.put_off_compactions(store, !is_empty)?;
        let path = self.files.directory.join(format!("{}.{INGEST_EXTENSION}", store.0));
        let ingested = self.write_file(&path, rows).and_then(|is_any| {
            if !is_any {
                return Ok(());
            }
            let (files, options) = (vec![&path], options::ingestion());
            let ingested = self.files.db.ingest_external_file_cf_opts(family, &options, files);
            ingested.map_err(self.context("ingest rows into"))
        });
        if ingested.is_err() {
            // Opening the database removes it, if this can't.
            let _ = fs::remove_file(&path);
        }
        ingested
    }

    fn end_ingestion(&self, store: StoreId) {
        if let Err(error) = self.put_off_compactions(store, false) {
            // They are not put off any more when it is opened again.
            tracing::warn!(%error, "compactions are put off still");
        }
    }

    fn offset(&self, changelog: &str) -> Result<Option<i64>> {
        let offset = self.files.db.get_cf(self.offsets_family()?, changelog);
        let offset = offset.map_err(self.context("read an offset from"))?;
        offset.map(|bytes| self.parse_offset(&bytes)).transpose()
    }

    fn offsets(&self) -> Result<Vec<(String, i64)>> {
        let fail = self.context("read the offsets from");
        let rows: DBIteratorWithThreadMode<'_, DB> =
            self.files.db.iterator_cf(self.offsets_family()?, IteratorMode::Start);
        rows.map(|row| {
            let (changelog, offset) = row.map_err(&fail)?;
            let changelog = String::from_utf8(changelog.into_vec()).map_err(|error| {
                Error::new(ErrorKind::Corrupt, self.damaged_offsets()).with_source(error)
            })?;
            Ok((changelog, self.parse_offset(&offset)?))
        })
        .collect()
    }

    fn approximate_entries(&self, store: StoreId) -> Result<u64> {
        let family = self.family(store)?;
        let estimate = self
            .files
            .db
            .property_int_value_cf(family, ::rocksdb::properties::ESTIMATE_NUM_KEYS)
            .map_err(self.context("read the size of"))?;
        Ok(estimate.unwrap_or(0))
    }

    fn flush(&self) -> Result<()> {
        self.files.flush(true).map_err(self.context("flush"))
    }

    fn start_flush(&self) {
        if self.files.unflushed.is_any() {
            self.files.start_flush();
        }
    }

    fn flush_older(&self, now_ms: i64, age_ms: i64) {
        if self.files.unflushed.is_due(now_ms, age_ms) {
            self.files.start_flush();
        }
        self.budget.engine().databases.flush_overdue(now_ms, age_ms);
    }
}

impl RocksDatabase {
    fn parse_offset(&self, bytes: &[u8]) -> Result<i64> {
        let bytes = bytes.try_into();
        bytes
            .map(i64::from_be_bytes)
            .map_err(|_| Error::new(ErrorKind::Corrupt, self.damaged_offsets()))
    }

    fn damaged_offsets(&self) -> String {
        let directory = self.files.directory.display();
        format!(
            "the changelog offsets in {directory} are damaged; remove it to restore the task anew"
        )
    }
}

impl fmt::Debug for RocksDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocksDatabase")
            .field("directory", &self.files.directory)
            .field("stores", &self.files.stores)
            .finish_non_exhaustive()
    }
}

impl Drop for RocksDatabase {
    fn drop(&mut self) {
        self.budget.engine().databases.remove(self.number);
    }
}

/// The column family of a store: its name, but for the two names that are taken. No store name has
/// a colon.
fn column_family(store: &str) -> String {
    match store {
        OFFSETS | DEFAULT => format!("store:{store}"),
        _ => store.to_owned(),
    }
}

fn check_stores(stores: &[String]) -> Result {
    let mut seen = std::collections::BTreeSet::new();
    let twice = stores.iter().find(|store| !seen.insert(store.as_str()));
    if let Some(store) = twice {
        let message = format!("store {store} is named twice in one task");
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    }
    if stores.len() > usize::from(u16::MAX) + 1 {
        return Err(Error::new(ErrorKind::InvalidArgument, "a task has more than 65,536 stores"));
    }
    Ok(())
}

/// Removes what a crash between writing a file of rows and ingesting it left behind.
fn remove_unfinished_ingests(directory: &Path) -> Result {
    let fail = |error: io::Error| Error::from_io("tidy", directory, error);
    for entry in fs::read_dir(directory).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.extension().is_some_and(|extension| extension == INGEST_EXTENSION) {
            fs::remove_file(path).map_err(fail)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
