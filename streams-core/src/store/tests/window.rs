//! The window store against a map, and against Java's rules of retention: a window can be read
//! until stream time has reached its start plus the retention. In memory it can be written for as
//! long; on disk until its segment is gone.

use std::{ops::RangeInclusive, time::Duration};

use proptest::{collection::vec, prelude::*, sample::select};
use state_store::key_schema::parse_window_key;

use super::{
    TestValue,
    bed::{Bed, Turn},
    check,
    engine::{Engine, Memory, STORE},
    model::{Expiry, Model},
    turn,
};
use crate::{
    Direction,
    serde::{bytes, long},
    store::{StateStore, StoreBuilder, Stores, ValueAndTimestamp, WindowStore},
};

type Key = Vec<u8>;
type Store<V> = WindowStore<Key, V>;

const RETENTION_MS: i64 = 150_000;
/// Half the retention, but at least a minute.
const SEGMENT_INTERVAL_MS: i64 = 75_000;

/// Steps; starts are given by their distance from stream time, in milliseconds.
#[derive(Clone, Debug)]
enum Step {
    Put(Key, Option<i64>, i64),
    Fetch(Key, i64),
    Prefetch(Key, i64),
    CompareAll,
    Turn(Turn),
}

/// The sort key of a row: rows of a segment are ordered by their bytes, key and start; in memory by
/// time, then key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    segment: i64,
    bytes: Vec<u8>,
    key: Key,
    start: i64,
}

#[derive(Clone, Debug)]
struct Query {
    from: Option<Key>,
    to: Option<Key>,
    times: RangeInclusive<i64>,
}

/// Keys that are prefixes of each other, and one that resembles a key with the start of a window.
fn keys() -> Vec<Key> {
    let keys: [&[u8]; 7] = [b"", b"\0", b"a", b"a\0", b"a\0\0\0\0\0\0\0\0\0\0\0\0", b"b", b"\xff"];
    keys.map(<[u8]>::to_vec).to_vec()
}

/// Starts relative to stream time: most windows live, some at the edges of segments and of the
/// retention, a few ahead.
fn distance() -> impl Strategy<Value = i64> {
    prop_oneof![
        12 => (-6..1_i64).prop_map(|step| step * 25_000),
        2 => (-4..0_i64, -1..2_i64).prop_map(|(step, off)| step * 75_000 + off),
        1 => (1..4_i64).prop_map(|step| step * 25_000),
        1 => Just(2 * RETENTION_MS),
    ]
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => (0..24_i64).prop_map(|step| step * 25_000),
        2 => (0..8_i64, -1..2_i64).prop_map(|(step, off)| step * 75_000 + off),
        1 => select(vec![i64::MIN, -1, i64::MAX]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    // One key is more frequent, so that rows are written again and deleted.
    let key = || prop_oneof![Just(b"a".to_vec()), select(keys())];
    prop_oneof![
        10 => (key(), proptest::option::weighted(0.75, 0..100_i64), distance())
            .prop_map(|(key, value, distance)| Step::Put(key, value, distance)),
        3 => (key(), distance()).prop_map(|(key, distance)| Step::Fetch(key, distance)),
        3 => (key(), distance()).prop_map(|(key, distance)| Step::Prefetch(key, distance)),
        1 => Just(Step::CompareAll),
        3 => turn().prop_map(Step::Turn),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    let bound = || proptest::option::weighted(0.7, select(keys()));
    (bound(), bound(), time(), time()).prop_map(|(from, to, first, last)| Query {
        from,
        to,
        times: first..=last,
    })
}

struct Test<E, V> {
    bed: Bed<E, Store<V>>,
    /// Also holds expired rows, which are in the changelog.
    model: Model<Row, V>,
    stream_time: i64,
    /// True if the changelog has shown the store everything that moved its stream time.
    exact: bool,
    expiry: Expiry<Row>,
    queries: Vec<Query>,
    /// Increases with each record.
    timestamp: i64,
}

impl<E: Engine, V: TestValue> Test<E, V> {
    fn row(&self, key: &Key, start: i64) -> Row {
        let (segment, bytes) = if self.bed.spec().persistent {
            (start / SEGMENT_INTERVAL_MS, [key.as_slice(), &start.to_be_bytes()].concat())
        } else {
            (start, key.clone())
        };
        Row { segment, bytes, key: key.clone(), start }
    }

    fn start(&self, distance: i64) -> i64 {
        (self.stream_time.max(0) + distance).max(0)
    }

    fn run(&mut self, step: Step) {
        self.timestamp += 1;
        self.bed.begin_record(self.timestamp);
        match step {
            Step::Put(key, number, distance) => {
                let start = self.start(distance);
                let value = number.map(|number| V::of(number, self.timestamp / 2 + 1_000));
                self.bed.store().put(&key, value.clone(), start).unwrap();
                self.stream_time = self.stream_time.max(start);
                let row = self.row(&key, start);
                if self.expiry.put(row.clone(), start) {
                    self.model.write(row, value, self.timestamp);
                }
            }
            Step::Fetch(key, distance) => self.compare_fetch(&key, self.start(distance)),
            Step::Prefetch(key, distance) => {
                let start = self.start(distance);
                let starts = (0..4).map(|step| start + step * 25_000);
                self.bed.store().prefetch(&key, starts).unwrap();
            }
            Step::CompareAll => self.compare_all(),
            Step::Turn(turn) => self.turn(turn),
        }
    }

    fn turn(&mut self, turn: Turn) {
        let mut logged = false;
        match turn {
            Turn::Commit { send_old } => {
                let owed = self.forward(send_old);
                let written = if self.bed.caching() { owed } else { self.model.written() };
                assert_eq!(self.bed.commit(), written, "one record for each row written");
                assert_eq!(self.bed.store().observed_stream_time(), self.stream_time);
                self.model.commit();
                self.compare_all();
                return;
            }
            Turn::Abort => self.bed.abort(),
            Turn::AbortAfterStage { logged: kept } => {
                logged = kept;
                self.forward(false);
                self.bed.abort_after_stage(logged);
            }
            Turn::Restart { flush } => self.bed.restart(flush),
            Turn::RestoreAnew { compacted, buffer } => self.bed.restore_anew(compacted, buffer),
        }
        if logged {
            self.model.commit();
        } else {
            self.model.abort();
        }
        self.reopened(matches!(turn, Turn::RestoreAnew { compacted: true, .. }));
        self.compare_all();
    }

    /// A reopened store has the stream time of the last commit, unless a tombstone moved it that
    /// downstream never saw, or that compaction removed: then the store may not know.
    fn reopened(&mut self, compacted: bool) {
        let starts = self.bed.logged_keys().map(|key| parse_window_key(key).unwrap().1);
        let logged = starts.max().unwrap_or(-1);
        let found = self.bed.store().observed_stream_time();
        self.exact &= !compacted;
        if self.exact {
            assert_eq!(found, logged);
        } else {
            let live = self.model.live.keys().map(|row| row.start).max().unwrap_or(-1);
            assert!((live..=logged.max(self.stream_time)).contains(&found), "{live} <= {found}");
        }
        self.stream_time = found;
        self.expiry.reopened(found);
    }

    /// Lets downstream see the changes that the cache held back, each window once. Returns their
    /// number.
    fn forward(&mut self, send_old: bool) -> usize {
        let mut forwarded = Vec::new();
        while let Some(change) = self.bed.store().next_pending(send_old).unwrap() {
            let row = self.row(&change.key, change.start);
            forwarded.push((row, change.new, change.old, change.context.timestamp));
        }
        let mut owed = Vec::new();
        if self.bed.caching() {
            owed = self.model.owed_of_rows_that_expire(&mut self.expiry, |row| row.start);
        }
        assert_eq!(self.bed.store().take_dropped(), std::mem::take(&mut self.expiry.dropped));
        for (_, _, old, _) in &mut owed {
            *old = old.take().filter(|_| send_old);
        }
        assert_eq!(forwarded, owed);
        owed.len()
    }

    fn compare_fetch(&mut self, key: &Key, start: i64) {
        let row = self.row(key, start);
        let readable = self.expiry.can_be_read(&row, start);
        let expected = self.model.live.get(&row).filter(|_| readable);
        assert_eq!(self.bed.store().fetch(key, start).unwrap(), expected, "{key:?} at {start}");
    }

    fn compare_all(&mut self) {
        let written: Vec<Row> = self.model.live.keys().cloned().collect();
        for row in written {
            self.compare_fetch(&row.key, row.start);
        }
        for direction in [Direction::Forward, Direction::Backward] {
            let all = Query { from: None, to: None, times: 0..=i64::MAX };
            let found = self.bed.store().all(direction).unwrap();
            assert_eq!(found, self.in_order_of_time(&all, direction));
            for query in self.queries.clone() {
                self.compare_query(&query, direction);
            }
        }
    }

    fn compare_query(&mut self, query: &Query, direction: Direction) {
        let Query { from, to, times } = query;
        let found =
            self.bed.store().fetch_keys(from.as_ref(), to.as_ref(), times.clone(), direction);
        assert_eq!(found.unwrap(), self.expected(query, direction), "{query:?} {direction:?}");
        let found = self.bed.store().fetch_all(times.clone(), direction).unwrap();
        let of_all = Query { from: None, to: None, times: times.clone() };
        assert_eq!(found, self.in_order_of_time(&of_all, direction), "{of_all:?} {direction:?}");
        let Some(key) = from else { return };
        let found = self.bed.store().fetch_range(key, times.clone(), direction).unwrap();
        let of_key = Query { to: from.clone(), ..query.clone() };
        let expected = self.expected(&of_key, direction);
        let expected: Vec<_> =
            expected.into_iter().map(|(_, start, value)| (start, value)).collect();
        assert_eq!(found, expected, "{of_key:?} {direction:?}");
    }

    /// The expected rows of all keys: in order of time if the store has an index for that.
    fn in_order_of_time(&self, query: &Query, direction: Direction) -> Vec<(Key, i64, V)> {
        let mut rows = self.expected(query, Direction::Forward);
        if self.bed.spec().format.segments().is_some_and(|segments| segments.by_time) {
            rows.sort_by_key(|(key, start, _)| (*start, key.clone()));
        }
        if direction == Direction::Backward {
            rows.reverse();
        }
        rows
    }

    fn expected(&self, query: &Query, direction: Direction) -> Vec<(Key, i64, V)> {
        let rows = self.model.live.iter().filter(|(row, _)| {
            query.from.as_ref().is_none_or(|from| row.key >= *from)
                && query.to.as_ref().is_none_or(|to| row.key <= *to)
                && query.times.contains(&row.start)
                && self.expiry.can_be_read(row, row.start)
        });
        let rows = rows.map(|(row, value)| (row.key.clone(), row.start, value.clone()));
        match direction {
            Direction::Forward => rows.collect(),
            Direction::Backward => rows.rev().collect(),
        }
    }
}

fn reads_are_those_of_a_map<E: Engine, V: TestValue>(cases: u32, builder: &StoreBuilder<Store<V>>) {
    let case = (vec(step(), 1..60), vec(query(), 4), any::<bool>(), 0..3_000_usize);
    check(cases, &case, |(steps, queries, caching, overlay_bytes)| {
        // Which expired rows a cache still shows depends on its evictions, which can't be
        // predicted.
        let overlay_bytes = if caching { usize::MAX / 2 } else { overlay_bytes };
        let bed = Bed::<E, _>::new(builder.clone(), caching, overlay_bytes);
        let mut expiry = Expiry::new(RETENTION_MS, SEGMENT_INTERVAL_MS);
        (expiry.persistent, expiry.caching) = (bed.spec().persistent, bed.caching());
        let (model, exact) = (Model::new(), !caching);
        let mut test = Test { bed, model, stream_time: -1, exact, expiry, queries, timestamp: 0 };
        for step in steps {
            test.run(step);
        }
        test.turn(Turn::Commit { send_old: true });
        test.turn(Turn::RestoreAnew { compacted: false, buffer: 7 });
    });
}

fn plain() -> StoreBuilder<Store<i64>> {
    let retention = Duration::from_millis(RETENTION_MS.unsigned_abs());
    Stores::window(STORE, retention, bytes(), long())
}

fn timestamped() -> StoreBuilder<Store<ValueAndTimestamp<i64>>> {
    let retention = Duration::from_millis(RETENTION_MS.unsigned_abs());
    Stores::timestamped_window(STORE, retention, bytes(), long())
}

#[test]
fn a_window_store_in_memory_reads_like_a_map_of_what_has_not_expired() {
    reads_are_those_of_a_map::<Memory, _>(768, &plain().in_memory());
}

#[test]
fn a_timestamped_window_store_in_memory_reads_like_a_map_of_what_has_not_expired() {
    reads_are_those_of_a_map::<Memory, _>(768, &timestamped().in_memory());
}

#[test]
fn a_window_store_in_segments_reads_like_a_map_of_what_has_not_expired() {
    reads_are_those_of_a_map::<Memory, _>(768, &plain());
}

#[test]
fn a_timestamped_window_store_in_segments_reads_like_a_map_of_what_has_not_expired() {
    reads_are_those_of_a_map::<Memory, _>(768, &timestamped());
}

#[test]
fn a_window_store_in_order_of_time_reads_like_a_map_of_what_has_not_expired() {
    reads_are_those_of_a_map::<Memory, _>(384, &timestamped().in_order_of_time());
}

#[test]
fn a_window_store_in_memory_in_order_of_time_reads_like_a_map_of_what_has_not_expired() {
    reads_are_those_of_a_map::<Memory, _>(384, &timestamped().in_memory().in_order_of_time());
}

#[cfg(feature = "rocksdb")]
#[test]
fn a_window_store_in_rocksdb_reads_like_a_map_of_what_has_not_expired() {
    reads_are_those_of_a_map::<super::engine::Rocks, _>(8, &plain());
}

#[cfg(feature = "rocksdb")]
#[test]
fn a_window_store_in_rocksdb_in_order_of_time_reads_like_a_map_of_what_has_not_expired() {
    reads_are_those_of_a_map::<super::engine::Rocks, _>(8, &plain().in_order_of_time());
}

#[cfg(feature = "rocksdb")]
#[test]
fn a_timestamped_window_store_in_rocksdb_reads_like_a_map_of_what_has_not_expired() {
    reads_are_those_of_a_map::<super::engine::Rocks, _>(8, &timestamped());
}

/// A record with the greatest possible time is the newest, not an overflow.
#[test]
fn a_window_at_the_end_of_time_can_be_written_and_read() {
    for builder in [plain(), plain().in_memory()] {
        let mut bed = Bed::<Memory, _>::new(builder, false, 1_000);
        let key = b"a".to_vec();
        for start in [i64::MAX - 1, i64::MAX] {
            bed.store().put(&key, Some(1), start).unwrap();
        }
        for _ in 0..2 {
            let found = bed.store().fetch_range(&key, 0..=i64::MAX, Direction::Forward).unwrap();
            assert_eq!(found, [(i64::MAX - 1, 1), (i64::MAX, 1)]);
            assert_eq!(bed.store().fetch(&key, i64::MAX).unwrap(), Some(&1));
            bed.commit();
        }
    }
}

/// With at-least-once, an instance wrote a pick to the store of a join, committed its offset and
/// got no answer. It restored the store, where rows move stream time no further than the committed
/// time of all inputs: the scans lagged behind. The pick's window began in a later segment than
/// that stream time, and reads ended there. So the next scan did not find the pick, and their pair
/// was lost.
#[test]
fn a_restored_window_behind_stream_time_is_read_though_it_does_not_move_it() {
    for builder in [plain(), plain().in_memory(), plain().in_order_of_time()] {
        let mut bed = Bed::<Memory, _>::new(builder, false, 1_000);
        let key = b"a".to_vec();
        let later = 10 + 2 * SEGMENT_INTERVAL_MS;
        for start in [10, later] {
            bed.store().put(&key, Some(1), start).unwrap();
        }
        bed.commit();
        bed.restore_anew_behind(10);
        let store = bed.store();
        assert_eq!(store.observed_stream_time(), 10);
        let all = [(10, 1), (later, 1)];
        let times = 0..=i64::MAX;
        assert_eq!(store.fetch_range(&key, times, Direction::Forward).unwrap(), all);
        assert_eq!(store.fetch(&key, later).unwrap(), Some(&1));
    }
}
