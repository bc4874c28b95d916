//! The session store.

use std::{
    cmp::Reverse,
    ops::{ControlFlow, RangeInclusive},
    sync::Arc,
};

use state_store::{
    Direction,
    key_schema::{local_session_key, parse_local_session_key, parse_session_key},
};

use super::{
    ChangelogWriter, RecordContext, StateStore, StoreContext, StoreSpec, StoreUsage, ValueCodec,
    found, rows::malformed, segmented::Segmented,
};
use crate::{Result, serde::SerdeRef};

/// The times of a session: of its first record and of its last, both in milliseconds since the
/// epoch and both included. Java's `SessionWindow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionWindow {
    /// Time of the first record.
    pub start: i64,
    /// Time of the last record.
    pub end: i64,
}

impl SessionWindow {
    /// Creates a session from `start` to `end`.
    #[must_use]
    pub const fn new(start: i64, end: i64) -> Self {
        Self { start, end }
    }
}

/// A session that was found, with its changelog key.
type Found<V> = (Box<[u8]>, V);

/// An update of a session that a cached store held back until the commit.
#[derive(Clone, Debug)]
pub struct PendingSessionChange<K, V> {
    /// The key.
    pub key: K,
    /// The session.
    pub window: SessionWindow,
    /// The session's value now; `None` if it was removed.
    pub new: Option<V>,
    /// Its value as downstream last saw it, if requested.
    pub old: Option<V>,
    /// The record that last wrote the session.
    pub context: RecordContext,
}

/// One value by key and session. Java's `SessionStore`.
///
/// Stream time is the greatest end of a session that was put; sessions that end `retention` or more
/// before it can't be read, and are removed by whole segments. One key's sessions are found by
/// seeking to them, and come in order of their ends. Ranges over several keys come segment by
/// segment, and by serialised key within one; in memory they come in order of their ends, then
/// keys, as in Java.
///
/// ```
/// use std::time::Duration;
/// use streams_core::{
///     Direction, Result, serde,
///     store::{SessionStore, SessionWindow, Stores},
/// };
///
/// let visits = Stores::session("visits", Duration::from_secs(3_600), serde::string(), serde::long());
/// assert_eq!(visits.name(), "visits");
///
/// /// Within a processor: the sessions that a record at `time` may be part of.
/// fn near(
///     store: &mut SessionStore<String, i64>,
///     user: &String,
///     time: i64,
/// ) -> Result<Vec<(SessionWindow, i64)>> {
///     let gap_ms = 60_000;
///     store.find_sessions(user, time - gap_ms, time + gap_ms, Direction::Forward)
/// }
/// ```
pub struct SessionStore<K, V> {
    rows: Segmented<K, V>,
}

impl<K, V: Clone> SessionStore<K, V> {
    pub(super) fn new(
        spec: &StoreSpec,
        key_serde: SerdeRef<K>,
        codec: Arc<dyn ValueCodec<V>>,
    ) -> Self {
        Self { rows: Segmented::new(spec, key_serde, codec) }
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.rows.rows.name
    }

    /// Returns whether updates are held back until the commit.
    pub fn caching(&self) -> bool {
        self.rows.rows.caching()
    }

    /// Stream time of this store: the greatest end of a session that was put, -1 before the first.
    pub fn observed_stream_time(&self) -> i64 {
        self.rows.stream_time()
    }

    /// The value of a session of a key.
    ///
    /// # Errors
    /// `Serialization` if the key can't be written, `State` or `Deserialization` if the row can't
    /// be read.
    pub fn fetch_session(&mut self, key: &K, window: SessionWindow) -> Result<Option<&V>> {
        self.rows.get(key, window.end, |local, interval_ms, plain| {
            local_session_key(local, interval_ms, plain, window.end, window.start);
        })
    }

    /// Sets or, with `None`, removes the value of a session. One that has expired already is
    /// dropped and counted.
    ///
    /// # Errors
    /// `Serialization` if the key can't be written.
    pub fn put(&mut self, key: &K, window: SessionWindow, value: Option<V>) -> Result {
        self.rows.advance(window.end);
        if !self.rows.is_taken(window.end) {
            self.rows.drop_row();
            return Ok(());
        }
        self.write(key, window, value)
    }

    /// Removes a session, if it exists.
    ///
    /// # Errors
    /// `Serialization` if the key can't be written.
    pub fn remove(&mut self, key: &K, window: SessionWindow) -> Result {
        if !self.rows.in_memory() {
            self.rows.advance(window.end);
        }
        if self.rows.is_taken(window.end) { self.write(key, window, None) } else { Ok(()) }
    }

    fn write(&mut self, key: &K, window: SessionWindow, value: Option<V>) -> Result {
        self.rows.write(key, value, |local, interval_ms, plain| {
            local_session_key(local, interval_ms, plain, window.end, window.start);
        })
    }

    /// The sessions of a key that end at `earliest_end` or later and start at `latest_start` or
    /// earlier.
    ///
    /// # Errors
    /// `Serialization` if the key can't be written, `State` or `Deserialization` if rows can't be
    /// read.
    pub fn find_sessions(
        &mut self,
        key: &K,
        earliest_end: i64,
        latest_start: i64,
        direction: Direction,
    ) -> Result<Vec<(SessionWindow, V)>> {
        let mut found = Vec::new();
        let ends = earliest_end..=i64::MAX;
        let name = self.rows.rows.name.clone();
        self.rows.scan_key(key, &ends, direction, &mut |changelog_key, value| {
            let parsed = parse_session_key(changelog_key);
            let (_, end, start) = parsed.ok_or_else(|| malformed(&name))?;
            if start <= latest_start {
                found.push((SessionWindow { start, end }, value.into_owned()?));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if self.rows.in_memory() {
            // Java's store in memory has the latest start first among sessions with the same end.
            let sort_key = |window: SessionWindow| (window.end, Reverse(window.start));
            match direction {
                Direction::Forward => found.sort_by_key(|row| sort_key(row.0)),
                Direction::Backward => found.sort_by_key(|row| Reverse(sort_key(row.0))),
            }
        }
        Ok(found)
    }

    /// The sessions of the keys `from` to `to`, both included, that end at `earliest_end` or later
    /// and start at `latest_start` or earlier; `None` is unbounded.
    ///
    /// # Errors
    /// The errors of [`find_sessions`](Self::find_sessions).
    pub fn find_sessions_of_keys(
        &mut self,
        from: Option<&K>,
        to: Option<&K>,
        (earliest_end, latest_start): (i64, i64),
        direction: Direction,
    ) -> Result<Vec<(K, SessionWindow, V)>> {
        let mut found = Vec::new();
        let ends = earliest_end..=i64::MAX;
        self.rows.scan_keys((from, to), &ends, direction, &mut |changelog_key, value| {
            if parse_session_key(changelog_key).is_some_and(|(.., start)| start <= latest_start) {
                found.push((changelog_key.into(), value.into_owned()?));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if self.rows.in_memory() {
            let sort_key = |row: &Found<V>| {
                let parsed = parse_session_key(&row.0);
                parsed.map(|(key, end, start)| (end, key.to_vec(), Reverse(start)))
            };
            match direction {
                Direction::Forward => found.sort_by_cached_key(sort_key),
                Direction::Backward => found.sort_by_cached_key(|row| Reverse(sort_key(row))),
            }
        }
        self.decoded(found)
    }

    /// The sessions of all keys that end in `ends`, in order of their ends. A store in [order of
    /// time](super::StoreBuilder::in_order_of_time) finds them by its index, any other reads all
    /// sessions of the segments. Java's `findSessions(earliestSessionEndTime,
    /// latestSessionEndTime)`.
    ///
    /// # Errors
    /// The errors of [`find_sessions`](Self::find_sessions).
    pub fn find_ended(&mut self, ends: RangeInclusive<i64>) -> Result<Vec<(K, SessionWindow, V)>> {
        let mut found = Vec::new();
        let mut take = |changelog_key: &[u8], value: found::Found<'_, V>| {
            found.push((changelog_key.into(), value.into_owned()?));
            Ok(ControlFlow::Continue(()))
        };
        if self.rows.by_time() {
            self.rows.scan_times(&ends, &mut take)?;
        } else {
            self.rows.scan_keys((None, None), &ends, Direction::Forward, &mut take)?;
        }
        found.sort_by_cached_key(|row| self.sort_key_of_end(row));
        self.decoded(found)
    }

    /// The sessions of all keys that end in `ends`, in order of their ends, for operators that emit
    /// them when they close: including those that have expired, while their segment is kept. The
    /// store must be in [order of time](super::StoreBuilder::in_order_of_time).
    ///
    /// # Errors
    /// The errors of [`find_sessions`](Self::find_sessions).
    pub fn find_closed(&mut self, ends: RangeInclusive<i64>) -> Result<Vec<(K, SessionWindow, V)>> {
        let times = (self.rows.first_kept_time().max(*ends.start()), *ends.end());
        let mut found = Vec::new();
        self.rows.scan_index(times, &mut |changelog_key, value| {
            found.push((changelog_key.into(), value.into_owned()?));
            Ok(ControlFlow::Continue(()))
        })?;
        found.sort_by_cached_key(|row| self.sort_key_of_end(row));
        self.decoded(found)
    }

    /// Sort key of a session among those in order of their ends, as in Java's stores: on disk the
    /// start comes before the key.
    fn sort_key_of_end(&self, row: &Found<V>) -> Option<(i64, i64, Vec<u8>, Reverse<i64>)> {
        let (key, end, start) = parse_session_key(&row.0)?;
        let key = key.to_vec();
        Some(if self.rows.in_memory() {
            (end, 0, key, Reverse(start))
        } else {
            (end, start, key, Reverse(0))
        })
    }

    /// All readable sessions of a key.
    ///
    /// # Errors
    /// The errors of [`find_sessions`](Self::find_sessions).
    pub fn fetch(&mut self, key: &K, direction: Direction) -> Result<Vec<(SessionWindow, V)>> {
        self.find_sessions(key, 0, i64::MAX, direction)
    }

    /// All sessions of the keys `from` to `to`, both included; `None` is unbounded.
    ///
    /// # Errors
    /// The errors of [`find_sessions`](Self::find_sessions).
    pub fn fetch_keys(
        &mut self,
        from: Option<&K>,
        to: Option<&K>,
        direction: Direction,
    ) -> Result<Vec<(K, SessionWindow, V)>> {
        self.find_sessions_of_keys(from, to, (0, i64::MAX), direction)
    }

    fn decoded(&self, found: Vec<Found<V>>) -> Result<Vec<(K, SessionWindow, V)>> {
        let keys = self.rows.rows.keys();
        let rows = found.into_iter().map(|(changelog_key, value)| {
            let parsed = parse_session_key(&changelog_key);
            let (key, end, start) = parsed.ok_or_else(|| self.rows.rows.malformed())?;
            Ok((keys.read(key)?, SessionWindow { start, end }, value))
        });
        rows.collect()
    }

    /// The next update that the cache held back, in the order of the last writes; `old` is read
    /// only if `send_old` asks for it. The removal of a session that downstream never saw is
    /// skipped.
    ///
    /// # Errors
    /// `State` or `Deserialization` if the row or key can't be read.
    pub fn next_pending(&mut self, send_old: bool) -> Result<Option<PendingSessionChange<K, V>>> {
        let Some(row) = self.rows.next_pending(send_old)? else { return Ok(None) };
        let Some((key, end, start)) = parse_local_session_key(&row.key) else {
            return Err(self.rows.rows.malformed());
        };
        let key = self.rows.rows.keys().read(key)?;
        let (new, old, context) = (row.new, row.old, row.context);
        let window = SessionWindow { start, end };
        Ok(Some(PendingSessionChange { key, window, new, old, context }))
    }
}

impl<K: 'static, V: Clone + Send + 'static> StateStore for SessionStore<K, V> {
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn open(&mut self, context: StoreContext) -> Result {
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
        self.rows.stage(writer)
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
    }

    fn can_undo(&self) -> bool {
        true
    }

    fn undo_attempt(&mut self) {
        self.rows.undo_attempt();
    }

    fn end_attempt(&mut self) {
        self.rows.end_attempt();
    }

    fn take_dropped(&mut self) -> u64 {
        self.rows.take_dropped()
    }
}

impl<K, V> std::fmt::Debug for SessionStore<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionStore({})", self.rows.rows.name)
    }
}
