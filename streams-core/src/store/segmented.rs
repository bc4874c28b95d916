//! The common part of window and session stores: rows in segments of time, and stream time, which
//! decides which of them have expired.
//!
//! Invariant: a row is in the segment of its time, which is a window's start or a session's end.
//! One key's rows of a segment lie together, in order of time, and are found by seeking to them.

use std::{
    collections::BTreeSet,
    ops::{Bound, ControlFlow, RangeInclusive},
    sync::Arc,
};

use state_store::{
    Direction, OverlayAccount, Segments, StoreFormat,
    key_schema::{parse_time_entry, time_bound, time_bound_behind},
};

use super::{
    ChangelogWriter, StoreContext, StoreSpec, ValueCodec,
    found::Found,
    rows::{PendingRow, Row, Rows, malformed},
};
use crate::{Result, serde::SerdeRef};

/// Bytes of the segment number before a local key.
const SEGMENT_BYTES: usize = 8;
/// Overhead of an entry in a set, besides its bytes.
const ENTRY_BYTES: usize = 48;

/// Name under which a window store keeps its stream time among the offsets of its database.
pub(crate) fn stream_time_entry(store: &str) -> String {
    format!("{store}/stream-time")
}

/// Name of the entry with the greatest window start that a restore has read. Rows of records that
/// will be processed again do not move stream time; once it is known that they won't be, this entry
/// tells how far it went.
pub(crate) fn seen_time_entry(store: &str) -> String {
    format!("{store}/seen-time")
}

/// Callback for each row found, with its changelog key.
pub(super) type VisitKey<'a, V> = dyn FnMut(&[u8], Found<'_, V>) -> Result<ControlFlow<()>> + 'a;

/// Times and counts of a store.
#[derive(Clone, Copy)]
struct Before {
    stream_time: i64,
    stored_time: i64,
    expired_from: Option<i64>,
    dropped: u64,
}

/// The rows of a store, by key and time.
pub(super) struct Segmented<K, V> {
    pub(super) rows: Rows<K, V>,
    format: StoreFormat,
    segments: Segments,
    persistent: bool,
    stream_time: i64,
    /// The time of the latest row that a restore brought. Rows of records that will be processed
    /// again do not move stream time, but they exist.
    seen_time: i64,
    /// Stream time of the rows that went through the cache, which decides what has expired. Without
    /// a cache it is that of all rows.
    stored_time: i64,
    first_segment: i64,
    /// The least segment among the rows that had expired when they were written, since the last
    /// commit.
    expired_from: Option<i64>,
    dropped: u64,
    /// Entries of the index by time for the rows written since the last commit, and their memory.
    entries: BTreeSet<Box<[u8]>>,
    account: Option<OverlayAccount>,
    /// State besides the rows at the beginning of the current attempt, and the entries that it
    /// added.
    before: Option<Before>,
    entered: Vec<Box<[u8]>>,
    /// The times whose rows are loaded together.
    loaded: Vec<i64>,
    /// Buffers of scans: a plain key and the bounds.
    plain: Vec<u8>,
    from: Vec<u8>,
    to: Vec<u8>,
}

impl<K, V: Clone> Segmented<K, V> {
    pub(super) fn new(
        spec: &StoreSpec,
        key_serde: SerdeRef<K>,
        codec: Arc<dyn ValueCodec<V>>,
    ) -> Self {
        let endless = Segments { retention_ms: i64::MAX, interval_ms: i64::MAX, by_time: false };
        let rows = Rows::new(spec.name.clone(), key_serde, codec);
        Self {
            rows: rows.logging_headers(spec.logged_headers),
            format: spec.format,
            segments: spec.format.segments().unwrap_or(endless),
            persistent: spec.persistent,
            stream_time: -1,
            seen_time: -1,
            stored_time: -1,
            first_segment: 0,
            expired_from: None,
            dropped: 0,
            entries: BTreeSet::new(),
            account: None,
            before: None,
            entered: Vec::new(),
            loaded: Vec::new(),
            plain: Vec::new(),
            from: Vec::new(),
            to: Vec::new(),
        }
    }

    pub(super) fn stream_time(&self) -> i64 {
        self.stream_time
    }

    /// Returns whether key ranges are ordered by time, as in Java's stores in memory.
    pub(super) fn in_memory(&self) -> bool {
        !self.persistent
    }

    pub(super) fn by_time(&self) -> bool {
        self.segments.by_time
    }

    fn first_live_segment(&self) -> i64 {
        (self.stored_time - self.segments.retention_ms).max(0) / self.segments.interval_ms.max(1)
    }

    /// Value of the row of a key at `time`; `layout` appends the local key. An expired row is
    /// visible only as long as a cache has it, as in Java.
    pub(super) fn get(
        &mut self,
        key: &K,
        time: i64,
        layout: impl FnOnce(&mut Vec<u8>, i64, &[u8]),
    ) -> Result<Option<&V>> {
        if time >= self.first_readable_time() {
            return self.at(key, layout)?.get();
        }
        if !self.rows.caching() {
            return Ok(None);
        }
        Ok(self.at(key, layout)?.get_written())
    }

    /// Loads the rows of a key at ascending `times` for the reads that follow, by one seek per
    /// segment, unless the first is known, as the others will be then; `layout` appends the local
    /// key of a time.
    pub(super) fn load(
        &mut self,
        key: &K,
        times: impl Iterator<Item = i64>,
        layout: impl Fn(&mut Vec<u8>, i64, &[u8], i64),
    ) -> Result {
        self.plain.clear();
        self.rows.serialize_key(key, &mut self.plain)?;
        let first = self.first_readable_time();
        let Self { rows, format, segments, loaded, plain, from, to, .. } = self;
        let local = |out: &mut Vec<u8>, time| {
            out.clear();
            layout(out, segments.interval_ms, plain, time);
        };
        let mut times = times.filter(|time| *time >= first);
        let Some(earliest) = times.next() else { return Ok(()) };
        local(from, earliest);
        if rows.knows(from) {
            return Ok(());
        }
        loaded.clear();
        loaded.push(earliest);
        loaded.extend(times);
        for times in loaded.chunk_by(|one, next| segments.of(*one) == segments.of(*next)) {
            let (Some(first), Some(last)) = (times.first(), times.last()) else { continue };
            local(from, *first);
            local(to, *last);
            let wanted = |local: &[u8]| {
                let split = local.get(SEGMENT_BYTES..).and_then(|key| format.split(key));
                // Longer keys that begin with the same bytes may be in between.
                split.is_some_and(|(key, time)| key == plain && times.binary_search(&time).is_ok())
            };
            rows.load_range((Bound::Included(from), Bound::Included(to)), wanted)?;
            for time in times {
                local(from, *time);
                rows.load_none(from);
            }
        }
        Ok(())
    }

    fn first_readable_time(&self) -> i64 {
        (self.stored_time - self.segments.retention_ms + 1).max(0)
    }

    /// Advances stream time to `time`, the time of a row.
    pub(super) fn advance(&mut self, time: i64) {
        self.stream_time = self.stream_time.max(time);
        if !self.rows.caching() {
            self.stored_time = self.stream_time;
        }
    }

    /// Returns whether a write of this time is accepted. A cache accepts all, and asks again when
    /// it forwards them.
    pub(super) fn is_taken(&self, time: i64) -> bool {
        self.rows.caching() || self.is_live(time)
    }

    /// Returns whether a row of this time can be stored; on disk it can until its segment is
    /// removed.
    fn is_live(&self, time: i64) -> bool {
        let expired = self.segments.of(time) < self.first_live_segment()
            || (!self.persistent && time <= self.stored_time - self.segments.retention_ms);
        !expired
    }

    /// Counts a row that had expired before it was written.
    pub(super) fn drop_row(&mut self) {
        self.dropped += 1;
    }

    /// Notes that a row of this time is written for the changelog alone: the commit removes it from
    /// the database.
    pub(super) fn logs_expired(&mut self, time: i64) {
        let segment = self.segments.of(time);
        self.expired_from = Some(self.expired_from.map_or(segment, |from| from.min(segment)));
    }

    /// The row of a key at a time; `layout` appends the local key for the interval and the key's
    /// bytes.
    fn at(
        &mut self,
        key: &K,
        layout: impl FnOnce(&mut Vec<u8>, i64, &[u8]),
    ) -> Result<Row<'_, K, V>> {
        let interval_ms = self.segments.interval_ms;
        self.rows.at_local(key, |local, plain| layout(local, interval_ms, plain))
    }

    /// Sets or deletes the value of that row.
    pub(super) fn write(
        &mut self,
        key: &K,
        value: Option<V>,
        layout: impl FnOnce(&mut Vec<u8>, i64, &[u8]),
    ) -> Result {
        let interval_ms = self.segments.interval_ms;
        let row = self.rows.at_local(key, |local, plain| layout(local, interval_ms, plain))?;
        self.from.clear();
        if self.format.time_entry(row.key(), &mut self.from) && !self.entries.contains(&*self.from)
        {
            if let Some(account) = &mut self.account {
                account.add(self.from.len() + ENTRY_BYTES);
            }
            if self.before.is_some() {
                self.entered.push((&*self.from).into());
            }
            self.entries.insert((&*self.from).into());
        }
        row.write(value);
        Ok(())
    }

    /// The part of `times` in which there may be rows; `None` if there is none. With a cache, rows
    /// before [`first_readable_time`](Self::first_readable_time) are those in the cache.
    fn readable(&self, times: &RangeInclusive<i64>) -> Option<(i64, i64)> {
        let earliest = if self.rows.caching() { 0 } else { self.first_readable_time() };
        let first = (*times.start()).max(earliest);
        let last = (*times.end()).min(self.stream_time.max(self.seen_time));
        (first <= last).then_some((first, last))
    }

    /// The next update that the cache held back: from then on the store knows its time, and a row
    /// that has expired by then is dropped and counted, after the changes forwarded from it.
    pub(super) fn next_pending(&mut self, send_old: bool) -> Result<Option<PendingRow<V>>> {
        let (format, name) = (self.format, self.rows.name.clone());
        let time_of = |local: &[u8]| {
            local.get(SEGMENT_BYTES..).and_then(|key| format.split(key)).map(|(_, time)| time)
        };
        let first = self.first_readable_time();
        let is_kept = |local: &[u8]| time_of(local).is_some_and(|time| time >= first);
        let Some(row) = self.rows.next_pending(send_old, is_kept)? else { return Ok(None) };
        let time = time_of(&row.key).ok_or_else(|| malformed(&name))?;
        self.stored_time = self.stored_time.max(time);
        if !self.is_live(time) {
            self.drop_row();
            self.logs_expired(time);
        }
        Ok(Some(row))
    }

    /// Calls `visit` for the rows of one key with a time in `times`, in order of time, until it
    /// breaks. It takes one seek per live segment, whatever other keys there are. Rows of expired
    /// segments come from the cache only.
    pub(super) fn scan_key(
        &mut self,
        key: &K,
        times: &RangeInclusive<i64>,
        direction: Direction,
        visit: &mut VisitKey<'_, V>,
    ) -> Result {
        self.plain.clear();
        self.rows.serialize_key(key, &mut self.plain)?;
        let Some((first, last)) = self.readable(times) else { return Ok(()) };
        let readable = self.first_readable_time();
        let high = self.segments.of(last);
        let low = self.segments.of(first.max(readable)).min(high + 1);
        let cached = (first, last.min(readable - 1));
        if direction == Direction::Forward
            && self.scan_cached_key(cached, low, direction, visit)?.is_break()
        {
            return Ok(());
        }
        if self.scan_live_key((first, last), (low, high), direction, visit)?.is_continue()
            && direction == Direction::Backward
        {
            // Nothing follows the scan, wherever it ends.
            let _ = self.scan_cached_key(cached, low, direction, visit)?;
        }
        Ok(())
    }

    /// Calls `visit` for the rows that only the cache has of the key in `self.plain`, in the
    /// segments before `end`.
    fn scan_cached_key(
        &mut self,
        (first, last): (i64, i64),
        end: i64,
        direction: Direction,
        visit: &mut VisitKey<'_, V>,
    ) -> Result<ControlFlow<()>> {
        if first > last || self.segments.of(first) >= end {
            return Ok(ControlFlow::Continue(()));
        }
        let Self { rows, format, segments, plain, .. } = self;
        let (low, high) = (segments.of(first).to_be_bytes(), end.to_be_bytes());
        let bounds = (Bound::Included(&low[..]), Bound::Excluded(&high[..]));
        let name = rows.name.clone();
        rows.scan_written(bounds, direction, &mut |local, found| {
            let changelog_key = local.get(SEGMENT_BYTES..).unwrap_or_default();
            let (key, time) = format.split(changelog_key).ok_or_else(|| malformed(&name))?;
            if key != plain.as_slice() || !(first..=last).contains(&time) {
                return Ok(ControlFlow::Continue(()));
            }
            visit(changelog_key, found)
        })
    }

    /// Calls `visit` for the rows of the key in `self.plain` in the segments from `low` to `high`.
    fn scan_live_key(
        &mut self,
        (first, last): (i64, i64),
        (low, high): (i64, i64),
        direction: Direction,
        visit: &mut VisitKey<'_, V>,
    ) -> Result<ControlFlow<()>> {
        let readable = self.first_readable_time();
        let Self { rows, format, segments: _, plain, from, to, .. } = self;
        let name = rows.name.clone();
        for step in 0..=high - low {
            let segment = match direction {
                Direction::Forward => low + step,
                Direction::Backward => high - step,
            };
            for (bound, time) in [(&mut *from, first), (&mut *to, last)] {
                bound.clear();
                bound.extend_from_slice(&segment.to_be_bytes());
                bound.extend_from_slice(plain);
                bound.extend_from_slice(&time.to_be_bytes());
            }
            // After everything that follows the time.
            to.extend_from_slice(&[u8::MAX; 8]);
            let bounds = (Bound::Included(&**from), Bound::Included(&**to));
            let seen = rows.scan(bounds, direction, &mut |local, found| {
                let changelog_key = local.get(SEGMENT_BYTES..).unwrap_or_default();
                let (key, time) = format.split(changelog_key).ok_or_else(|| malformed(&name))?;
                // Longer keys that begin with the same bytes may be in between.
                let inside = key == plain.as_slice() && (first..=last).contains(&time);
                if !inside || (time < readable && !found.is_written()) {
                    return Ok(ControlFlow::Continue(()));
                }
                visit(changelog_key, found)
            })?;
            if seen.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Calls `visit` for the rows of the keys `from` to `to`, both included, with a time in
    /// `times`: segment by segment, and by the bytes of the changelog key within one.
    pub(super) fn scan_keys(
        &mut self,
        (from, to): (Option<&K>, Option<&K>),
        times: &RangeInclusive<i64>,
        direction: Direction,
        visit: &mut VisitKey<'_, V>,
    ) -> Result {
        let (from, to) = (self.bound(from)?, self.bound(to)?);
        let Some((first, last)) = self.readable(times) else { return Ok(()) };
        // Times are not negative here, so the number after the last segment exists among unsigned
        // numbers.
        let low = self.segments.of(first).to_be_bytes();
        let high = (self.segments.of(last).unsigned_abs() + 1).to_be_bytes();
        let bounds = (Bound::Included(&low[..]), Bound::Excluded(&high[..]));
        let (format, name) = (self.format, self.rows.name.clone());
        let readable = self.first_readable_time();
        // Nothing follows the scan, wherever it ends.
        let _ = self.rows.scan(bounds, direction, &mut |local, found| {
            let changelog_key = local.get(SEGMENT_BYTES..).unwrap_or_default();
            let (key, time) = format.split(changelog_key).ok_or_else(|| malformed(&name))?;
            let inside = from.as_deref().is_none_or(|from| key >= from)
                && to.as_deref().is_none_or(|to| key <= to);
            let expired = time < readable && !found.is_written();
            if !inside || expired || !(first..=last).contains(&time) {
                return Ok(ControlFlow::Continue(()));
            }
            visit(changelog_key, found)
        })?;
        Ok(())
    }

    /// The first time at which rows may exist at all, readable or not.
    pub(super) fn first_kept_time(&self) -> i64 {
        self.first_live_segment().saturating_mul(self.segments.interval_ms)
    }

    /// The first time that the index by time shows: Java's shows one millisecond more than other
    /// reads.
    pub(super) fn first_indexed_time(&self) -> i64 {
        self.first_readable_time().saturating_sub(1).max(0)
    }

    /// Calls `visit` for the readable rows with a time in `times`, in order of time by the index,
    /// until it breaks.
    pub(super) fn scan_times(
        &mut self,
        times: &RangeInclusive<i64>,
        visit: &mut VisitKey<'_, V>,
    ) -> Result {
        let Some((first, last)) = self.readable(times) else { return Ok(()) };
        let readable = self.first_readable_time();
        if first < readable
            && self.scan_cached_times((first, last.min(readable - 1)), visit)?.is_break()
        {
            return Ok(());
        }
        self.scan_index((first.max(readable), last), visit)
    }

    /// Calls `visit` for the rows that only the cache has, with a time from `first` to `last`, in
    /// order of time.
    fn scan_cached_times(
        &mut self,
        (first, last): (i64, i64),
        visit: &mut VisitKey<'_, V>,
    ) -> Result<ControlFlow<()>> {
        let low = self.segments.of(first).to_be_bytes();
        let high = (self.segments.of(last) + 1).to_be_bytes();
        let bounds = (Bound::Included(&low[..]), Bound::Excluded(&high[..]));
        let format = self.format;
        let mut found: Vec<(i64, Box<[u8]>)> = Vec::new();
        let name = self.rows.name.clone();
        // It never breaks.
        let _ = self.rows.scan_written(bounds, Direction::Forward, &mut |local, _| {
            let changelog_key = local.get(SEGMENT_BYTES..).unwrap_or_default();
            let (_, time) = format.split(changelog_key).ok_or_else(|| malformed(&name))?;
            if (first..=last).contains(&time) {
                found.push((time, local.into()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        // Rows of one time are in one segment, and are ordered by key.
        found.sort_unstable();
        for (_, local) in found {
            let changelog_key = local.get(SEGMENT_BYTES..).unwrap_or_default();
            let seen = self.rows.visit(&local, &mut |_, found| visit(changelog_key, found))?;
            if seen.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Like [`scan_times`](Self::scan_times), with rows that have expired and are not yet removed.
    pub(super) fn scan_index(
        &mut self,
        (first, last): (i64, i64),
        visit: &mut VisitKey<'_, V>,
    ) -> Result {
        if first > last {
            return Ok(());
        }
        let (low, high) = (time_bound(first), time_bound_behind(last));
        let bounds = (Bound::Included(&low[..]), Bound::Excluded(&high[..]));
        let mut entries: Vec<Box<[u8]>> = Vec::new();
        let context = self.rows.context()?;
        context.database.scan(context.id, bounds, Direction::Forward, &mut |entry, _| {
            entries.push(entry.into());
            ControlFlow::Continue(())
        })?;
        entries.extend(self.entries.range::<[u8], _>(bounds).cloned());
        entries.sort_unstable();
        entries.dedup();
        for entry in entries {
            let malformed = || self.rows.malformed();
            let (time, changelog_key) = parse_time_entry(&entry).ok_or_else(malformed)?;
            self.from.clear();
            self.from.extend_from_slice(&self.segments.of(time).to_be_bytes());
            self.from.extend_from_slice(changelog_key);
            let seen = self.rows.visit(&self.from, &mut |_, found| visit(changelog_key, found))?;
            if seen.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn bound(&self, key: Option<&K>) -> Result<Option<Vec<u8>>> {
        let Some(key) = key else { return Ok(None) };
        let mut bytes = Vec::new();
        self.rows.serialize_key(key, &mut bytes)?;
        Ok(Some(bytes))
    }

    pub(super) fn open(&mut self, context: StoreContext) -> Result {
        let observed = context.database.offset(&stream_time_entry(&self.rows.name))?;
        self.stream_time = observed.unwrap_or(-1);
        let seen = context.database.offset(&seen_time_entry(&self.rows.name))?;
        self.seen_time = seen.unwrap_or(-1);
        self.stored_time = self.stream_time;
        self.first_segment = 0;
        self.expired_from = None;
        self.account = Some(context.budget.overlay_account());
        if context.caching {
            self.rows.open_with_clean_rows_scanned(context);
        } else {
            self.rows.open(context);
        }
        Ok(())
    }

    /// Serialises the writes since the last commit, and removes the expired segments.
    pub(super) fn stage(&mut self, writer: &mut ChangelogWriter<'_>) -> Result {
        let format = self.format;
        self.rows.stage(writer, |local| format.to_changelog_key(local))?;
        let id = self.rows.context()?.id;
        for entry in &self.entries {
            let malformed = || self.rows.malformed();
            let (time, changelog_key) = parse_time_entry(entry).ok_or_else(malformed)?;
            self.from.clear();
            self.from.extend_from_slice(&self.segments.of(time).to_be_bytes());
            self.from.extend_from_slice(changelog_key);
            match self.rows.written(&self.from) {
                Some(true) => writer.batch.put(id, entry, &[]),
                Some(false) => writer.batch.delete(id, entry),
                // The row was never known anywhere.
                None => {}
            }
        }
        let first_live = self.first_live_segment();
        let begin =
            self.expired_from.map_or(self.first_segment, |from| from.min(self.first_segment));
        if first_live > begin {
            let end = first_live;
            writer.batch.delete_range(id, &begin.to_be_bytes(), &end.to_be_bytes());
            if self.segments.by_time {
                let time = |segment: i64| segment.saturating_mul(self.segments.interval_ms);
                let (begin, end) = (time_bound(time(begin)), time_bound(time(end)));
                writer.batch.delete_range(id, &begin, &end);
            }
            self.first_segment = first_live;
        }
        writer.batch.set_mark(&stream_time_entry(&self.rows.name), self.stream_time);
        Ok(())
    }

    /// Logs a row again, an expired one as gone: a restore leaves it out, also where the database
    /// has an earlier value of it.
    pub(super) fn log_again(
        &self,
        key: &[u8],
        timestamp: i64,
        writer: &mut ChangelogWriter<'_>,
    ) -> Result {
        let (_, time) = self.format.split(key).ok_or_else(|| self.rows.malformed())?;
        let mut local = self.segments.of(time).to_be_bytes().to_vec();
        local.extend_from_slice(key);
        if time < self.first_readable_time() && !self.rows.knows(&local) {
            return writer.log(key, None, timestamp);
        }
        self.rows.log_again(&local, key, timestamp, writer)
    }

    pub(super) fn check(&self, key: &[u8], value: &[u8]) -> Result {
        let split = key.get(SEGMENT_BYTES..).and_then(|key| self.format.split(key));
        let (plain, _) = split.ok_or_else(|| self.rows.malformed())?;
        self.rows.check(plain, value)
    }

    pub(super) fn committed(&mut self) {
        self.entries.clear();
        self.expired_from = None;
        if let Some(account) = &mut self.account {
            account.sub(account.used());
        }
        self.rows.committed();
    }

    pub(super) fn begin_attempt(&mut self) {
        self.rows.begin_attempt();
        self.entered.clear();
        self.before = Some(Before {
            stream_time: self.stream_time,
            stored_time: self.stored_time,
            expired_from: self.expired_from,
            dropped: self.dropped,
        });
    }

    pub(super) fn undo_attempt(&mut self) {
        self.rows.undo_attempt();
        let Some(before) = self.before.take() else { return };
        self.stream_time = before.stream_time;
        self.stored_time = before.stored_time;
        self.expired_from = before.expired_from;
        self.dropped = before.dropped;
        for entry in self.entered.drain(..) {
            if let Some(account) = &mut self.account {
                account.sub(entry.len() + ENTRY_BYTES);
            }
            self.entries.remove(&entry);
        }
    }

    pub(super) fn end_attempt(&mut self) {
        self.rows.end_attempt();
        self.before = None;
    }

    pub(super) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }
}
