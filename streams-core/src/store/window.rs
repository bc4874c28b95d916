//! The window store.

use std::{
    ops::{Bound, RangeInclusive},
    sync::Arc,
};

use state_store::{
    Direction, MemoryBudget, Overlay, StoreFormat,
    key_schema::{local_to_changelog, local_window_key, parse_local_window_key},
};

use super::{
    ChangelogWriter, RecordContext, StateStore, StoreContext, StoreSpec, ValueAndTimestamp,
    ValueCodec,
    key_value::{decode, decode_key},
    merge::MergedRows,
};
use crate::{
    Error, ErrorKind, Result,
    serde::{SerdeRef, Written},
};

/// A window store whose values carry the timestamp of their record: that of windowed tables.
pub type TimestampedWindowStore<K, V> = WindowStore<K, ValueAndTimestamp<V>>;

/// An update of a window that a cached store held back until the commit.
#[derive(Clone, Debug)]
pub struct PendingWindowChange<K, V> {
    /// The key.
    pub key: K,
    /// Start of the window, in milliseconds since the epoch.
    pub start: i64,
    /// The window's value now; `None` if it was deleted.
    pub new: Option<V>,
    /// Its value at the last commit, if it was asked for.
    pub old: Option<V>,
    /// The record that wrote last.
    pub context: RecordContext,
}

/// One value by key and window start. Java's `WindowStore` without duplicates.
///
/// Times are window starts in milliseconds since the epoch. Stream time is the greatest start that
/// was put; rows that start `retention` or more before it can't be read, and are removed by whole
/// segments. Ranges over several keys come segment by segment, and by serialised key within one; in
/// memory a segment is one start.
pub struct WindowStore<K, V> {
    name: Arc<str>,
    key_serde: SerdeRef<K>,
    codec: Arc<dyn ValueCodec<V>>,
    retention_ms: i64,
    segment_interval_ms: i64,
    persistent: bool,
    context: Option<StoreContext>,
    overlay: Overlay<V, RecordContext>,
    record: RecordContext,
    observed_stream_time: i64,
    first_segment: i64,
    dropped: u64,
    plain_key: Vec<u8>,
    key: Vec<u8>,
    value: Vec<u8>,
}

const ROW_OVERHEAD: usize = 96;

/// The name under which a window store keeps its stream time among the offsets of its database.
pub(crate) fn stream_time_entry(store: &str) -> String {
    format!("{store}/stream-time")
}

impl<K, V: Clone> WindowStore<K, V> {
    pub(super) fn new(
        spec: &StoreSpec,
        key_serde: SerdeRef<K>,
        codec: Arc<dyn ValueCodec<V>>,
    ) -> Self {
        let (retention_ms, segment_interval_ms) = match spec.format {
            StoreFormat::Window { retention_ms, segment_interval_ms }
            | StoreFormat::TimestampedWindow { retention_ms, segment_interval_ms } => {
                (retention_ms, segment_interval_ms)
            }
            StoreFormat::KeyValue | StoreFormat::TimestampedKeyValue => (i64::MAX, i64::MAX),
        };
        Self {
            name: spec.name.clone(),
            key_serde,
            codec,
            retention_ms,
            segment_interval_ms,
            persistent: spec.persistent,
            context: None,
            overlay: Overlay::new(MemoryBudget::new(0, 0).overlay_account()),
            record: RecordContext::default(),
            observed_stream_time: -1,
            first_segment: 0,
            dropped: 0,
            plain_key: Vec::new(),
            key: Vec::new(),
            value: Vec::new(),
        }
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether updates are held back until the commit.
    pub fn caching(&self) -> bool {
        self.context.as_ref().is_some_and(|context| context.caching)
    }

    /// Stream time of this store: the greatest window start that was put, -1 before the first.
    pub fn observed_stream_time(&self) -> i64 {
        self.observed_stream_time
    }

    fn context(&self) -> Result<&StoreContext> {
        self.context.as_ref().ok_or_else(|| not_open(&self.name))
    }

    fn first_live_segment(&self) -> i64 {
        (self.observed_stream_time - self.retention_ms).max(0) / self.segment_interval_ms
    }

    fn first_readable_time(&self) -> i64 {
        (self.observed_stream_time - self.retention_ms + 1).max(0)
    }

    fn set_plain_key(&mut self, key: &K) -> Result {
        self.plain_key.clear();
        let topic = self.context.as_ref().map_or("", |context| &context.topic);
        match self.key_serde.serialize(topic, key, &mut self.plain_key) {
            Ok(Written::Bytes) => Ok(()),
            Ok(Written::Null) => Err(Error::new(
                ErrorKind::Serialization,
                format!("a null key can't be looked up in store `{}`", self.name),
            )),
            Err(cause) => {
                let text = format!("a key of store `{}` can't be serialised", self.name);
                Err(Error::with_source(ErrorKind::Serialization, text, cause))
            }
        }
    }

    fn set_key(&mut self, key: &K, start: i64) -> Result {
        self.set_plain_key(key)?;
        self.key.clear();
        local_window_key(&mut self.key, self.segment_interval_ms, &self.plain_key, start, 0);
        Ok(())
    }

    /// The value of a key in the window that starts at `start`.
    ///
    /// # Errors
    /// `Serialization` if the key has no bytes, `State` or `Deserialization` if the row can't be read.
    pub fn fetch(&mut self, key: &K, start: i64) -> Result<Option<&V>> {
        if start < self.first_readable_time() {
            return Ok(None);
        }
        self.set_key(key, start)?;
        if self.overlay.lookup(&self.key).is_none() {
            let (value, size) = self.read_committed(&self.key)?;
            self.overlay.fill(&self.key, value, size);
        }
        Ok(self.overlay.lookup(&self.key).flatten())
    }

    fn read_committed(&self, key: &[u8]) -> Result<(Option<V>, usize)> {
        let context = self.context()?;
        let bytes = context.database.get(context.id, key)?;
        let size = key.len() + bytes.as_ref().map_or(0, Vec::len) + ROW_OVERHEAD;
        let value = bytes.map(|bytes| decode(&*self.codec, &self.name, &bytes)).transpose()?;
        Ok((value, size))
    }

    /// Sets or, with `None`, deletes the value of a key in the window that starts at `start`. A row
    /// that has expired already is dropped and counted.
    ///
    /// # Errors
    /// `Serialization` if the key has no bytes.
    pub fn put(&mut self, key: &K, value: Option<V>, start: i64) -> Result {
        self.observed_stream_time = self.observed_stream_time.max(start);
        if start.div_euclid(self.segment_interval_ms) < self.first_live_segment()
            || (!self.persistent && start <= self.observed_stream_time - self.retention_ms)
        {
            tracing::warn!(store = %self.name, start, "dropped a row of an expired window");
            self.dropped += 1;
            return Ok(());
        }
        self.set_key(key, start)?;
        let size = self.key.len() + size_of::<V>() + ROW_OVERHEAD;
        let pending = self.caching();
        self.overlay.write(&self.key, value, self.record.clone(), size, pending);
        Ok(())
    }

    /// The windows of a key that start in `times`, in order of their starts.
    ///
    /// # Errors
    /// `Serialization` if the key has no bytes, `State` or `Deserialization` if rows can't be read.
    pub fn fetch_range(
        &mut self,
        key: &K,
        times: RangeInclusive<i64>,
        direction: Direction,
    ) -> Result<Vec<(i64, V)>> {
        self.set_plain_key(key)?;
        let key = self.plain_key.clone();
        let mut found = Vec::new();
        self.scan(Some(&key), Some(&key), &times, direction, |_, start, value| {
            found.push((start, value));
            Ok(())
        })?;
        Ok(found)
    }

    /// The windows of the keys `from` to `to`, both included, that start in `times`; `None` is unbounded.
    ///
    /// # Errors
    /// As [`fetch_range`](Self::fetch_range).
    pub fn fetch_keys(
        &mut self,
        from: Option<&K>,
        to: Option<&K>,
        times: RangeInclusive<i64>,
        direction: Direction,
    ) -> Result<Vec<(K, i64, V)>> {
        let from = self.bound(from)?;
        let to = self.bound(to)?;
        let (serde, name) = (self.key_serde.clone(), self.name.clone());
        let mut found = Vec::new();
        self.scan(from.as_deref(), to.as_deref(), &times, direction, |key, start, value| {
            found.push((decode_key(&*serde, &name, key)?, start, value));
            Ok(())
        })?;
        Ok(found)
    }

    /// All windows that can be read.
    ///
    /// # Errors
    /// As [`fetch_range`](Self::fetch_range).
    pub fn all(&mut self, direction: Direction) -> Result<Vec<(K, i64, V)>> {
        self.fetch_keys(None, None, 0..=i64::MAX, direction)
    }

    fn bound(&mut self, key: Option<&K>) -> Result<Option<Vec<u8>>> {
        let Some(key) = key else { return Ok(None) };
        self.set_plain_key(key)?;
        Ok(Some(self.plain_key.clone()))
    }

    /// Calls `found` for each row with its plain key between the bounds and its start in `times`.
    fn scan(
        &mut self,
        from: Option<&[u8]>,
        to: Option<&[u8]>,
        times: &RangeInclusive<i64>,
        direction: Direction,
        mut found: impl FnMut(&[u8], i64, V) -> Result,
    ) -> Result {
        let first = (*times.start()).max(self.first_readable_time());
        let last = (*times.end()).min(self.observed_stream_time);
        if first > last {
            return Ok(());
        }
        let segment_of = |time: i64| time.div_euclid(self.segment_interval_ms);
        let low = segment_of(first).to_be_bytes();
        let high = (segment_of(last) + 1).to_be_bytes();
        let (low, high) = (Bound::Included(&low[..]), Bound::Excluded(&high[..]));
        let dirty = self.overlay.dirty_range(low, high, direction);
        let context = self.context.as_ref().ok_or_else(|| not_open(&self.name))?;
        let clean = context.database.range(context.id, low, high, direction)?;
        let decode = |bytes: &[u8]| decode(&*self.codec, &self.name, bytes);
        for row in MergedRows::new(dirty, clean, direction, decode) {
            let (local, value) = row?;
            let Some((key, start, _)) = parse_local_window_key(&local) else {
                let text = format!("a key of window store `{}` is malformed", self.name);
                return Err(Error::new(ErrorKind::State, text));
            };
            let inside = from.is_none_or(|from| key >= from) && to.is_none_or(|to| key <= to);
            if inside && (first..=last).contains(&start) {
                found(key, start, value)?;
            }
        }
        Ok(())
    }

    /// The next update that the cache held back, in the order of the last writes.
    ///
    /// # Errors
    /// `State` or `Deserialization` if the row or key can't be read.
    pub fn next_pending(&mut self, send_old: bool) -> Result<Option<PendingWindowChange<K, V>>> {
        while let Some(entry) = self.overlay.next_pending() {
            let need_old = send_old || entry.value.is_none();
            let old = if need_old { self.read_committed(&entry.key)?.0 } else { None };
            if entry.value.is_none() && old.is_none() {
                self.overlay.undo(&entry.key);
                continue;
            }
            let Some((key, start, _)) = parse_local_window_key(&entry.key) else { continue };
            let key = decode_key(&*self.key_serde, &self.name, key)?;
            let old = old.filter(|_| send_old);
            let (new, context) = (entry.value, entry.context);
            return Ok(Some(PendingWindowChange { key, start, new, old, context }));
        }
        Ok(None)
    }
}

fn not_open(store: &str) -> Error {
    Error::new(ErrorKind::InvalidState, format!("store `{store}` is not open"))
}

impl<K: 'static, V: Clone + Send + 'static> StateStore for WindowStore<K, V> {
    fn open(&mut self, context: StoreContext) -> Result {
        self.overlay = Overlay::new(context.budget.overlay_account());
        let observed = context.database.offset(&stream_time_entry(&self.name))?;
        self.observed_stream_time = observed.unwrap_or(-1);
        self.first_segment = 0;
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
        let first_live = self.first_live_segment();
        let context = self.context.as_ref().ok_or_else(|| not_open(&self.name))?;
        for (local, value, record) in self.overlay.dirty() {
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
            let Some(key) = local_to_changelog(local) else {
                let text = format!("a key of window store `{}` is malformed", self.name);
                return Err(Error::new(ErrorKind::State, text));
            };
            if written == Written::Null {
                writer.batch.delete(context.id, local);
                writer.log(key, None, record.timestamp)?;
            } else {
                writer.batch.put(context.id, local, &self.value);
                let (logged, timestamp) = self.codec.changelog(&self.value, record.timestamp);
                writer.log(key, Some(logged), timestamp)?;
            }
        }
        if first_live > self.first_segment {
            let end = first_live.to_be_bytes();
            writer.batch.delete_range(context.id, &self.first_segment.to_be_bytes(), &end);
            self.first_segment = first_live;
        }
        let entry = stream_time_entry(&self.name);
        writer.batch.set_offset(&entry, self.observed_stream_time);
        Ok(())
    }

    fn committed(&mut self) {
        self.overlay.committed();
    }

    fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

impl<K, V> std::fmt::Debug for WindowStore<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WindowStore({})", self.name)
    }
}
