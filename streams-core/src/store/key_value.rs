//! The key-value store.

use std::{ops::Bound, sync::Arc};

use state_store::{Direction, MemoryBudget, Overlay};

use super::{
    ChangelogWriter, RecordContext, StateStore, StoreContext, ValueAndTimestamp, ValueCodec,
    merge::MergedRows,
};
use crate::{
    Error, ErrorKind, Result,
    serde::{SerdeRef, Written},
};

/// A key-value store whose values carry the timestamp of their record: that of tables.
pub type TimestampedKeyValueStore<K, V> = KeyValueStore<K, ValueAndTimestamp<V>>;

/// An update that a cached store held back until the commit.
#[derive(Clone, Debug)]
pub struct PendingChange<K, V> {
    /// The key.
    pub key: K,
    /// Its value now; `None` if it was deleted.
    pub new: Option<V>,
    /// Its value at the last commit, if it was asked for.
    pub old: Option<V>,
    /// The record that wrote last.
    pub context: RecordContext,
}

/// One value by key. Java's `KeyValueStore`.
///
/// Ranges are in the order of the serialised keys, bounds included. Keys and values that change are
/// written to the database and the changelog at the commit, each once.
pub struct KeyValueStore<K, V> {
    name: Arc<str>,
    key_serde: SerdeRef<K>,
    codec: Arc<dyn ValueCodec<V>>,
    context: Option<StoreContext>,
    overlay: Overlay<V, RecordContext>,
    record: RecordContext,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// Memory of a row beyond its bytes, for the budget: the entry in the table.
const ROW_OVERHEAD: usize = 96;

impl<K, V: Clone> KeyValueStore<K, V> {
    pub(super) fn new(
        name: Arc<str>,
        key_serde: SerdeRef<K>,
        codec: Arc<dyn ValueCodec<V>>,
    ) -> Self {
        Self {
            name,
            key_serde,
            codec,
            context: None,
            overlay: Overlay::new(MemoryBudget::new(0, 0).overlay_account()),
            record: RecordContext::default(),
            key: Vec::new(),
            value: Vec::new(),
        }
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether updates are held back until the commit: then a processor forwards what
    /// [`next_pending`](Self::next_pending) gives it, instead of each update.
    pub fn caching(&self) -> bool {
        self.context.as_ref().is_some_and(|context| context.caching)
    }

    fn context(&self) -> Result<&StoreContext> {
        self.context.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::InvalidState, format!("store `{}` is not open", self.name))
        })
    }

    fn set_key(&mut self, key: &K) -> Result {
        self.key.clear();
        let topic = self.context.as_ref().map_or("", |context| &context.topic);
        match self.key_serde.serialize(topic, key, &mut self.key) {
            Ok(Written::Bytes) => Ok(()),
            Ok(Written::Null) => Err(Error::new(
                ErrorKind::Serialization,
                format!("a null key can't be looked up in store `{}`", self.name),
            )),
            Err(cause) => Err(self.key_failed(cause)),
        }
    }

    #[cold]
    fn key_failed(&self, cause: crate::BoxError) -> Error {
        let text = format!("a key of store `{}` can't be serialised", self.name);
        Error::with_source(ErrorKind::Serialization, text, cause)
    }

    /// The value of a key.
    ///
    /// # Errors
    /// `Serialization` if the key has no bytes, `State` or `Deserialization` if the row can't be read.
    pub fn get(&mut self, key: &K) -> Result<Option<&V>> {
        self.set_key(key)?;
        self.load()?;
        Ok(self.overlay.lookup(&self.key).flatten())
    }

    /// Brings the row of the current key into the overlay, unless it is there.
    fn load(&mut self) -> Result {
        if self.overlay.lookup(&self.key).is_none() {
            let (value, size) = self.read_committed(&self.key)?;
            self.overlay.fill(&self.key, value, size);
        }
        Ok(())
    }

    fn read_committed(&self, key: &[u8]) -> Result<(Option<V>, usize)> {
        let context = self.context()?;
        let bytes = context.database.get(context.id, key)?;
        let size = key.len() + bytes.as_ref().map_or(0, Vec::len) + ROW_OVERHEAD;
        let value = bytes.map(|bytes| decode(&*self.codec, &self.name, &bytes)).transpose()?;
        Ok((value, size))
    }

    /// Sets or, with `None`, deletes the value of a key.
    ///
    /// # Errors
    /// `Serialization` if the key has no bytes.
    pub fn put(&mut self, key: &K, value: Option<V>) -> Result {
        self.set_key(key)?;
        self.write(value);
        Ok(())
    }

    /// Replaces the value of a key by what `update` makes of it, and returns the new value and what
    /// `update` returned beside it. One key serialisation for both the read and the write.
    ///
    /// # Errors
    /// As [`get`](Self::get), or what `update` returns: then nothing changes.
    pub fn update<R, E: From<Error>>(
        &mut self,
        key: &K,
        update: impl FnOnce(Option<&V>) -> Result<(Option<V>, R), E>,
    ) -> Result<R, E> {
        self.set_key(key)?;
        self.load()?;
        let (value, result) = update(self.overlay.lookup(&self.key).flatten())?;
        self.write(value);
        Ok(result)
    }

    fn write(&mut self, value: Option<V>) {
        let pending = self.caching();
        let size = self.key.len() + size_of::<V>() + ROW_OVERHEAD;
        self.overlay.write(&self.key, value, self.record.clone(), size, pending);
    }

    /// Sets the value of a key that has none; returns the value that it has otherwise.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn put_if_absent(&mut self, key: &K, value: V) -> Result<Option<V>> {
        let old = self.get(key)?.cloned();
        if old.is_none() {
            self.write(Some(value));
        }
        Ok(old)
    }

    /// Deletes a key and returns the value that it had.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn delete(&mut self, key: &K) -> Result<Option<V>> {
        self.update(key, |old| Ok((None, old.cloned())))
    }

    /// All rows, in the order of the serialised keys.
    ///
    /// # Errors
    /// As [`range`](Self::range).
    pub fn all(
        &mut self,
        direction: Direction,
    ) -> Result<impl Iterator<Item = Result<(K, V)>> + '_> {
        self.rows(&Bound::Unbounded, &Bound::Unbounded, direction)
    }

    /// The rows from `from` to `to`, both included; `None` is unbounded.
    ///
    /// # Errors
    /// `Serialization` if a bound has no bytes, `State` if the database fails. Rows that can't be
    /// read are errors of the iterator.
    pub fn range(
        &mut self,
        from: Option<&K>,
        to: Option<&K>,
        direction: Direction,
    ) -> Result<impl Iterator<Item = Result<(K, V)>> + '_> {
        let from = self.bound(from)?;
        let to = self.bound(to)?;
        self.rows(&from, &to, direction)
    }

    /// The rows whose serialised key begins with `prefix`.
    ///
    /// # Errors
    /// As [`range`](Self::range).
    pub fn prefix_scan(
        &mut self,
        prefix: &[u8],
    ) -> Result<impl Iterator<Item = Result<(K, V)>> + '_> {
        let to = match successor(prefix) {
            Some(end) => Bound::Excluded(end),
            None => Bound::Unbounded,
        };
        self.rows(&Bound::Included(prefix.to_vec()), &to, Direction::Forward)
    }

    fn bound(&mut self, key: Option<&K>) -> Result<Bound<Vec<u8>>> {
        let Some(key) = key else { return Ok(Bound::Unbounded) };
        self.set_key(key)?;
        Ok(Bound::Included(self.key.clone()))
    }

    fn rows<'s>(
        &'s mut self,
        from: &Bound<Vec<u8>>,
        to: &Bound<Vec<u8>>,
        direction: Direction,
    ) -> Result<impl Iterator<Item = Result<(K, V)>> + use<'s, K, V>> {
        let (from, to) = (as_slice(from), as_slice(to));
        let empty = is_empty_range(from, to);
        let dirty = if empty { vec![] } else { self.overlay.dirty_range(from, to, direction) };
        let context = self.context()?;
        let clean = if empty {
            Box::new(std::iter::empty())
        } else {
            context.database.range(context.id, from, to, direction)?
        };
        let decode = |bytes: &[u8]| decode(&*self.codec, &self.name, bytes);
        let rows = MergedRows::new(dirty, clean, direction, decode);
        Ok(rows.map(|row| {
            let (key, value) = row?;
            Ok((decode_key(&*self.key_serde, &self.name, &key)?, value))
        }))
    }

    /// A number near that of the rows at the last commit.
    ///
    /// # Errors
    /// `State` if the database fails.
    pub fn approximate_num_entries(&self) -> Result<u64> {
        let context = self.context()?;
        Ok(context.database.approximate_entries(context.id)?)
    }

    /// The next update that the cache held back, in the order of the last writes; `old` is read only
    /// if `send_old` asks for it. A deletion of a key that was never there is skipped, and undone.
    ///
    /// # Errors
    /// `State` or `Deserialization` if the row or key can't be read.
    pub fn next_pending(&mut self, send_old: bool) -> Result<Option<PendingChange<K, V>>> {
        while let Some(entry) = self.overlay.next_pending() {
            let need_old = send_old || entry.value.is_none();
            let old = if need_old { self.read_committed(&entry.key)?.0 } else { None };
            if entry.value.is_none() && old.is_none() {
                self.overlay.undo(&entry.key);
                continue;
            }
            let key = decode_key(&*self.key_serde, &self.name, &entry.key)?;
            let old = old.filter(|_| send_old);
            return Ok(Some(PendingChange { key, new: entry.value, old, context: entry.context }));
        }
        Ok(None)
    }
}

impl<K: 'static, V: Clone + Send + 'static> StateStore for KeyValueStore<K, V> {
    fn open(&mut self, context: StoreContext) -> Result {
        self.overlay = Overlay::new(context.budget.overlay_account());
        self.context = Some(context);
        Ok(())
    }

    fn set_record_context(&mut self, context: &RecordContext) {
        self.record.clone_from(context);
    }

    fn is_dirty(&self) -> bool {
        self.overlay.is_dirty()
    }

    fn stage(&mut self, writer: &mut ChangelogWriter<'_>) -> Result {
        let context = self.context.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::InvalidState, format!("store `{}` is not open", self.name))
        })?;
        for (key, value, record) in self.overlay.dirty() {
            self.value.clear();
            let written = match value {
                None => Written::Null,
                Some(value) => {
                    let written = self.codec.write(&context.topic, value, &mut self.value);
                    written.map_err(|cause| {
                        let text = format!("a value of store `{}` can't be serialised", self.name);
                        Error::with_source(ErrorKind::Serialization, text, cause)
                    })?
                }
            };
            if written == Written::Null {
                writer.batch.delete(context.id, key);
                writer.log(key, None, record.timestamp)?;
            } else {
                writer.batch.put(context.id, key, &self.value);
                let (logged, timestamp) = self.codec.changelog(&self.value, record.timestamp);
                writer.log(key, Some(logged), timestamp)?;
            }
        }
        Ok(())
    }

    fn committed(&mut self) {
        self.overlay.committed();
    }
}

impl<K, V> std::fmt::Debug for KeyValueStore<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyValueStore({})", self.name)
    }
}

pub(super) fn decode<V>(codec: &dyn ValueCodec<V>, store: &str, bytes: &[u8]) -> Result<V> {
    codec.read(store, bytes).map_err(|cause| {
        let text = format!("a value of store `{store}` can't be read");
        Error::with_source(ErrorKind::Deserialization, text, cause)
    })
}

pub(super) fn decode_key<K>(
    serde: &dyn crate::serde::Serde<K>,
    store: &str,
    bytes: &[u8],
) -> Result<K> {
    serde.deserialize(store, Some(bytes)).map_err(|cause| {
        let text = format!("a key of store `{store}` can't be read");
        Error::with_source(ErrorKind::Deserialization, text, cause)
    })
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(key) => Bound::Included(key),
        Bound::Excluded(key) => Bound::Excluded(key),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// Whether no key can lie between the bounds. Java warns and returns nothing; so do the engines' callers.
fn is_empty_range(from: Bound<&[u8]>, to: Bound<&[u8]>) -> bool {
    match (from, to) {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from), Bound::Excluded(to)) => from >= to,
        _ => false,
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
