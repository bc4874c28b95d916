//! The expected behaviour of a store: an ordered map, and its copy at the last commit.

use std::collections::{BTreeMap, BTreeSet};

/// An update that a cache owes downstream: key, new value, value at the last commit, and the
/// timestamp of the record that wrote last.
pub(super) type Owed<K, V> = (K, Option<V>, Option<V>, i64);

/// Rows now and at the last commit, and the keys written since, in the order of their last writes.
#[derive(Debug)]
pub(super) struct Model<K, V> {
    pub(super) live: BTreeMap<K, V>,
    committed: BTreeMap<K, V>,
    written: Vec<(K, i64)>,
}

impl<K: Ord + Clone, V: Clone> Model<K, V> {
    pub(super) fn new() -> Self {
        Self { live: BTreeMap::new(), committed: BTreeMap::new(), written: Vec::new() }
    }

    pub(super) fn write(&mut self, key: K, value: Option<V>, timestamp: i64) {
        self.written.retain(|(written, _)| *written != key);
        self.written.push((key.clone(), timestamp));
        match value {
            Some(value) => self.live.insert(key, value),
            None => self.live.remove(&key),
        };
    }

    /// The updates since the last commit. The deletion of a key that was not there at that commit
    /// does not count.
    pub(super) fn owed(&self) -> Vec<Owed<K, V>> {
        let owed = self.written.iter().map(|(key, timestamp)| {
            let (new, old) = (self.live.get(key).cloned(), self.committed.get(key).cloned());
            (key.clone(), new, old, *timestamp)
        });
        owed.filter(|(_, new, old, _)| new.is_some() || old.is_some()).collect()
    }

    /// Like [`owed`](Self::owed), for rows that expire, which are reported to `expiry` in this
    /// order. The value of a row that has expired by then is no longer known.
    pub(super) fn owed_of_rows_that_expire(
        &self,
        expiry: &mut Expiry<K>,
        time_of: impl Fn(&K) -> i64,
    ) -> Vec<Owed<K, V>> {
        let mut owed = Vec::new();
        for (key, timestamp) in &self.written {
            let time = time_of(key);
            let old = self.committed.get(key).filter(|_| expiry.is_stored(time)).cloned();
            let new = self.live.get(key).cloned();
            if new.is_some() || old.is_some() {
                expiry.store(time);
                owed.push((key.clone(), new, old, *timestamp));
            }
        }
        owed
    }

    /// The number of keys written since the last commit.
    pub(super) fn written(&self) -> usize {
        self.written.len()
    }

    pub(super) fn commit(&mut self) {
        self.committed.clone_from(&self.live);
        self.written.clear();
    }

    pub(super) fn abort(&mut self) {
        self.live.clone_from(&self.committed);
        self.written.clear();
    }
}

/// Decides which rows of a store can be read and written: those that have not expired by the stream
/// time of the store, and those in a cache.
#[derive(Debug)]
pub(super) struct Expiry<K> {
    pub(super) retention_ms: i64,
    pub(super) segment_interval_ms: i64,
    pub(super) persistent: bool,
    pub(super) caching: bool,
    stored_time: i64,
    cached: BTreeSet<K>,
    /// Rows that had expired when they were written.
    pub(super) dropped: u64,
}

impl<K: Ord> Expiry<K> {
    pub(super) fn new(retention_ms: i64, segment_interval_ms: i64) -> Self {
        Self {
            retention_ms,
            segment_interval_ms,
            persistent: true,
            caching: false,
            stored_time: -1,
            cached: BTreeSet::new(),
            dropped: 0,
        }
    }

    fn is_stored(&self, time: i64) -> bool {
        time > self.stored_time - self.retention_ms
    }

    /// Gives a row to the store behind a cache.
    fn store(&mut self, time: i64) {
        self.stored_time = self.stored_time.max(time);
        if !self.has_room(time) {
            self.dropped += 1;
        }
    }

    fn has_room(&self, time: i64) -> bool {
        let first_live = (self.stored_time - self.retention_ms).max(0) / self.segment_interval_ms;
        if self.persistent {
            time / self.segment_interval_ms >= first_live
        } else {
            self.is_stored(time)
        }
    }

    pub(super) fn can_be_read(&self, row: &K, time: i64) -> bool {
        self.is_stored(time) || self.cached.contains(row)
    }

    /// Puts a row. Returns whether it is accepted.
    pub(super) fn put(&mut self, row: K, time: i64) -> bool {
        if self.caching {
            self.cached.insert(row);
            return true;
        }
        let dropped = self.dropped;
        self.store(time);
        self.dropped == dropped
    }

    /// Removes a row. Returns whether that is accepted.
    pub(super) fn remove(&mut self, row: K, time: i64) -> bool {
        if self.caching {
            self.cached.insert(row);
        }
        self.caching || self.has_room(time)
    }

    /// Notes that the store was reopened, at this stream time.
    pub(super) fn reopened(&mut self, time: i64) {
        self.stored_time = time;
        self.cached.clear();
        self.dropped = 0;
    }
}
