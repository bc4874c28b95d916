//! What a store must behave like: an ordered map, and its copy at the last commit.

use std::collections::BTreeMap;

/// An update that a cache owes downstream: key, new value, value at the last commit, and the timestamp of
/// the record that wrote last.
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

    /// The updates since the last commit. A deletion of a key that was not there then is none.
    pub(super) fn owed(&self) -> Vec<Owed<K, V>> {
        let owed = self.written.iter().map(|(key, timestamp)| {
            let (new, old) = (self.live.get(key).cloned(), self.committed.get(key).cloned());
            (key.clone(), new, old, *timestamp)
        });
        owed.filter(|(_, new, old, _)| new.is_some() || old.is_some()).collect()
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
