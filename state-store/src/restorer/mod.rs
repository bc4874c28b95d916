//! Restores a store from its changelog in bulk.
//!
//! Only the last record of each key in a buffer is written, in the order of the keys. The rows of an
//! empty store, and large buffers, are loaded as a sorted file, past the engine's memtables. The
//! offset goes with the rows, so that a crash continues where the last buffer ended.

mod buffer;
mod versions;

use std::ops::Bound;

use self::buffer::Buffer;
use self::versions::Versions;
use crate::key_schema::{HeaderRef, parse_versioned_key, split_timestamped_value, split_version};
use crate::{
    Database, Direction, Error, ErrorKind, Result, Segments, StoreFormat, StoreId, WriteBatch,
};

/// Bytes of rows in one write to the database.
const BATCH_BYTES: usize = 256 * 1024;
/// Overhead of a row in a batch, besides its bytes.
const OPERATION_BYTES: usize = 64;
/// Least memory of rows that are loaded as a file: smaller files would be too many.
const LOAD_BYTES: usize = 1024 * 1024;

/// Collects records of one store's changelog and applies them to the database a buffer at a time.
///
/// The caller bounds the memory: it applies when [`bytes`](Self::bytes) has grown enough.
#[derive(Debug)]
pub struct Restorer {
    format: StoreFormat,
    rows: Buffer,
    max_start: Option<i64>,
    /// Largest start as of the last write of rows.
    applied_start: Option<i64>,
    max_seqnum: i32,
    /// True if timestamps of records count as starts of windows.
    counts_timestamps: bool,
    latest_time: i64,
    local_key: Vec<u8>,
    local_value: Vec<u8>,
    /// True if the record read last is a row, not a tombstone.
    is_put: bool,
}

impl Restorer {
    /// A restorer of a store with rows of a format.
    #[must_use]
    pub fn new(format: StoreFormat) -> Self {
        Self {
            format,
            rows: Buffer::default(),
            is_put: false,
            max_start: None,
            applied_start: None,
            max_seqnum: 0,
            counts_timestamps: false,
            latest_time: i64::MAX,
            local_key: Vec::new(),
            local_value: Vec::new(),
        }
    }

    /// Counts windows that start later than this as if they started then: they come from records
    /// that will be processed once more, so that earlier windows are still needed.
    #[must_use]
    pub fn with_latest_time(mut self, time: i64) -> Self {
        self.latest_time = time;
        self
    }

    /// Counts the timestamp of each value as the start of a window, for a store whose rows expire
    /// by them.
    #[must_use]
    pub fn with_timestamps_counted(mut self) -> Self {
        self.counts_timestamps = true;
        self
    }

    /// Counts a window that started then as one whose record was pushed, though none was.
    #[must_use]
    pub fn with_seen_start(mut self, start: i64) -> Self {
        self.max_start = self.max_start.max(Some(start));
        self.applied_start = self.max_start;
        self
    }

    /// Takes a record of the changelog; a later one of the same key replaces it. No value is a
    /// tombstone.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the key isn't one of the store's
    /// format.
    pub fn push(&mut self, key: &[u8], value: Option<&[u8]>, timestamp: i64) -> Result {
        self.read((key, value), timestamp, std::iter::empty())?;
        self.accept()
    }

    /// Reads a record of the changelog without taking it. Returns the row, key and value as they
    /// lie in the database; `None` for a tombstone.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt) if the key isn't one of the store's
    /// format.
    pub fn read<'h>(
        &mut self,
        data: (&[u8], Option<&[u8]>),
        timestamp: i64,
        headers: impl Iterator<Item = HeaderRef<'h>>,
    ) -> Result<Option<(&[u8], &[u8])>> {
        let (local_key, local_value) = (&mut self.local_key, &mut self.local_value);
        self.is_put =
            self.format.from_changelog(data, timestamp, headers, local_key, local_value)?;
        Ok(self.is_put.then_some((&*self.local_key, &*self.local_value)))
    }

    /// Takes the record that was [read](Self::read) last.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument) if it is larger than a row
    /// can be.
    pub fn accept(&mut self) -> Result {
        let value = self.is_put.then_some(&*self.local_value);
        if let Some(segments) = self.format.versions() {
            let span = parse_versioned_key(&self.local_key).and_then(|(_, span)| span);
            let time = span.map_or(i64::MIN, |span| span.from);
            if self
                .max_start
                .is_some_and(|newest| time < newest.saturating_sub(segments.retention_ms))
            {
                // The store has logged it and not put it.
                return Ok(());
            }
            self.max_start = self.max_start.max(Some(time));
        }
        if let Some(start) = self.format.time_of(&self.local_key) {
            self.max_start = self.max_start.max(Some(start));
            self.max_seqnum = self.max_seqnum.max(self.format.seqnum_of(&self.local_key));
        }
        if self.counts_timestamps
            && let Some((timestamp, _)) = value.and_then(split_timestamped_value)
        {
            self.max_start = self.max_start.max(Some(timestamp));
        }
        if self.rows.put(&self.local_key, value) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::InvalidArgument, "a row of a changelog of 4 GiB or more"))
    }

    /// Takes a tombstone of the key that was [read](Self::read) last instead of its value.
    ///
    /// # Errors
    ///
    /// The errors of [`accept`](Self::accept).
    pub fn accept_deletion(&mut self) -> Result {
        self.is_put = false;
        self.accept()
    }

    /// Writes what was collected, with the offset of the changelog to continue from, and empties
    /// the buffer.
    ///
    /// Rows of windows that started longer ago than the retention are left out. Returns the number
    /// of rows written or deleted.
    ///
    /// # Errors
    ///
    /// Errors of the database; the buffer is then lost, and the restore starts over from the stored
    /// offset.
    pub fn apply(
        &mut self,
        database: &dyn Database,
        store: StoreId,
        changelog: &str,
        next_offset: i64,
    ) -> Result<usize> {
        if let Some(segments) = self.format.versions() {
            return self.apply_versions(segments, database, store, (changelog, next_offset));
        }
        let (format, oldest) = (self.format, self.oldest());
        let has_times = format.segments().is_some() || self.counts_timestamps;
        let mut taken = std::mem::take(&mut self.rows);
        let is_large = taken.bytes() >= LOAD_BYTES;
        let rows = taken.sorted();
        // A tombstone may be of a row that an earlier buffer wrote.
        let rows = rows.filter(|(key, value)| {
            value.is_none() || format.time_of(key).is_none_or(|time| time >= oldest)
        });
        // Rows of a file may be on disk before all that was written earlier. Without an offset they are known to be of
        // an interrupted load; behind one they do no harm, unless stream time is to be on disk before them.
        let is_new = database.offset(changelog)?.is_none() && is_empty(database, store)?;
        let to = Target { database, store, format };
        let mut batch = WriteBatch::new();
        let written = if is_new {
            to.load(rows.filter(|(_, value)| value.is_some()))?
        } else if is_large && !has_times {
            to.load(rows)?
        } else {
            to.write(rows, &mut batch)?
        };
        batch.set_offset(changelog, next_offset);
        database.write(batch)?;
        Ok(written)
    }

    /// The same for versions, which go among those that are there.
    fn apply_versions(
        &mut self,
        segments: Segments,
        database: &dyn Database,
        store: StoreId,
        (changelog, next_offset): (&str, i64),
    ) -> Result<usize> {
        let mut taken = std::mem::take(&mut self.rows);
        let written = taken.len();
        let newest = self.applied_start.unwrap_or(-1);
        let times = (newest, self.max_window_start().unwrap_or(-1));
        let mut versions = Versions::new(database, store, segments, times);
        let mut batch = WriteBatch::new();
        // Their keys are in order of time.
        for (local_key, row) in taken.sorted() {
            let parsed = parse_versioned_key(local_key);
            let Some((key, Some(span))) = parsed else { continue };
            let value = row.and_then(split_version).and_then(|(_, value)| value);
            versions.put(key, span.from, value)?;
            if versions.bytes() >= BATCH_BYTES {
                versions.drain(&mut batch);
                database.write(std::mem::take(&mut batch))?;
            }
        }
        versions.drain(&mut batch);
        versions.expire(&mut batch);
        batch.set_offset(changelog, next_offset);
        database.write(batch)?;
        self.applied_start = self.max_start;
        Ok(written)
    }

    /// The number of distinct keys collected.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether no record was collected since the last [`apply`](Self::apply).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// The bytes of memory that the collected rows take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    /// The largest window start (or session end) seen, from which the store's own stream time is
    /// rebuilt.
    #[must_use]
    pub fn max_window_start(&self) -> Option<i64> {
        self.max_start.map(|start| start.min(self.latest_time))
    }

    /// The largest window start seen, whatever is processed once more.
    #[must_use]
    pub fn seen_start(&self) -> Option<i64> {
        self.max_start
    }

    /// The largest sequence number seen of a window, from which a store that retains duplicates
    /// goes on.
    #[must_use]
    pub fn max_seqnum(&self) -> i32 {
        self.max_seqnum
    }

    /// Forgets what was collected.
    pub fn clear(&mut self) {
        self.rows = Buffer::default();
    }

    /// The first window start that is still kept.
    fn oldest(&self) -> i64 {
        match (self.format.segments(), self.max_window_start()) {
            (Some(segments), Some(max_start)) => max_start.saturating_sub(segments.retention_ms),
            _ => i64::MIN,
        }
    }
}

/// A store that rows of its changelog are written to.
struct Target<'d> {
    database: &'d dyn Database,
    store: StoreId,
    format: StoreFormat,
}

impl Target<'_> {
    /// Writes rows as a file. Returns their number.
    fn load<'r>(&self, rows: impl Iterator<Item = (&'r [u8], Option<&'r [u8]>)>) -> Result<usize> {
        let mut written = 0;
        let mut rows = rows.inspect(|_| written += 1);
        if self.format.segments().is_none_or(|segments| !segments.by_time) {
            self.database.ingest(self.store, &mut rows)?;
            return Ok(written);
        }
        let rows: Vec<_> = rows.collect();
        let mut entries: Vec<Vec<u8>> = Vec::new();
        for (key, _) in &rows {
            let mut entry = Vec::new();
            if self.format.time_entry(key, &mut entry) {
                entries.push(entry);
            }
        }
        // They lie behind all rows.
        entries.sort_unstable();
        let entries = entries.iter().map(|entry| (&**entry, Some(&[][..])));
        self.database.ingest(self.store, &mut rows.into_iter().chain(entries))?;
        Ok(written)
    }

    /// Writes rows a batch at a time, the last of them to `batch`. Those that come before their offset are written again
    /// after a crash, to the same values. Returns their number.
    fn write<'r>(
        &self,
        rows: impl Iterator<Item = (&'r [u8], Option<&'r [u8]>)>,
        batch: &mut WriteBatch,
    ) -> Result<usize> {
        let (store, mut written, mut entry) = (self.store, 0, Vec::new());
        for (key, value) in rows {
            entry.clear();
            let indexed = self.format.time_entry(key, &mut entry);
            if let Some(value) = value {
                batch.put(store, key, value);
                if indexed {
                    batch.put(store, &entry, &[]);
                }
            } else {
                batch.delete(store, key);
                if indexed {
                    batch.delete(store, &entry);
                }
            }
            written += 1;
            if batch.bytes() + batch.len() * OPERATION_BYTES >= BATCH_BYTES {
                self.database.write(std::mem::take(batch))?;
            }
        }
        Ok(written)
    }
}

fn is_empty(database: &dyn Database, store: StoreId) -> Result<bool> {
    let mut rows = database.range(store, Bound::Unbounded, Bound::Unbounded, Direction::Forward)?;
    Ok(rows.next().transpose()?.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_schema::{
        local_window_key, parse_time_entry, write_session_key, write_window_key,
    };
    use crate::{Entry, MemoryDatabase};

    const STORE: StoreId = StoreId(0);

    fn rows(database: &MemoryDatabase) -> Vec<Entry> {
        let all = database.range(STORE, Bound::Unbounded, Bound::Unbounded, Direction::Forward);
        all.unwrap().collect::<Result<_>>().unwrap()
    }

    fn window(retention_ms: i64, interval_ms: i64) -> StoreFormat {
        StoreFormat::Window(Segments { retention_ms, interval_ms, by_time: false })
    }

    fn row(key: &[u8], value: &[u8]) -> Entry {
        (key.to_vec(), value.to_vec())
    }

    #[test]
    fn windows_are_live_by_the_time_up_to_which_records_are_processed() {
        let format = window(10, 5);
        let database = MemoryDatabase::new(1);
        let mut restorer = Restorer::new(format).with_latest_time(25);
        for start in [5, 20, 30, 90] {
            let mut key = Vec::new();
            write_window_key(&mut key, b"k", start, 0);
            restorer.push(&key, Some(b"v"), start).unwrap();
        }
        assert_eq!(restorer.max_window_start(), Some(25));
        assert_eq!(restorer.apply(&database, STORE, "changelog", 4).unwrap(), 3);
    }

    #[test]
    fn the_last_value_of_a_key_wins_and_the_offset_goes_along() {
        let database = MemoryDatabase::new(1);
        let mut restorer = Restorer::new(StoreFormat::KeyValue);
        restorer.push(b"b", Some(b"1"), 0).unwrap();
        restorer.push(b"a", Some(b"2"), 0).unwrap();
        restorer.push(b"b", Some(b"33"), 0).unwrap();
        restorer.push(b"c", Some(b"4"), 0).unwrap();
        restorer.push(b"c", None, 0).unwrap();
        assert_eq!(restorer.len(), 3);
        assert!(restorer.bytes() > 6);
        assert_eq!(restorer.apply(&database, STORE, "changelog", 5).unwrap(), 2);
        assert_eq!(rows(&database), [row(b"a", b"2"), row(b"b", b"33")]);
        assert_eq!(database.offset("changelog").unwrap(), Some(5));
        assert!(restorer.is_empty());
        assert_eq!(restorer.bytes(), 0);
    }

    #[test]
    fn a_later_buffer_overwrites_and_deletes_what_an_earlier_one_wrote() {
        let database = MemoryDatabase::new(1);
        let mut restorer = Restorer::new(StoreFormat::TimestampedKeyValue);
        restorer.push(b"a", Some(b"1"), 1).unwrap();
        restorer.push(b"b", Some(b"1"), 1).unwrap();
        restorer.apply(&database, STORE, "changelog", 2).unwrap();
        restorer.push(b"a", None, 2).unwrap();
        restorer.push(b"b", Some(b"2"), 2).unwrap();
        restorer.apply(&database, STORE, "changelog", 4).unwrap();
        assert_eq!(rows(&database), [row(b"b", b"\0\0\0\0\0\0\0\x022")]);
        assert_eq!(database.offset("changelog").unwrap(), Some(4));
    }

    #[test]
    fn an_empty_buffer_still_moves_the_offset() {
        let database = MemoryDatabase::new(1);
        Restorer::new(StoreFormat::KeyValue).apply(&database, STORE, "changelog", 9).unwrap();
        assert_eq!(database.offset("changelog").unwrap(), Some(9));
    }

    #[test]
    fn windows_older_than_the_retention_are_left_out() {
        let format = window(1_000, 500);
        let database = MemoryDatabase::new(1);
        let mut restorer = Restorer::new(format);
        for start in [0, 999, 1_000, 2_000] {
            let mut key = Vec::new();
            write_window_key(&mut key, b"k", start, 0);
            restorer.push(&key, Some(b"v"), start).unwrap();
        }
        restorer.apply(&database, STORE, "changelog", 4).unwrap();
        let local = |start| {
            let mut key = Vec::new();
            local_window_key(&mut key, 500, b"k", start, 0);
            (key, b"v".to_vec())
        };
        assert_eq!(rows(&database), [local(1_000), local(2_000)]);
        assert_eq!(restorer.max_window_start(), Some(2_000));
    }

    #[test]
    fn entries_of_an_index_by_time_come_and_go_with_their_rows() {
        let segments = Segments { retention_ms: 100, interval_ms: 10, by_time: true };
        let format = StoreFormat::Session(segments);
        let database = MemoryDatabase::new(1);
        let mut restorer = Restorer::new(format);
        let key = |end| {
            let mut key = Vec::new();
            write_session_key(&mut key, b"k", end, 0);
            key
        };
        for (offset, ends) in (0..).zip([[30, 9], [20, 40]]) {
            for end in ends {
                restorer.push(&key(end), Some(b"v"), end).unwrap();
            }
            restorer.apply(&database, STORE, "changelog", offset).unwrap();
        }
        restorer.push(&key(30), None, 50).unwrap();
        restorer.apply(&database, STORE, "changelog", 5).unwrap();
        let rows = rows(&database);
        let entries: Vec<_> = rows.iter().filter_map(|row| parse_time_entry(&row.0)).collect();
        assert_eq!(entries, [(9, &*key(9)), (20, &*key(20)), (40, &*key(40))]);
        assert_eq!(rows.len(), 6);
    }

    #[test]
    fn versions_go_among_those_that_are_there_unless_the_store_did_not_put_them() {
        let segments = Segments { retention_ms: 100, interval_ms: 50, by_time: false };
        let database = MemoryDatabase::new(1);
        let mut restorer = Restorer::new(StoreFormat::Versioned(segments));
        let buffers = [
            [(b"a", Some(b"1"), 10), (b"a", Some(b"2"), 20)],
            [(b"a", Some(b"3"), 15), (b"b", Some(b"4"), 120)],
            [(b"a", Some(b"5"), 19), (b"a", None, 130)],
        ];
        for (offset, buffer) in (0..).zip(buffers) {
            for (key, value, time) in buffer {
                restorer.push(key, value.map(|value| &value[..]), time).unwrap();
            }
            restorer.apply(&database, STORE, "changelog", offset).unwrap();
        }
        let rows = rows(&database);
        let rows = rows.iter().map(|(key, row)| {
            let (key, span) = parse_versioned_key(key).unwrap();
            let (from, value) = split_version(row).unwrap();
            (key, span.map(|span| (span.from, span.to)), from, value)
        });
        let a = &b"a"[..];
        let expected = [
            (&b"b"[..], None, 120, Some(&b"4"[..])),
            (a, Some((10, 15)), 10, Some(b"1")),
            (a, Some((15, 20)), 15, Some(b"3")),
            (a, Some((20, 130)), 20, Some(b"2")),
            (a, Some((130, 130)), 130, None),
        ];
        assert_eq!(rows.collect::<Vec<_>>(), expected);
        assert_eq!(restorer.max_window_start(), Some(130));
    }

    #[test]
    fn a_record_that_is_no_window_is_refused() {
        let format = window(1_000, 500);
        let error = Restorer::new(format).push(b"short", Some(b"v"), 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}
