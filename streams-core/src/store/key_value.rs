//! The key-value store.

use std::{
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use state_store::Direction;

use super::{
    ChangelogWriter, RecordContext, StateStore, StoreContext, StoreSpec, StoreUsage,
    ValueAndTimestamp, ValueCodec, ValueTimestampHeaders, recency::Recency, rows::Rows,
    segmented::stream_time_entry, ttl::Ttl,
};
use crate::{Error, Result, serde::SerdeRef};

/// A key-value store whose values carry the timestamp of their record; used by tables.
pub type TimestampedKeyValueStore<K, V> = KeyValueStore<K, ValueAndTimestamp<V>>;

/// A key-value store whose values carry the timestamp and the headers of their record. Java's
/// `TimestampedKeyValueStoreWithHeaders` (KIP-1271).
pub type HeadersKeyValueStore<K, V> = KeyValueStore<K, ValueTimestampHeaders<V>>;

/// An update that a cached store held back until the commit.
#[derive(Clone, Debug)]
pub struct PendingChange<K, V> {
    /// The key.
    pub key: K,
    /// Its value now; `None` if it was deleted.
    pub new: Option<V>,
    /// Its value as downstream last saw it, if requested.
    pub old: Option<V>,
    /// The record that last wrote the key.
    pub context: RecordContext,
}

/// One value by key. Java's `KeyValueStore`.
///
/// Ranges are in the order of the serialised keys, bounds included. Changed rows are written to the
/// database and the changelog at the commit, each once.
pub struct KeyValueStore<K, V> {
    rows: Rows<K, V>,
    /// Limit on the number of rows, and the order in which they were last used.
    most: Option<(usize, Recency)>,
    /// Expiry of its rows, if they expire.
    ttl: Option<Ttl<V>>,
}

impl<K, V: Clone> KeyValueStore<K, V> {
    pub(super) fn new(
        spec: &StoreSpec,
        key_serde: SerdeRef<K>,
        codec: Arc<dyn ValueCodec<V>>,
    ) -> Self {
        let most = spec.max_entries.map(|most| (most, Recency::default()));
        let rows = Rows::new(spec.name.clone(), key_serde, codec);
        let rows = rows.logging_headers(spec.logged_headers);
        Self { rows, most, ttl: None }
    }

    /// Lets rows expire by their timestamps, if the store is described so.
    pub(super) fn with_timestamps(self, spec: &StoreSpec, timestamp: fn(&V) -> i64) -> Self {
        Self { ttl: spec.ttl_ms.map(|ttl_ms| Ttl::new(ttl_ms, timestamp)), ..self }
    }

    fn advance(&mut self, value: Option<&V>) {
        if let (Some(ttl), Some(value)) = (&mut self.ttl, value) {
            ttl.advance(value);
        }
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.rows.name
    }

    /// Returns whether updates are held back until the commit: then a processor forwards the
    /// changes from [`next_pending`](Self::next_pending) instead of each update.
    pub fn caching(&self) -> bool {
        self.rows.caching()
    }

    /// Stream time of a store whose [rows expire](super::StoreBuilder::with_ttl): the greatest
    /// timestamp that was put, -1 before the first. `None` if they don't.
    pub fn observed_stream_time(&self) -> Option<i64> {
        self.ttl.as_ref().map(Ttl::stream_time)
    }

    /// The value of a key.
    ///
    /// # Errors
    /// `Serialization` if the key can't be written, `State` or `Deserialization` if the row can't
    /// be read.
    pub fn get(&mut self, key: &K) -> Result<Option<&V>> {
        self.look_up(key, false)
    }

    fn look_up(&mut self, key: &K, follow: bool) -> Result<Option<&V>> {
        let mut row = self.rows.at(key)?;
        if follow {
            row.follow();
        }
        if let Some((_, recency)) = &mut self.most
            && row.read(|value| Ok::<_, Error>(value.is_some()))?
        {
            recency.touch(row.key());
        }
        let ttl = self.ttl.as_ref();
        Ok(row.get()?.filter(|value| ttl.is_none_or(|ttl| !ttl.is_expired(value))))
    }

    /// The value of a key, like [`get`](Self::get), for an operator that keeps a result derived
    /// from it. If a cache holds the value back, [`next_pending`](Self::next_pending) then returns
    /// its deletion, too.
    ///
    /// # Errors
    /// The errors of [`get`](Self::get).
    pub fn get_followed(&mut self, key: &K) -> Result<Option<&V>> {
        self.look_up(key, true)
    }

    /// The current value of a key, even if another instance of the store writes to the same
    /// database.
    pub(super) fn get_uncached(&mut self, key: &K) -> Result<Option<V>> {
        let value = self.rows.at(key)?.get_uncached()?;
        Ok(value.filter(|value| self.ttl.as_ref().is_none_or(|ttl| !ttl.is_expired(value))))
    }

    /// Sets or, with `None`, deletes the value of a key.
    ///
    /// # Errors
    /// `Serialization` if the key can't be written.
    pub fn put(&mut self, key: &K, value: Option<V>) -> Result {
        self.advance(value.as_ref());
        let row = self.rows.at(key)?;
        if self.most.is_some() {
            let key = row.key().to_vec();
            self.write_limited(&key, value);
        } else {
            row.write(value);
        }
        Ok(())
    }

    /// Writes a row of a store with a limited number of rows, and first deletes the least recently
    /// used one if there would be too many.
    fn write_limited(&mut self, key: &[u8], value: Option<V>) {
        if let Some((most, recency)) = &mut self.most {
            if value.is_some() {
                recency.touch(key);
            } else {
                recency.forget(key);
            }
            while let Some(evicted) = recency.take_beyond(*most) {
                self.rows.at_row(&evicted).write(None);
            }
        }
        self.rows.at_row(key).write(value);
    }

    /// Replaces the value of a key by the first part of the result of `update`, and returns the
    /// second. The key is serialised once for both the read and the write.
    ///
    /// # Errors
    /// The errors of [`get`](Self::get), and of `update`: then nothing changes.
    pub fn update<R, E: From<Error>>(
        &mut self,
        key: &K,
        update: impl FnOnce(Option<&V>) -> Result<(Option<V>, R), E>,
    ) -> Result<R, E> {
        let mut row = self.rows.at(key)?;
        let ttl = self.ttl.as_ref();
        let (value, result) = row
            .read(|old| update(old.filter(|value| ttl.is_none_or(|ttl| !ttl.is_expired(value)))))?;
        if let (Some(ttl), Some(value)) = (&mut self.ttl, &value) {
            ttl.advance(value);
        }
        if self.most.is_some() {
            let key = row.key().to_vec();
            self.write_limited(&key, value);
        } else {
            row.write(value);
        }
        Ok(result)
    }

    /// Sets the value of a key that has none; otherwise returns its value.
    ///
    /// # Errors
    /// The errors of [`get`](Self::get).
    pub fn put_if_absent(&mut self, key: &K, value: V) -> Result<Option<V>> {
        let old = self.get(key)?.cloned();
        if old.is_none() {
            self.put(key, Some(value))?;
        }
        Ok(old)
    }

    /// Deletes a key and returns its previous value.
    ///
    /// # Errors
    /// The errors of [`get`](Self::get).
    pub fn delete(&mut self, key: &K) -> Result<Option<V>> {
        self.update(key, |old| Ok((None, old.cloned())))
    }

    /// All rows, in the order of the serialised keys.
    ///
    /// # Errors
    /// The errors of [`range`](Self::range).
    pub fn all(
        &mut self,
        direction: Direction,
    ) -> Result<impl Iterator<Item = Result<(K, V)>> + use<'_, K, V>> {
        self.between(&Bound::Unbounded, &Bound::Unbounded, direction)
    }

    /// The rows from `from` to `to`, both included; `None` is unbounded.
    ///
    /// # Errors
    /// `Serialization` if a bound can't be written, `State` if the database fails. Rows that can't
    /// be read are errors of the iterator.
    pub fn range(
        &mut self,
        from: Option<&K>,
        to: Option<&K>,
        direction: Direction,
    ) -> Result<impl Iterator<Item = Result<(K, V)>> + use<'_, K, V>> {
        let from = self.bound(from)?;
        let to = self.bound(to)?;
        self.between(&from, &to, direction)
    }

    /// The rows whose serialised key begins with `prefix`.
    ///
    /// # Errors
    /// The errors of [`range`](Self::range).
    pub fn prefix_scan(
        &mut self,
        prefix: &[u8],
    ) -> Result<impl Iterator<Item = Result<(K, V)>> + use<'_, K, V>> {
        let to = match successor(prefix) {
            Some(end) => Bound::Excluded(end),
            None => Bound::Unbounded,
        };
        self.between(&Bound::Included(prefix.to_vec()), &to, Direction::Forward)
    }

    fn bound(&self, key: Option<&K>) -> Result<Bound<Vec<u8>>> {
        let Some(key) = key else { return Ok(Bound::Unbounded) };
        let mut bytes = Vec::new();
        self.rows.serialize_key(key, &mut bytes)?;
        Ok(Bound::Included(bytes))
    }

    /// Given bounds in the wrong order, Java logs a warning and returns nothing; this returns
    /// nothing, without the warning.
    fn between<'s>(
        &'s mut self,
        from: &Bound<Vec<u8>>,
        to: &Bound<Vec<u8>>,
        direction: Direction,
    ) -> Result<impl Iterator<Item = Result<(K, V)>> + use<'s, K, V>> {
        let (from, to) = (as_slice(from), as_slice(to));
        match (from, to) {
            // From a key up to the same key, exclusive: empty, and valid for every engine.
            (Bound::Included(first), Bound::Included(last) | Bound::Excluded(last))
                if first > last =>
            {
                self.decoded(Bound::Included(last), Bound::Excluded(last), direction)
            }
            _ => self.decoded(from, to, direction),
        }
    }

    fn decoded<'s>(
        &'s mut self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        direction: Direction,
    ) -> Result<impl Iterator<Item = Result<(K, V)>> + use<'s, K, V>> {
        let keys = self.rows.keys();
        let ttl = self.ttl.as_ref();
        let rows = self.rows.range(from, to, direction)?.filter(move |row| {
            let Some(ttl) = ttl else { return true };
            !row.as_ref().is_ok_and(|(_, value)| ttl.is_expired(value))
        });
        Ok(rows.map(move |row| row.and_then(|(key, value)| Ok((keys.read(&key)?, value)))))
    }

    /// Approximate number of rows at the last commit.
    ///
    /// # Errors
    /// `State` if the database fails.
    pub fn approximate_num_entries(&self) -> Result<u64> {
        let context = self.rows.context()?;
        Ok(context.database.approximate_entries(context.id)?)
    }

    /// The next update that the cache held back, in the order of the last writes; `old` is read
    /// only if `send_old` asks for it. A deletion of a key that downstream never saw, and nobody
    /// [followed](Self::get_followed), is skipped.
    ///
    /// # Errors
    /// `State` or `Deserialization` if the row or key can't be read.
    pub fn next_pending(&mut self, send_old: bool) -> Result<Option<PendingChange<K, V>>> {
        let Some(row) = self.rows.next_pending(send_old, |_| true)? else { return Ok(None) };
        let key = self.rows.keys().read(&row.key)?;
        let ttl = self.ttl.as_ref();
        let old = row.old.filter(|old| ttl.is_none_or(|ttl| !ttl.is_expired(old)));
        Ok(Some(PendingChange { key, new: row.new, old, context: row.context }))
    }
}

impl<K: 'static, V: Clone + Send + 'static> StateStore for KeyValueStore<K, V> {
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn open(&mut self, context: StoreContext) -> Result {
        if let Some(ttl) = &mut self.ttl {
            let known = context.database.offset(&stream_time_entry(&self.rows.name))?;
            ttl.begin(known.unwrap_or(-1));
        }
        let Some((_, recency)) = &mut self.most else {
            self.rows.open(context);
            return Ok(());
        };
        let all = (Bound::Unbounded, Bound::Unbounded);
        context.database.scan(context.id, all, Direction::Forward, &mut |key, _| {
            recency.touch(key);
            ControlFlow::Continue(())
        })?;
        // Rows that it deletes itself must not be seen downstream.
        self.rows.open(StoreContext { caching: false, ..context });
        Ok(())
    }

    fn set_record_context(&mut self, context: &RecordContext) {
        self.rows.set_record_context(context);
    }

    fn is_dirty(&self) -> bool {
        self.rows.is_dirty()
    }

    fn has_pending(&self) -> bool {
        self.rows.has_pending()
    }

    fn stage(&mut self, writer: &mut ChangelogWriter<'_>) -> Result {
        if let Some(ttl) = &mut self.ttl {
            ttl.sweep(&mut self.rows)?;
            let entry = stream_time_entry(&self.rows.name);
            writer.batch.set_mark(&entry, ttl.stream_time());
        }
        self.rows.stage(writer, |key| Some(key))
    }

    fn log_again(
        &mut self,
        key: &[u8],
        timestamp: i64,
        writer: &mut ChangelogWriter<'_>,
    ) -> Result {
        self.rows.log_again(key, key, timestamp, writer)
    }

    fn check(&self, key: &[u8], value: &[u8]) -> Result {
        self.rows.check(key, value)
    }

    fn usage(&self) -> StoreUsage {
        self.rows.usage()
    }

    fn committed(&mut self) {
        self.rows.committed();
    }

    fn begin_attempt(&mut self) {
        self.rows.begin_attempt();
        if let Some((_, recency)) = &mut self.most {
            recency.begin_attempt();
        }
        if let Some(ttl) = &mut self.ttl {
            ttl.begin_attempt();
        }
    }

    fn can_undo(&self) -> bool {
        true
    }

    fn undo_attempt(&mut self) {
        self.rows.undo_attempt();
        if let Some((_, recency)) = &mut self.most {
            recency.undo_attempt();
        }
        if let Some(ttl) = &mut self.ttl {
            ttl.undo_attempt();
        }
    }

    fn end_attempt(&mut self) {
        self.rows.end_attempt();
        if let Some((_, recency)) = &mut self.most {
            recency.end_attempt();
        }
    }
}

impl<K, V> std::fmt::Debug for KeyValueStore<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyValueStore({})", self.rows.name)
    }
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(key) => Bound::Included(key),
        Bound::Excluded(key) => Bound::Excluded(key),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// The least key that is greater than all keys with this prefix.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}
