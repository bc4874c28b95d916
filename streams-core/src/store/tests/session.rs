//! The session store against a map, and against Java's rules of retention: a session can be read
//! until stream time has reached its end plus the retention. In memory it can be written for as
//! long; on disk until its segment is gone.

use std::{cmp::Reverse, time::Duration};

use proptest::{collection::vec, prelude::*, sample::select};
use state_store::key_schema::parse_session_key;

use super::{
    bed::{Bed, Turn},
    check,
    engine::{Engine, Memory, STORE},
    model::{Expiry, Model},
    turn,
};
use crate::{
    Direction,
    serde::{bytes, long},
    store::{SessionStore, SessionWindow, StateStore, StoreBuilder, Stores},
};

type Key = Vec<u8>;
type Store = SessionStore<Key, i64>;

const RETENTION_MS: i64 = 150_000;
/// Half the retention, but at least a minute.
const SEGMENT_INTERVAL_MS: i64 = 75_000;

/// Steps; ends are given by their distance from stream time, in milliseconds.
#[derive(Clone, Debug)]
enum Step {
    Put(Key, Option<i64>, i64, i64),
    Remove(Key, i64, i64),
    CompareAll,
    Turn(Turn),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    key: Key,
    window: SessionWindow,
}

#[derive(Clone, Debug)]
struct Query {
    from: Option<Key>,
    to: Option<Key>,
    earliest_end: i64,
    latest_start: i64,
}

/// Keys that are prefixes of each other, and one that resembles a key with the end of a session.
fn keys() -> Vec<Key> {
    let keys: [&[u8]; 6] =
        [b"", b"\0", b"a", b"a\0", b"a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", b"\xff"];
    keys.map(<[u8]>::to_vec).to_vec()
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![Just(b"a".to_vec()), select(keys())]
}

/// Ends relative to stream time: most sessions live, some at the edges of segments and of the
/// retention.
fn distance() -> impl Strategy<Value = i64> {
    prop_oneof![
        12 => (-6..1_i64).prop_map(|step| step * 25_000),
        2 => (-4..0_i64, -1..2_i64).prop_map(|(step, off)| step * 75_000 + off),
        1 => (1..4_i64).prop_map(|step| step * 25_000),
        1 => Just(2 * RETENTION_MS),
    ]
}

fn length() -> impl Strategy<Value = i64> {
    select(vec![0, 1, 25_000, 60_000])
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => (0..24_i64).prop_map(|step| step * 25_000),
        2 => (0..8_i64, -1..2_i64).prop_map(|(step, off)| step * 75_000 + off),
        1 => select(vec![i64::MIN, -1, i64::MAX]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (key(), proptest::option::weighted(0.75, 0..100_i64), distance(), length())
            .prop_map(|(key, value, distance, length)| Step::Put(key, value, distance, length)),
        2 => (key(), (-6..1_i64), length())
            .prop_map(|(key, step, length)| Step::Remove(key, step * 25_000, length)),
        1 => Just(Step::CompareAll),
        3 => turn().prop_map(Step::Turn),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    let bound = || proptest::option::weighted(0.7, select(keys()));
    (bound(), bound(), time(), time()).prop_map(|(from, to, earliest_end, latest_start)| Query {
        from,
        to,
        earliest_end,
        latest_start,
    })
}

struct Test<E> {
    bed: Bed<E, Store>,
    /// Also holds expired rows, which are in the changelog.
    model: Model<Row, i64>,
    stream_time: i64,
    /// True if the changelog has shown the store everything that moved its stream time.
    exact: bool,
    expiry: Expiry<Row>,
    queries: Vec<Query>,
    /// Increases with each record.
    timestamp: i64,
}

impl<E: Engine> Test<E> {
    fn window(&self, distance: i64, length: i64) -> SessionWindow {
        let end = (self.stream_time.max(0) + distance).max(0);
        SessionWindow::new((end - length).max(0), end)
    }

    fn run(&mut self, step: Step) {
        self.timestamp += 1;
        self.bed.begin_record(self.timestamp);
        match step {
            Step::Put(key, value, distance, length) => {
                let window = self.window(distance, length);
                self.bed.store().put(&key, window, value).unwrap();
                self.stream_time = self.stream_time.max(window.end);
                let row = Row { key, window };
                if self.expiry.put(row.clone(), window.end) {
                    self.model.write(row, value, self.timestamp);
                }
            }
            Step::Remove(key, distance, length) => {
                if self.stream_time < 0 {
                    return;
                }
                let window = self.window(distance, length);
                self.bed.store().remove(&key, window).unwrap();
                let row = Row { key, window };
                if self.expiry.remove(row.clone(), window.end) {
                    self.model.write(row, None, self.timestamp);
                }
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
        let ends = self.bed.logged_keys().map(|key| parse_session_key(key).unwrap().1);
        let logged = ends.max().unwrap_or(-1);
        let found = self.bed.store().observed_stream_time();
        self.exact &= !compacted;
        if self.exact {
            assert_eq!(found, logged);
        } else {
            let live = self.model.live.keys().map(|row| row.window.end).max().unwrap_or(-1);
            assert!((live..=logged.max(self.stream_time)).contains(&found), "{live} <= {found}");
        }
        self.stream_time = found;
        self.expiry.reopened(found);
    }

    /// Lets downstream see the changes that the cache held back, each session once. Returns their
    /// number.
    fn forward(&mut self, send_old: bool) -> usize {
        let mut forwarded = Vec::new();
        while let Some(change) = self.bed.store().next_pending(send_old).unwrap() {
            let row = Row { key: change.key, window: change.window };
            forwarded.push((row, change.new, change.old, change.context.timestamp));
        }
        let mut owed = Vec::new();
        if self.bed.caching() {
            owed = self.model.owed_of_rows_that_expire(&mut self.expiry, |row| row.window.end);
        }
        assert_eq!(self.bed.store().take_dropped(), std::mem::take(&mut self.expiry.dropped));
        for (_, _, old, _) in &mut owed {
            *old = old.take().filter(|_| send_old);
        }
        assert_eq!(forwarded, owed);
        owed.len()
    }

    fn compare_all(&mut self) {
        let written: Vec<Row> = self.model.live.keys().cloned().collect();
        for Row { key, window } in written {
            let row = Row { key: key.clone(), window };
            let readable = self.expiry.can_be_read(&row, window.end);
            let expected = self.model.live.get(&row).filter(|_| readable);
            assert_eq!(self.bed.store().fetch_session(&key, window).unwrap(), expected);
        }
        for query in self.queries.clone() {
            for direction in [Direction::Forward, Direction::Backward] {
                self.compare_query(&query, direction);
            }
            self.compare_ended(query.earliest_end, query.latest_start);
        }
    }

    fn compare_query(&mut self, query: &Query, direction: Direction) {
        let Query { from, to, earliest_end, latest_start } = query;
        let (from, to) = (from.as_ref(), to.as_ref());
        let times = (*earliest_end, *latest_start);
        let store = self.bed.store();
        let found = store.find_sessions_of_keys(from, to, times, direction).unwrap();
        assert_eq!(found, self.expected(query, direction), "{query:?} {direction:?}");
        let Some(key) = from else { return };
        let found = self.bed.store().find_sessions(key, times.0, times.1, direction).unwrap();
        let of_key = Query { to: from.cloned(), ..query.clone() };
        let expected = self.expected(&of_key, direction).into_iter();
        let expected: Vec<_> = expected.map(|(_, window, value)| (window, value)).collect();
        assert_eq!(found, expected, "{of_key:?} {direction:?}");
    }

    fn compare_ended(&mut self, first: i64, last: i64) {
        let all = Query { from: None, to: None, earliest_end: first, latest_start: i64::MAX };
        let mut expected = self.expected(&all, Direction::Forward);
        expected.retain(|(_, window, _)| window.end <= last);
        if self.bed.spec().persistent {
            expected.sort_by_key(|(key, window, _)| (window.end, window.start, key.clone()));
        }
        let found = self.bed.store().find_ended(first..=last).unwrap();
        assert_eq!(found, expected, "{first}..={last}");
    }

    fn expected(&self, query: &Query, direction: Direction) -> Vec<(Key, SessionWindow, i64)> {
        let rows = self.model.live.iter().filter(|(row, _)| {
            query.from.as_ref().is_none_or(|from| row.key >= *from)
                && query.to.as_ref().is_none_or(|to| row.key <= *to)
                && row.window.end >= query.earliest_end
                && row.window.start <= query.latest_start
                && self.expiry.can_be_read(row, row.window.end)
        });
        let rows = rows.map(|(row, value)| (row.key.clone(), row.window, *value));
        let mut rows: Vec<_> = rows.collect();
        if self.bed.spec().persistent {
            rows.sort_by_key(|(key, window, _)| {
                let times = [window.end.to_be_bytes(), window.start.to_be_bytes()].concat();
                (window.end / SEGMENT_INTERVAL_MS, [key.as_slice(), &times].concat())
            });
        } else {
            rows.sort_by_key(|(key, window, _)| (window.end, key.clone(), Reverse(window.start)));
        }
        if direction == Direction::Backward {
            rows.reverse();
        }
        rows
    }
}

fn reads_are_those_of_a_map<E: Engine>(cases: u32, builder: &StoreBuilder<Store>) {
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

fn sessions() -> StoreBuilder<Store> {
    let retention = Duration::from_millis(RETENTION_MS.unsigned_abs());
    Stores::session(STORE, retention, bytes(), long())
}

#[test]
fn a_session_store_in_memory_reads_like_a_map_of_what_has_not_expired() {
    reads_are_those_of_a_map::<Memory>(384, &sessions().in_memory());
}

#[test]
fn a_session_store_in_memory_in_order_of_time_reads_like_a_map_of_what_has_not_expired() {
    reads_are_those_of_a_map::<Memory>(384, &sessions().in_memory().in_order_of_time());
}

#[test]
fn a_session_store_in_segments_reads_like_a_map_of_what_has_not_expired() {
    reads_are_those_of_a_map::<Memory>(384, &sessions());
}

#[test]
fn a_session_store_in_segments_in_order_of_time_reads_like_a_map_of_what_has_not_expired() {
    reads_are_those_of_a_map::<Memory>(384, &sessions().in_order_of_time());
}

#[cfg(feature = "rocksdb")]
#[test]
fn a_session_store_in_rocksdb_reads_like_a_map_of_what_has_not_expired() {
    reads_are_those_of_a_map::<super::engine::Rocks>(8, &sessions());
}

#[cfg(feature = "rocksdb")]
#[test]
fn a_session_store_in_rocksdb_in_order_of_time_reads_like_a_map_of_what_has_not_expired() {
    reads_are_those_of_a_map::<super::engine::Rocks>(8, &sessions().in_order_of_time());
}
