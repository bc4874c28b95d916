//! The store of versions against a map of all versions, and against Java's rules: history can be
//! read and written until stream time has advanced by the retention.

use std::{collections::BTreeMap, time::Duration};

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    bed::{Bed, Turn},
    check,
    engine::{Engine, Memory, STORE},
    turn,
};
use crate::{
    serde::{bytes, long},
    store::{
        StateStore, StoreBuilder, Stores, VersionPut, VersionedKeyValueStore, VersionedRecord,
    },
};

type Key = Vec<u8>;
type Store = VersionedKeyValueStore<Key, i64>;
/// Every version that was put, by key and time.
type Versions = BTreeMap<(Key, i64), Option<i64>>;

const HISTORY_MS: i64 = 150_000;

/// Steps; times are given by their distance from stream time, in milliseconds.
#[derive(Clone, Debug)]
enum Step {
    Put(Key, Option<i64>, i64),
    Delete(Key, i64),
    Turn(Turn),
}

/// Keys that are prefixes of each other, and one that resembles a key with times.
fn key() -> impl Strategy<Value = Key> {
    let keys: [&[u8]; 5] = [b"", b"a", b"a", b"a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", b"b"];
    select(keys.map(<[u8]>::to_vec).to_vec())
}

fn distance() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => (-7..2_i64).prop_map(|step| step * 25_000),
        2 => (-3..1_i64, -1..2_i64).prop_map(|(step, off)| step * 75_000 + off),
        1 => Just(2 * HISTORY_MS),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (key(), proptest::option::weighted(0.8, 0..100_i64), distance())
            .prop_map(|(key, value, distance)| Step::Put(key, value, distance)),
        2 => (key(), distance()).prop_map(|(key, distance)| Step::Delete(key, distance)),
        3 => turn().prop_map(Step::Turn),
    ]
}

struct Test<E> {
    bed: Bed<E, Store>,
    live: Versions,
    committed: Versions,
    stream_time: i64,
    dropped: u64,
}

impl<E: Engine> Test<E> {
    fn time(&self, distance: i64) -> i64 {
        (self.stream_time.max(0) + distance).max(0)
    }

    /// The version of a key at a time: its value, timestamp and end.
    fn valid_at(&self, key: &Key, time: i64) -> Option<VersionedRecord<i64>> {
        if time < 0 {
            return None;
        }
        let (first, last) = ((key.clone(), 0), (key.clone(), time));
        let ((_, timestamp), value) = self.live.range(first..=last).next_back()?;
        let valid_to = self.next(key, time);
        if valid_to.is_some() && time < self.stream_time - HISTORY_MS {
            return None;
        }
        value.map(|value| VersionedRecord { value, timestamp: *timestamp, valid_to })
    }

    fn next(&self, key: &Key, time: i64) -> Option<i64> {
        let (first, last) = ((key.clone(), time.checked_add(1)?), (key.clone(), i64::MAX));
        self.live.range(first..=last).next().map(|((_, time), _)| *time)
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Put(key, value, distance) => {
                let time = self.time(distance);
                let put = self.bed.store().put(&key, value, time).unwrap();
                let expected = if time < self.stream_time - HISTORY_MS {
                    self.dropped += 1;
                    VersionPut::TooOld
                } else {
                    self.stream_time = self.stream_time.max(time);
                    self.live.insert((key.clone(), time), value);
                    self.next(&key, time).map_or(VersionPut::Latest, VersionPut::ValidTo)
                };
                assert_eq!(put, expected);
            }
            Step::Delete(key, distance) => {
                let time = self.time(distance);
                let deleted = self.bed.store().delete(&key, time).unwrap();
                let mut expected = None;
                if time < self.stream_time - HISTORY_MS {
                    self.dropped += 1;
                } else {
                    expected = self.valid_at(&key, time);
                    self.stream_time = self.stream_time.max(time);
                    self.live.insert((key, time), None);
                }
                assert_eq!(deleted, expected);
            }
            Step::Turn(turn) => self.turn(turn),
        }
        self.compare();
    }

    fn turn(&mut self, turn: Turn) {
        let mut kept = false;
        assert_eq!(self.bed.store().take_dropped(), std::mem::take(&mut self.dropped));
        match turn {
            Turn::Commit { .. } => {
                self.bed.commit();
                kept = true;
            }
            Turn::Abort => self.bed.abort(),
            Turn::AbortAfterStage { logged } => {
                kept = logged;
                self.bed.abort_after_stage(logged);
            }
            Turn::Restart { flush } => self.bed.restart(flush),
            // Compaction waits for longer than the history is kept.
            Turn::RestoreAnew { buffer, .. } => self.bed.restore_anew(false, buffer),
        }
        if kept {
            self.committed = self.live.clone();
        } else {
            self.live = self.committed.clone();
        }
        self.stream_time = self.live.keys().map(|(_, time)| *time).max().unwrap_or(-1);
        assert_eq!(self.bed.store().observed_stream_time(), self.stream_time);
    }

    fn compare(&mut self) {
        let mut keys: Vec<Key> = self.live.keys().map(|(key, _)| key.clone()).collect();
        keys.dedup();
        for key in keys {
            let latest = self.valid_at(&key, i64::MAX);
            assert_eq!(self.bed.store().get(&key).unwrap(), latest);
            let times = self.live.keys().filter(|(other, _)| *other == key);
            let times: Vec<i64> = times.map(|(_, time)| *time).collect();
            let oldest = self.stream_time - HISTORY_MS;
            for time in times.into_iter().chain([oldest, oldest - 1]) {
                for time in [time - 1, time] {
                    let found = self.bed.store().get_as_of(&key, time).unwrap();
                    assert_eq!(found, self.valid_at(&key, time), "{key:?} at {time}");
                }
            }
        }
    }
}

fn reads_are_those_of_a_map<E: Engine>(cases: u32, builder: &StoreBuilder<Store>) {
    check(cases, &vec(step(), 1..50), |steps| {
        let bed = Bed::<E, _>::new(builder.clone(), true, 1_000);
        let (live, committed) = (Versions::new(), Versions::new());
        let mut test = Test { bed, live, committed, stream_time: -1, dropped: 0 };
        for step in steps {
            test.run(step);
        }
        test.run(Step::Turn(Turn::Commit { send_old: false }));
        test.run(Step::Turn(Turn::RestoreAnew { compacted: false, buffer: 7 }));
    });
}

fn versions() -> StoreBuilder<Store> {
    let history = Duration::from_millis(HISTORY_MS.unsigned_abs());
    Stores::versioned_key_value(STORE, history, bytes(), long())
}

#[test]
fn a_store_of_versions_reads_like_a_map_of_what_is_still_history() {
    reads_are_those_of_a_map::<Memory>(384, &versions());
}

#[cfg(feature = "rocksdb")]
#[test]
fn a_store_of_versions_in_rocksdb_reads_like_a_map_of_what_is_still_history() {
    reads_are_those_of_a_map::<super::engine::Rocks>(8, &versions());
}

/// Each version is a record of its own, at its own time; versions that were only moved are not
/// written again.
#[test]
fn the_changelog_has_each_version_once() {
    let mut bed = Bed::<Memory, Store>::new(versions(), false, 1_000);
    let key = b"a".to_vec();
    for (value, time) in [(1, 10), (2, 20)] {
        bed.store().put(&key, Some(value), time).unwrap();
    }
    assert_eq!(bed.commit(), 2);
    bed.store().put(&key, Some(3), 30).unwrap();
    bed.store().put(&key, None, 15).unwrap();
    assert_eq!(bed.commit(), 2);
    bed.store().put(&key, Some(4), 1_000_000).unwrap();
    bed.store().put(&key, Some(5), 40).unwrap();
    assert_eq!(bed.commit(), 2, "also what came too late, as Java has it");
    let values: Vec<_> = bed.logged().map(|(_, value)| value.map(|value| value[7])).collect();
    assert_eq!(values, [Some(1), Some(2), Some(3), None, Some(4), Some(5)]);
}

/// The order of the changelog was the order of the rows' last changes. A version that became
/// history by its successor came after others that had moved stream time far beyond it, and a
/// restore considered it too late.
#[test]
fn a_version_that_became_history_is_restored() {
    let mut bed = Bed::<Memory, Store>::new(versions(), false, 1_000);
    let (key, other) = (b"a".to_vec(), b"b".to_vec());
    bed.store().put(&key, Some(1), 0).unwrap();
    bed.store().put(&other, Some(2), 2 * HISTORY_MS).unwrap();
    bed.store().put(&key, None, 2 * HISTORY_MS).unwrap();
    bed.commit();
    bed.restore_anew(false, 2);
    let valid = bed.store().get_as_of(&key, 2 * HISTORY_MS - 1).unwrap();
    assert_eq!(valid.map(|version| version.value), Some(1));
}

/// Like the window of a join that is restored beyond stream time, a historical version was not
/// found there, and one that was put before it counted as valid beyond the start of its successor.
#[test]
fn a_restored_version_behind_stream_time_is_found_though_it_does_not_move_it() {
    let history = Duration::from_millis(HISTORY_MS.unsigned_abs());
    let builder = Stores::versioned_key_value(STORE, history, bytes(), long());
    let mut bed = Bed::<Memory, _>::new(builder, false, 1_000);
    let key = b"a".to_vec();
    for (time, value) in [(10, 1), (HISTORY_MS, 2), (HISTORY_MS + 10, 3)] {
        bed.store().put(&key, Some(value), time).unwrap();
    }
    bed.commit();
    bed.restore_anew_behind(10);
    let store = bed.store();
    assert_eq!(store.observed_stream_time(), 10);
    let put = store.put(&key, Some(4), HISTORY_MS - 10).unwrap();
    assert_eq!(put, VersionPut::ValidTo(HISTORY_MS));
    assert_eq!(store.get_as_of(&key, HISTORY_MS).unwrap().map(|version| version.value), Some(2));
}
