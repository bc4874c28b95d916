//! The window store.

use std::{
    cmp::Reverse,
    ops::{ControlFlow, RangeInclusive},
    sync::Arc,
};

use state_store::{
    Direction,
    key_schema::{local_window_key, parse_local_window_key, parse_window_key},
};

use super::{
    ChangelogWriter, RecordContext, StateStore, StoreContext, StoreSpec, StoreUsage,
    ValueAndTimestamp, ValueCodec, rows::malformed, segmented::Segmented,
};
use crate::{Result, serde::SerdeRef};

/// The greatest sequence number; the first one follows it.
const SEQNUM_MAX: i32 = i32::MAX;

/// A window store whose values carry the timestamp of their record; used by windowed tables.
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
    /// Its value as downstream last saw it, if requested.
    pub old: Option<V>,
    /// The record that last wrote the window.
    pub context: RecordContext,
}

/// Values by key and window start: one, or several if the store [retains
/// duplicates](super::StoreBuilder::retaining_duplicates). Java's `WindowStore`.
///
/// Times are window starts in milliseconds since the epoch. Stream time is the greatest start that
/// was put; rows that start `retention` or more before it can't be read, and are removed by whole
/// segments. One key's windows are found by seeking to them. Ranges over several keys come segment
/// by segment, and by serialised key within one; in memory they come in order of time, then key.
pub struct WindowStore<K, V> {
    rows: Segmented<K, V>,
    /// The sequence number of the last put, in a store that retains duplicates.
    seqnum: Option<i32>,
    /// The sequence number at the beginning of the current attempt.
    seqnum_before: Option<i32>,
}

/// Name under which a store that retains duplicates keeps its last sequence number among the
/// offsets of its database.
pub(crate) fn seqnum_entry(store: &str) -> String {
    format!("{store}/seqnum")
}

impl<K, V: Clone> WindowStore<K, V> {
    pub(super) fn new(
        spec: &StoreSpec,
        key_serde: SerdeRef<K>,
        codec: Arc<dyn ValueCodec<V>>,
    ) -> Self {
        let seqnum = spec.retain_duplicates.then_some(0);
        let rows = Segmented::new(spec, key_serde, codec);
        Self { rows, seqnum, seqnum_before: seqnum }
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.rows.rows.name
    }

    /// Returns whether updates are held back until the commit.
    pub fn caching(&self) -> bool {
        self.rows.rows.caching()
    }

    /// Stream time of this store: the greatest window start that was put, -1 before the first.
    pub fn observed_stream_time(&self) -> i64 {
        self.rows.stream_time()
    }

    /// The value of a key in the window that starts at `start`; the first one if the store retains
    /// duplicates.
    ///
    /// # Errors
    /// `Serialization` if the key can't be written, `State` or `Deserialization` if the row can't
    /// be read.
    pub fn fetch(&mut self, key: &K, start: i64) -> Result<Option<&V>> {
        let mut seqnum = 0;
        if self.seqnum.is_some() {
            let times = start..=start;
            self.rows.scan_key(key, &times, Direction::Forward, &mut |changelog_key, _| {
                seqnum = parse_window_key(changelog_key).map_or(0, |(_, _, seqnum)| seqnum);
                Ok(ControlFlow::Break(()))
            })?;
        }
        self.rows.get(key, start, |local, interval_ms, plain| {
            local_window_key(local, interval_ms, plain, start, seqnum);
        })
    }

    /// Reads the windows of a key that start at `starts`, in ascending order, ahead of a
    /// [`fetch`](Self::fetch) of each: together they take one look-up of the database in each
    /// segment. Does nothing if the first of them is known already, as the others are then, too, or
    /// if the store retains duplicates.
    ///
    /// # Errors
    /// The errors of [`fetch`](Self::fetch).
    pub fn prefetch(&mut self, key: &K, starts: impl IntoIterator<Item = i64>) -> Result {
        if self.seqnum.is_some() {
            return Ok(());
        }
        self.rows.load(key, starts.into_iter(), |local, interval_ms, plain, start| {
            local_window_key(local, interval_ms, plain, start, 0);
        })
    }

    /// Sets or, with `None`, deletes the value of a key in the window that starts at `start`. A row
    /// that has expired already is dropped and counted.
    ///
    /// In a store that retains duplicates, a value is added to the existing ones, and `None` only
    /// takes a sequence number, which shows in the changelog, as in Java; an expired row goes to
    /// the changelog alone.
    ///
    /// # Errors
    /// `Serialization` if the key can't be written.
    pub fn put(&mut self, key: &K, value: Option<V>, start: i64) -> Result {
        let mut number = 0;
        if let Some(seqnum) = &mut self.seqnum {
            *seqnum = if *seqnum == SEQNUM_MAX { 0 } else { *seqnum + 1 };
            number = *seqnum;
        }
        let is_row = self.seqnum.is_none() || value.is_some();
        if is_row {
            self.rows.advance(start);
        }
        if !self.rows.is_taken(start) {
            if is_row {
                self.rows.drop_row();
            }
            if self.seqnum.is_none() {
                return Ok(());
            }
            self.rows.logs_expired(start);
        }
        self.rows.write(key, value, |local, interval_ms, plain| {
            local_window_key(local, interval_ms, plain, start, number);
        })
    }

    /// The windows of a key that start in `times`, in order of their starts.
    ///
    /// # Errors
    /// `Serialization` if the key can't be written, `State` or `Deserialization` if rows can't be
    /// read.
    pub fn fetch_range(
        &mut self,
        key: &K,
        times: RangeInclusive<i64>,
        direction: Direction,
    ) -> Result<Vec<(i64, V)>> {
        let mut found = Vec::new();
        let name = self.rows.rows.name.clone();
        self.rows.scan_key(key, &times, direction, &mut |changelog_key, value| {
            let (_, start, _) = parse_window_key(changelog_key).ok_or_else(|| malformed(&name))?;
            found.push((start, value.into_owned()?));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// Calls `visit` for the windows of a key that start in `times`, in order of their starts,
    /// until it breaks. Values are borrowed, not cloned.
    ///
    /// # Errors
    /// The errors of [`fetch_range`](Self::fetch_range).
    pub fn visit_range(
        &mut self,
        key: &K,
        times: RangeInclusive<i64>,
        direction: Direction,
        mut visit: impl FnMut(i64, &V) -> ControlFlow<()>,
    ) -> Result {
        let name = self.rows.rows.name.clone();
        self.rows.scan_key(key, &times, direction, &mut |changelog_key, value| {
            let (_, start, _) = parse_window_key(changelog_key).ok_or_else(|| malformed(&name))?;
            value.read(|value| visit(start, value))
        })
    }

    /// The windows of the keys `from` to `to`, both included, that start in `times`; `None` is
    /// unbounded.
    ///
    /// # Errors
    /// The errors of [`fetch_range`](Self::fetch_range).
    pub fn fetch_keys(
        &mut self,
        from: Option<&K>,
        to: Option<&K>,
        times: RangeInclusive<i64>,
        direction: Direction,
    ) -> Result<Vec<(K, i64, V)>> {
        let mut found = Vec::new();
        self.rows.scan_keys((from, to), &times, direction, &mut |changelog_key, value| {
            found.push((changelog_key.into(), value.into_owned()?));
            Ok(ControlFlow::Continue(()))
        })?;
        self.decoded(found, self.rows.in_memory(), direction)
    }

    /// The windows of all keys that start in `times`. A store in [order of
    /// time](super::StoreBuilder::in_order_of_time) finds them by its index and returns them in
    /// order of time, then key; any other does as [`fetch_keys`](Self::fetch_keys).
    ///
    /// # Errors
    /// The errors of [`fetch_range`](Self::fetch_range).
    pub fn fetch_all(
        &mut self,
        times: RangeInclusive<i64>,
        direction: Direction,
    ) -> Result<Vec<(K, i64, V)>> {
        if !self.rows.by_time() {
            return self.fetch_keys(None, None, times, direction);
        }
        let mut found = Vec::new();
        self.rows.scan_times(&times, &mut |changelog_key, value| {
            found.push((changelog_key.into(), value.into_owned()?));
            Ok(ControlFlow::Continue(()))
        })?;
        self.decoded(found, true, direction)
    }

    /// The windows of all keys that start in `starts`, by time, then key, for operators that emit
    /// them when they close. The store must be in [order of
    /// time](super::StoreBuilder::in_order_of_time). A cached store also returns windows that have
    /// expired and are not yet removed, as Java's cache does: otherwise a jump of stream time would
    /// lose them.
    ///
    /// # Errors
    /// The errors of [`fetch_range`](Self::fetch_range).
    pub fn fetch_closed(&mut self, starts: RangeInclusive<i64>) -> Result<Vec<(K, i64, V)>> {
        let earliest = if self.caching() { 0 } else { self.rows.first_indexed_time() };
        let times = (earliest.max(*starts.start()), *starts.end());
        let mut found = Vec::new();
        self.rows.scan_index(times, &mut |changelog_key, value| {
            found.push((changelog_key.into(), value.into_owned()?));
            Ok(ControlFlow::Continue(()))
        })?;
        self.decoded(found, true, Direction::Forward)
    }

    /// All readable windows.
    ///
    /// # Errors
    /// The errors of [`fetch_range`](Self::fetch_range).
    pub fn all(&mut self, direction: Direction) -> Result<Vec<(K, i64, V)>> {
        self.fetch_all(0..=i64::MAX, direction)
    }

    /// Rows by changelog key, in order of time if they are to be `sorted`.
    fn decoded(
        &self,
        mut found: Vec<(Box<[u8]>, V)>,
        sorted: bool,
        direction: Direction,
    ) -> Result<Vec<(K, i64, V)>> {
        let sort_key = |row: &(Box<[u8]>, V)| {
            parse_window_key(&row.0).map(|(key, start, seqnum)| (start, key.to_vec(), seqnum))
        };
        match direction {
            _ if !sorted => {}
            Direction::Forward => found.sort_by_cached_key(sort_key),
            Direction::Backward => found.sort_by_cached_key(|row| Reverse(sort_key(row))),
        }
        let keys = self.rows.rows.keys();
        let rows = found.into_iter().map(|(changelog_key, value)| {
            let parsed = parse_window_key(&changelog_key);
            let (key, start, _) = parsed.ok_or_else(|| self.rows.rows.malformed())?;
            Ok((keys.read(key)?, start, value))
        });
        rows.collect()
    }

    /// The next update that the cache held back, in the order of the last writes.
    ///
    /// # Errors
    /// `State` or `Deserialization` if the row or key can't be read.
    pub fn next_pending(&mut self, send_old: bool) -> Result<Option<PendingWindowChange<K, V>>> {
        let Some(row) = self.rows.next_pending(send_old)? else { return Ok(None) };
        let Some((key, start, _)) = parse_local_window_key(&row.key) else {
            return Err(self.rows.rows.malformed());
        };
        let key = self.rows.rows.keys().read(key)?;
        let (new, old, context) = (row.new, row.old, row.context);
        Ok(Some(PendingWindowChange { key, start, new, old, context }))
    }
}

impl<K: 'static, V: Clone + Send + 'static> StateStore for WindowStore<K, V> {
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn open(&mut self, context: StoreContext) -> Result {
        if self.seqnum.is_some() {
            let known = context.database.offset(&seqnum_entry(self.name()))?;
            self.seqnum = Some(known.and_then(|known| i32::try_from(known).ok()).unwrap_or(0));
        }
        self.rows.open(context)
    }

    fn set_record_context(&mut self, context: &RecordContext) {
        self.rows.rows.set_record_context(context);
    }

    fn is_dirty(&self) -> bool {
        self.rows.rows.is_dirty()
    }

    fn has_pending(&self) -> bool {
        self.rows.rows.has_pending()
    }

    fn stage(&mut self, writer: &mut ChangelogWriter<'_>) -> Result {
        self.rows.stage(writer)?;
        if let Some(seqnum) = self.seqnum {
            writer.batch.set_mark(&seqnum_entry(self.name()), i64::from(seqnum));
        }
        Ok(())
    }

    fn log_again(
        &mut self,
        key: &[u8],
        timestamp: i64,
        writer: &mut ChangelogWriter<'_>,
    ) -> Result {
        self.rows.log_again(key, timestamp, writer)
    }

    fn check(&self, key: &[u8], value: &[u8]) -> Result {
        self.rows.check(key, value)
    }

    fn usage(&self) -> StoreUsage {
        self.rows.rows.usage()
    }

    fn committed(&mut self) {
        self.rows.committed();
    }

    fn begin_attempt(&mut self) {
        self.rows.begin_attempt();
        self.seqnum_before = self.seqnum;
    }

    fn can_undo(&self) -> bool {
        true
    }

    fn undo_attempt(&mut self) {
        self.rows.undo_attempt();
        self.seqnum = self.seqnum_before;
    }

    fn end_attempt(&mut self) {
        self.rows.end_attempt();
    }

    fn take_dropped(&mut self) -> u64 {
        self.rows.take_dropped()
    }
}

impl<K, V> std::fmt::Debug for WindowStore<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WindowStore({})", self.rows.rows.name)
    }
}
