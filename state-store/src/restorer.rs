//! Restores a store from its changelog in bulk.
//!
//! Of all records of a key in a buffer only the last is written. An empty store is loaded with
//! sorted files instead of single writes. The offset goes with the rows, so that a crash continues
//! where the last buffer ended.

use std::ops::Bound;

use hashbrown::HashMap;

use crate::key_schema::parse_local_window_key;
use crate::{Database, Direction, Result, StoreFormat, StoreId, WriteBatch};

/// Collects records of one store's changelog and applies them to the database a buffer at a time.
///
/// The caller bounds the memory: it applies when [`bytes`](Self::bytes) has grown enough.
#[derive(Debug)]
pub struct Restorer {
    format: StoreFormat,
    rows: HashMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
    max_start: Option<i64>,
    latest_time: i64,
    local_key: Vec<u8>,
    local_value: Vec<u8>,
}

impl Restorer {
    /// A restorer of a store with rows of a format.
    #[must_use]
    pub fn new(format: StoreFormat) -> Self {
        Self {
            format,
            rows: HashMap::new(),
            bytes: 0,
            max_start: None,
            latest_time: i64::MAX,
            local_key: Vec::new(),
            local_value: Vec::new(),
        }
    }

    /// Counts windows that start later than this as if they started then: they come from records that will be
    /// processed once more, so that earlier windows are still needed.
    #[must_use]
    pub fn with_latest_time(mut self, time: i64) -> Self {
        self.latest_time = time;
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
        let put = self.format.from_changelog(
            key,
            value,
            timestamp,
            &mut self.local_key,
            &mut self.local_value,
        )?;
        if let Some(start) = self.start(&self.local_key) {
            self.max_start = self.max_start.max(Some(start));
        }
        let row = put.then(|| self.local_value.clone());
        let added = row.as_ref().map_or(0, Vec::len);
        if let Some(known) = self.rows.get_mut(&self.local_key) {
            self.bytes -= known.as_ref().map_or(0, Vec::len);
            *known = row;
        } else {
            self.bytes += self.local_key.len();
            self.rows.insert(self.local_key.clone(), row);
        }
        self.bytes += added;
        Ok(())
    }

    /// Writes what was collected, with the offset of the changelog to continue from, and empties
    /// the buffer.
    ///
    /// Rows of windows that started longer ago than the retention are left out. Returns the number
    /// of rows written or deleted.
    ///
    /// # Errors
    ///
    /// Those of the database; the buffer is then lost, and the restore starts over from the stored
    /// offset.
    pub fn apply(
        &mut self,
        database: &dyn Database,
        store: StoreId,
        changelog: &str,
        next_offset: i64,
    ) -> Result<usize> {
        let mut rows = self.take_live_rows();
        rows.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        let mut batch = WriteBatch::new();
        batch.set_offset(changelog, next_offset);
        let written;
        // Loaded rows may be on disk before their offset; so only a store that has none yet may be loaded, and rows
        // without an offset are known to be an interrupted load.
        if database.offset(changelog)?.is_none() && is_empty(database, store)? {
            let puts: Vec<_> =
                rows.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
            written = puts.len();
            if !puts.is_empty() {
                database.ingest(store, puts)?;
            }
        } else {
            written = rows.len();
            for (key, value) in rows {
                match value {
                    Some(value) => batch.put(store, &key, &value),
                    None => batch.delete(store, &key),
                }
            }
        }
        database.write(batch)?;
        Ok(written)
    }

    /// The number of distinct keys collected.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing was collected since the last [`apply`](Self::apply).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The bytes of keys and values collected.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The largest window start seen, from which the store's own stream time is rebuilt.
    #[must_use]
    pub fn max_window_start(&self) -> Option<i64> {
        self.max_start.map(|start| start.min(self.latest_time))
    }

    fn start(&self, local_key: &[u8]) -> Option<i64> {
        self.format.window()?;
        parse_local_window_key(local_key).map(|(_, start, _)| start)
    }

    fn take_live_rows(&mut self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        self.bytes = 0;
        let oldest = match (self.format.window(), self.max_window_start()) {
            (Some((retention_ms, _)), Some(max_start)) => max_start.saturating_sub(retention_ms),
            _ => i64::MIN,
        };
        let rows = std::mem::take(&mut self.rows);
        rows.into_iter()
            .filter(|(key, _)| self.start(key).is_none_or(|start| start >= oldest))
            .collect()
    }
}

fn is_empty(database: &dyn Database, store: StoreId) -> Result<bool> {
    let mut rows = database.range(store, Bound::Unbounded, Bound::Unbounded, Direction::Forward)?;
    Ok(rows.next().transpose()?.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_schema::{local_window_key, write_window_key};
    use crate::{Entry, ErrorKind, MemoryDatabase};

    const STORE: StoreId = StoreId(0);

    fn rows(database: &MemoryDatabase) -> Vec<Entry> {
        let all = database.range(STORE, Bound::Unbounded, Bound::Unbounded, Direction::Forward);
        all.unwrap().collect::<Result<_>>().unwrap()
    }

    fn row(key: &[u8], value: &[u8]) -> Entry {
        (key.to_vec(), value.to_vec())
    }

    #[test]
    fn windows_are_live_by_the_time_up_to_which_records_are_processed() {
        let format = StoreFormat::Window { retention_ms: 10, segment_interval_ms: 5 };
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
        assert_eq!((restorer.len(), restorer.bytes()), (3, 6));
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
        let format = StoreFormat::Window { retention_ms: 1_000, segment_interval_ms: 500 };
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
    fn a_record_that_is_no_window_is_refused() {
        let format = StoreFormat::Window { retention_ms: 1_000, segment_interval_ms: 500 };
        let error = Restorer::new(format).push(b"short", Some(b"v"), 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}
