//! The window store.

use std::{
    ops::{Bound, RangeInclusive},
    sync::Arc,
};

use state_store::{
    Direction, StoreFormat,
    key_schema::{
        changelog_to_local, local_to_changelog, local_window_key, parse_local_window_key,
    },
};

use super::{
    ChangelogWriter, RecordContext, StateStore, StoreContext, StoreSpec, ValueAndTimestamp,
    ValueCodec,
    rows::{Row, Rows},
};
use crate::{Result, serde::SerdeRef};

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
    /// Its value as downstream has seen it last, if it was asked for.
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
    rows: Rows<K, V>,
    retention_ms: i64,
    segment_interval_ms: i64,
    persistent: bool,
    observed_stream_time: i64,
    first_segment: i64,
    dropped: u64,
}

/// The name under which a window store keeps its stream time among the offsets of its database.
pub(crate) fn stream_time_entry(store: &str) -> String {
    format!("{store}/stream-time")
}

/// The name of the greatest window start that a restore has read. Rows of records that are processed once more do not
/// move stream time; when it is known that they are not, this says how far it went.
pub(crate) fn seen_time_entry(store: &str) -> String {
    format!("{store}/seen-time")
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
            rows: Rows::new(spec.name.clone(), key_serde, codec),
            retention_ms,
            segment_interval_ms,
            persistent: spec.persistent,
            observed_stream_time: -1,
            first_segment: 0,
            dropped: 0,
        }
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.rows.name
    }

    /// Whether updates are held back until the commit.
    pub fn caching(&self) -> bool {
        self.rows.caching()
    }

    /// Stream time of this store: the greatest window start that was put, -1 before the first.
    pub fn observed_stream_time(&self) -> i64 {
        self.observed_stream_time
    }

    fn first_live_segment(&self) -> i64 {
        (self.observed_stream_time - self.retention_ms).max(0) / self.segment_interval_ms
    }

    fn first_readable_time(&self) -> i64 {
        (self.observed_stream_time - self.retention_ms + 1).max(0)
    }

    fn at(&mut self, key: &K, start: i64) -> Result<Row<'_, K, V>> {
        let interval_ms = self.segment_interval_ms;
        self.rows.at_local(key, |local, plain| {
            local_window_key(local, interval_ms, plain, start, 0);
        })
    }

    /// The value of a key in the window that starts at `start`.
    ///
    /// # Errors
    /// `Serialization` if the key has no bytes, `State` or `Deserialization` if the row can't be read.
    pub fn fetch(&mut self, key: &K, start: i64) -> Result<Option<&V>> {
        if start < self.first_readable_time() {
            return Ok(None);
        }
        self.at(key, start)?.get()
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
            self.dropped += 1;
            return Ok(());
        }
        self.at(key, start)?.write(value);
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
        let key = self.bound(Some(key))?;
        let key = key.as_deref();
        let mut found = Vec::new();
        self.scan(key, key, &times, direction, |_, start, value| {
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
        let keys = self.rows.keys();
        let mut found = Vec::new();
        self.scan(from.as_deref(), to.as_deref(), &times, direction, |key, start, value| {
            found.push((keys.read(key)?, start, value));
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

    fn bound(&self, key: Option<&K>) -> Result<Option<Vec<u8>>> {
        let Some(key) = key else { return Ok(None) };
        let mut bytes = Vec::new();
        self.rows.serialize_key(key, &mut bytes)?;
        Ok(Some(bytes))
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
        // Times are not negative here, and behind the last segment there is room among unsigned numbers.
        let segment_of = |time: i64| time.div_euclid(self.segment_interval_ms).unsigned_abs();
        let low = segment_of(first).to_be_bytes();
        let high = (segment_of(last) + 1).to_be_bytes();
        let (low, high) = (Bound::Included(&low[..]), Bound::Excluded(&high[..]));
        let malformed = self.rows.malformed();
        for row in self.rows.range(low, high, direction)? {
            let (local, value) = row?;
            let Some((key, start, _)) = parse_local_window_key(&local) else {
                return Err(malformed);
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
        let Some(row) = self.rows.next_pending(send_old)? else { return Ok(None) };
        let Some((key, start, _)) = parse_local_window_key(&row.key) else {
            return Err(self.rows.malformed());
        };
        let key = self.rows.keys().read(key)?;
        let (new, old, context) = (row.new, row.old, row.context);
        Ok(Some(PendingWindowChange { key, start, new, old, context }))
    }
}

impl<K: 'static, V: Clone + Send + 'static> StateStore for WindowStore<K, V> {
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn open(&mut self, context: StoreContext) -> Result {
        let observed = context.database.offset(&stream_time_entry(self.name()))?;
        self.observed_stream_time = observed.unwrap_or(-1);
        self.first_segment = 0;
        self.rows.open(context);
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
        let first_live = self.first_live_segment();
        self.rows.stage(writer, local_to_changelog)?;
        let context = self.rows.context()?;
        if first_live > self.first_segment {
            let end = first_live.to_be_bytes();
            writer.batch.delete_range(context.id, &self.first_segment.to_be_bytes(), &end);
            self.first_segment = first_live;
        }
        let entry = stream_time_entry(self.name());
        writer.batch.set_mark(&entry, self.observed_stream_time);
        Ok(())
    }

    fn log_again(
        &mut self,
        key: &[u8],
        timestamp: i64,
        writer: &mut ChangelogWriter<'_>,
    ) -> Result {
        let mut local = Vec::new();
        changelog_to_local(&mut local, self.segment_interval_ms, key)
            .ok_or_else(|| self.rows.malformed())?;
        self.rows.log_again(&local, key, timestamp, writer)
    }

    fn check(&self, key: &[u8], value: &[u8]) -> Result {
        let (plain, ..) = parse_local_window_key(key).ok_or_else(|| self.rows.malformed())?;
        self.rows.check(plain, value)
    }

    fn committed(&mut self) {
        self.rows.committed();
    }

    fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}

impl<K, V> std::fmt::Debug for WindowStore<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WindowStore({})", self.rows.name)
    }
}
