//! Changes of a table, held back until their time has come.
//!
//! The whole buffer is in memory, in the order in which it will be emptied; the database has a copy
//! of the committed changes, in the bytes of Java's changelog, from which the buffer is built when
//! it is opened. Invariant: a change that replaces another of its key keeps its position, so that a
//! key that changes constantly is not held back for ever.

mod codec;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use hashbrown::HashMap;
use state_store::Direction;

pub(super) use self::codec::Row;
use super::{ChangelogWriter, RecordContext, StateStore, StoreContext};
use crate::{
    BoxError, Error, ErrorKind, Headers, RecordMetadata, Result,
    serde::{SerdeRef, Written},
};

/// A change that a buffer held back.
#[derive(Clone, Debug)]
pub struct BufferedChange<K, V> {
    /// The row's key.
    pub key: K,
    /// Its value now; `None` if it was deleted.
    pub new: Option<V>,
    /// Its value before the last change, if requested.
    pub old: Option<V>,
    /// The record that made the last change.
    pub origin: Origin,
}

/// The origin of a buffered change: Java's `ProcessorRecordContext`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its timestamp in milliseconds since the epoch.
    pub timestamp: i64,
    /// The partition and offset at which it was read.
    pub metadata: RecordMetadata,
    /// Its headers; `None` if it has none.
    pub headers: Option<Arc<Headers>>,
}

/// A position in the order of the buffer: time, then the bytes of the key.
type Position = (i64, Arc<[u8]>);

#[derive(Clone, Debug)]
struct Entry<V> {
    /// The value that downstream knows: the one before the first change that is held back.
    prior: Option<V>,
    old: Option<V>,
    new: Option<V>,
    origin: Origin,
    /// Its measured size; 0 in a buffer that is not measured.
    bytes: usize,
}

impl<V> Entry<V> {
    /// The stored form of the change, with the bytes of its values.
    fn row<'a>(&self, time: i64, [prior, old, new]: &'a [Option<Vec<u8>>; 3]) -> Row<'a> {
        Row {
            time,
            origin: self.origin.clone(),
            prior: prior.as_deref(),
            old: old.as_deref(),
            new: new.as_deref(),
        }
    }
}

/// Holds changes back in order of time, one per key. Java's
/// `InMemoryTimeOrderedKeyValueChangeBuffer`.
///
/// Logged to a changelog by default.
pub struct ChangeBuffer<K, V> {
    name: Arc<str>,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
    context: Option<StoreContext>,
    changes: BTreeMap<Position, Entry<V>>,
    times: HashMap<Arc<[u8]>, i64>,
    /// Keys that changed since the last commit.
    dirty: BTreeSet<Arc<[u8]>>,
    /// The latest timestamp written, for tombstones of the changelog.
    timestamp: i64,
    /// Size of all changes, in a buffer that is measured.
    bytes: Option<usize>,
    /// Entries that the current attempt replaced.
    before: Option<Before<V>>,
}

/// The buffer at the beginning of an attempt.
struct Before<V> {
    timestamp: i64,
    bytes: Option<usize>,
    /// Entries added or removed since, in that order.
    changes: Vec<Replaced<V>>,
}

/// The previous entry of a key.
struct Replaced<V> {
    key: Arc<[u8]>,
    entry: Option<(i64, Entry<V>)>,
    was_dirty: bool,
}

impl<K, V> std::fmt::Debug for ChangeBuffer<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ChangeBuffer({}, {} changes)", self.name, self.changes.len())
    }
}

impl<K, V: Clone> ChangeBuffer<K, V> {
    pub(super) fn new(name: Arc<str>, key_serde: SerdeRef<K>, value_serde: SerdeRef<V>) -> Self {
        Self {
            name,
            key_serde,
            value_serde,
            context: None,
            changes: BTreeMap::new(),
            times: HashMap::new(),
            dirty: BTreeSet::new(),
            timestamp: 0,
            bytes: None,
            before: None,
        }
    }

    /// Makes it measure its size in bytes.
    pub(super) fn measured(self) -> Self {
        Self { bytes: Some(0), ..self }
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of changes held back.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Returns whether the buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Size of the changes held back, in bytes as Java counts them: for each change its key, its
    /// values (the one before the first change, the one before the last, unless they are the same,
    /// and the newest), its topic, its headers and 28 for numbers. `None` if the buffer was not
    /// built to be measured.
    pub fn bytes(&self) -> Option<usize> {
        self.bytes
    }

    /// Time of the next change to be released, in milliseconds since the epoch.
    pub fn first_time(&self) -> Option<i64> {
        self.changes.first_key_value().map(|((time, _), _)| *time)
    }

    /// Holds back a change from `old` to `new`. If a change of its key is there already, that one's
    /// time is kept rather than `time`.
    ///
    /// # Errors
    /// `Serialization` if the key can't be written, or if the buffer is measured and a value can't
    /// be.
    pub fn put(
        &mut self,
        time: i64,
        key: &K,
        (old, new): (Option<V>, Option<V>),
        origin: Origin,
    ) -> Result {
        let key: Arc<[u8]> = self.serialize_key(key)?.into();
        self.note(&key);
        self.timestamp = self.timestamp.max(origin.timestamp);
        let time = *self.times.entry(key.clone()).or_insert(time);
        let position = (time, key.clone());
        if let Some(held) = self.changes.get_mut(&position) {
            held.old = old;
            held.new = new;
            held.origin = origin;
        } else {
            let entry = Entry { prior: old.clone(), old, new, origin, bytes: 0 };
            self.changes.insert(position.clone(), entry);
        }
        self.dirty.insert(key);
        self.measure(&position)
    }

    /// Removes and returns the first change.
    ///
    /// # Errors
    /// `Deserialization` if its key can't be read.
    pub fn pop_first(&mut self) -> Result<Option<BufferedChange<K, V>>> {
        if self.before.is_some()
            && let Some(((_, first), _)) = self.changes.first_key_value()
        {
            self.note(&first.clone());
        }
        let Some(((_, bytes), entry)) = self.changes.pop_first() else { return Ok(None) };
        self.times.remove(&bytes);
        self.bytes = self.bytes.map(|all| all.saturating_sub(entry.bytes));
        let key = self.key_serde.deserialize(self.topic(), Some(&bytes));
        let key = key.map_err(|cause| self.failed(ErrorKind::Deserialization, "a key", cause))?;
        self.dirty.insert(bytes);
        let Entry { old, new, origin, .. } = entry;
        Ok(Some(BufferedChange { key, new, old, origin }))
    }

    /// The value of a key that downstream knows, if a change of it is held back: `Some(None)` if
    /// downstream knows it has none.
    ///
    /// # Errors
    /// `Serialization` if the key can't be written.
    pub fn prior_value(&self, key: &K) -> Result<Option<Option<&V>>> {
        let bytes = self.serialize_key(key)?;
        let Some((key, time)) = self.times.get_key_value(bytes.as_slice()) else { return Ok(None) };
        Ok(self.changes.get(&(*time, key.clone())).map(|entry| entry.prior.as_ref()))
    }

    /// Notes the entry of a key that is about to change.
    fn note(&mut self, key: &Arc<[u8]>) {
        let Some(before) = &mut self.before else { return };
        let time = self.times.get(key).copied();
        let entry =
            time.and_then(|time| Some((time, self.changes.get(&(time, key.clone()))?.clone())));
        let was_dirty = self.dirty.contains(key);
        before.changes.push(Replaced { key: key.clone(), entry, was_dirty });
    }

    fn topic(&self) -> &str {
        self.context.as_ref().map_or("", |context| &context.topic)
    }

    fn serialize_key(&self, key: &K) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.key_serde.serialize(self.topic(), key, &mut bytes) {
            Ok(Written::Bytes) => Ok(bytes),
            Ok(Written::Null) => {
                let text = format!("a change without a key can't be held back in `{}`", self.name);
                Err(Error::new(ErrorKind::Serialization, text))
            }
            Err(cause) => Err(self.failed(ErrorKind::Serialization, "a key", cause)),
        }
    }

    fn serialize_value(&self, value: Option<&V>) -> Result<Option<Vec<u8>>> {
        let Some(value) = value else { return Ok(None) };
        let mut bytes = Vec::new();
        let written = self.value_serde.serialize(self.topic(), value, &mut bytes);
        let written =
            written.map_err(|cause| self.failed(ErrorKind::Serialization, "a value", cause))?;
        Ok((written == Written::Bytes).then_some(bytes))
    }

    fn deserialize_value(&self, bytes: Option<&[u8]>) -> Result<Option<V>> {
        let Some(bytes) = bytes else { return Ok(None) };
        let value = self.value_serde.deserialize(self.topic(), Some(bytes));
        value.map(Some).map_err(|cause| self.failed(ErrorKind::Deserialization, "a value", cause))
    }

    fn failed(&self, kind: ErrorKind, what: &str, cause: impl Into<BoxError>) -> Error {
        let done = if kind == ErrorKind::Serialization { "serialised" } else { "read" };
        let text = format!("{what} of buffer `{}` can't be {done}", self.name);
        Error::with_source(kind, text, cause)
    }

    /// Loads a committed row.
    fn load(&mut self, key: Vec<u8>, bytes: &[u8]) -> Result {
        let row = Row::read(bytes)
            .map_err(|cause| self.failed(ErrorKind::Deserialization, "a row", cause))?;
        let entry = Entry {
            prior: self.deserialize_value(row.prior)?,
            old: self.deserialize_value(row.old)?,
            new: self.deserialize_value(row.new)?,
            origin: row.origin,
            bytes: 0,
        };
        let key: Arc<[u8]> = key.into();
        self.times.insert(key.clone(), row.time);
        let position = (row.time, key);
        self.changes.insert(position.clone(), entry);
        self.measure(&position)
    }

    /// Measures the change at `position` again, if the buffer is measured.
    fn measure(&mut self, position: &Position) -> Result {
        let (Some(all), Some(entry)) = (self.bytes, self.changes.get(position)) else {
            return Ok(());
        };
        let (time, key) = position;
        let bytes = entry.row(*time, &self.values(entry)?).size(key.len());
        if let Some(entry) = self.changes.get_mut(position) {
            let others = all.saturating_sub(entry.bytes);
            entry.bytes = bytes;
            self.bytes = Some(others.saturating_add(bytes));
        }
        Ok(())
    }

    /// The row of a change in the buffer, and the timestamp of its record.
    fn row_of(&self, key: &[u8]) -> Result<Option<(Vec<u8>, i64)>> {
        let Some((key, time)) = self.times.get_key_value(key) else { return Ok(None) };
        let Some(entry) = self.changes.get(&(*time, key.clone())) else { return Ok(None) };
        let row = entry.row(*time, &self.values(entry)?).write();
        Ok(Some((row, entry.origin.timestamp)))
    }

    /// The bytes of the values of a change in the buffer: prior, old and new.
    fn values(&self, entry: &Entry<V>) -> Result<[Option<Vec<u8>>; 3]> {
        let prior = self.serialize_value(entry.prior.as_ref())?;
        let old = self.serialize_value(entry.old.as_ref())?;
        Ok([prior, old, self.serialize_value(entry.new.as_ref())?])
    }
}

impl<K: 'static, V: Clone + Send + 'static> StateStore for ChangeBuffer<K, V> {
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn open(&mut self, context: StoreContext) -> Result {
        let database = context.database.clone();
        let id = context.id;
        self.context = Some(context);
        let rows = database.range(id, Bound::Unbounded, Bound::Unbounded, Direction::Forward)?;
        for row in rows {
            let (key, value) = row?;
            self.load(key, &value)?;
        }
        Ok(())
    }

    fn set_record_context(&mut self, _context: &RecordContext) {
        // Each change has its own origin.
    }

    fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    fn has_pending(&self) -> bool {
        // The buffer does not wait for a commit.
        false
    }

    fn stage(&mut self, writer: &mut ChangelogWriter<'_>) -> Result {
        let Some(StoreContext { id, .. }) = self.context else {
            let text = format!("buffer `{}` is not open", self.name);
            return Err(Error::new(ErrorKind::InvalidState, text));
        };
        let headers = codec::version_headers();
        for key in &self.dirty {
            if let Some((row, timestamp)) = self.row_of(key)? {
                writer.batch.put(id, key, &row);
                writer.log_with(key, Some(&row), timestamp, &headers)?;
            } else {
                writer.batch.delete(id, key);
                writer.log(key, None, self.timestamp)?;
            }
        }
        Ok(())
    }

    fn log_again(
        &mut self,
        key: &[u8],
        timestamp: i64,
        writer: &mut ChangelogWriter<'_>,
    ) -> Result {
        match self.row_of(key)? {
            Some((row, timestamp)) => {
                writer.log_with(key, Some(&row), timestamp, &codec::version_headers())
            }
            None => writer.log(key, None, timestamp),
        }
    }

    fn committed(&mut self) {
        self.dirty.clear();
    }

    fn begin_attempt(&mut self) {
        let (timestamp, bytes) = (self.timestamp, self.bytes);
        self.before = Some(Before { timestamp, bytes, changes: Vec::new() });
    }

    fn can_undo(&self) -> bool {
        true
    }

    fn undo_attempt(&mut self) {
        let Some(Before { timestamp, bytes, changes }) = self.before.take() else { return };
        (self.timestamp, self.bytes) = (timestamp, bytes);
        for Replaced { key, entry, was_dirty } in changes.into_iter().rev() {
            if let Some(time) = self.times.remove(&key) {
                self.changes.remove(&(time, key.clone()));
            }
            if !was_dirty {
                self.dirty.remove(&key);
            }
            if let Some((time, entry)) = entry {
                self.times.insert(key.clone(), time);
                self.changes.insert((time, key), entry);
            }
        }
    }

    fn end_attempt(&mut self) {
        self.before = None;
    }
}

/// Returns whether bytes are a buffered change; the encoder must reproduce the bytes of one.
#[cfg(feature = "fuzzing")]
pub(crate) fn is_buffered_change(bytes: &[u8]) -> bool {
    let Ok(row) = Row::read(bytes) else { return false };
    assert_eq!(Row::read(&row.write()).ok(), Some(row));
    true
}
