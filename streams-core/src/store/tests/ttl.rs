//! Rows that expire, against a map of all rows.

use std::{collections::BTreeMap, time::Duration};

use proptest::{collection::vec, prelude::*};

use super::{
    bed::{Bed, Turn},
    check,
    engine::{Engine, Memory, STORE},
    turn,
};
use crate::{
    Direction, Error,
    serde::{bytes, long},
    store::{StateStore, StoreBuilder, Stores, TimestampedKeyValueStore, ValueAndTimestamp},
};

type Key = Vec<u8>;
type Store = TimestampedKeyValueStore<Key, i64>;
type Row = ValueAndTimestamp<i64>;

const TTL_MS: i64 = 100;

/// Steps; times are given by their distance from stream time, in milliseconds.
#[derive(Clone, Debug)]
enum Step {
    Put(Key, Option<i64>, i64),
    Add(Key, i64, i64),
    Turn(Turn),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || vec(0..3_u8, 0..3);
    let distance = || prop_oneof![6 => -120..60_i64, 1 => Just(-TTL_MS), 1 => Just(3 * TTL_MS)];
    prop_oneof![
        6 => (key(), proptest::option::weighted(0.9, 0..9_i64), distance())
            .prop_map(|(key, value, distance)| Step::Put(key, value, distance)),
        3 => (key(), 0..9_i64, distance())
            .prop_map(|(key, value, distance)| Step::Add(key, value, distance)),
        2 => turn().prop_map(Step::Turn),
    ]
}

struct Test<E> {
    bed: Bed<E, Store>,
    /// The readable rows.
    live: BTreeMap<Key, Row>,
    /// The readable rows and the expired ones, which may exist until a sweep finds them; and the
    /// same at the last commit.
    rows: BTreeMap<Key, Row>,
    committed: BTreeMap<Key, Row>,
    stream_time: i64,
    /// Stream time at the last commit.
    committed_time: i64,
}

impl<E: Engine> Test<E> {
    fn row(&self, value: i64, distance: i64) -> Row {
        Row { value, timestamp: (self.stream_time.max(0) + distance).max(0) }
    }

    fn is_expired(&self, row: &Row) -> bool {
        row.timestamp + TTL_MS <= self.stream_time
    }

    fn write(&mut self, key: Key, row: Option<Row>) {
        if let Some(row) = row {
            self.stream_time = self.stream_time.max(row.timestamp);
            self.live.insert(key.clone(), row);
            self.rows.insert(key, row);
        } else {
            self.live.remove(&key);
            self.rows.remove(&key);
        }
        let stream_time = self.stream_time;
        self.live.retain(|_, row| row.timestamp + TTL_MS > stream_time);
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Put(key, value, distance) => {
                let row = value.map(|value| self.row(value, distance));
                self.bed.store().put(&key, row).unwrap();
                self.write(key, row);
            }
            Step::Add(key, value, distance) => {
                let row = self.row(value, distance);
                let before = self.live.get(&key).map(|row| row.value);
                let add = |old: Option<&Row>| {
                    assert_eq!(old.map(|row| row.value), before);
                    Ok::<_, Error>((Some(row), ()))
                };
                self.bed.store().update(&key, add).unwrap();
                self.write(key, Some(row));
            }
            Step::Turn(turn) => self.turn(turn),
        }
        self.compare();
    }

    fn turn(&mut self, turn: Turn) {
        while self.bed.store().next_pending(true).unwrap().is_some() {}
        match turn {
            Turn::Commit { .. } => {
                self.bed.commit();
                (self.committed, self.committed_time) = (self.rows.clone(), self.stream_time);
            }
            Turn::Abort => self.bed.abort(),
            Turn::AbortAfterStage { .. } => self.bed.abort_after_stage(false),
            Turn::Restart { flush } => self.bed.restart(flush),
            Turn::RestoreAnew { buffer, .. } => self.bed.restore_anew(false, buffer),
        }
        self.rows.clone_from(&self.committed);
        // The write that moved stream time may have been replaced or deleted before the commit.
        self.stream_time = self.bed.store().observed_stream_time().unwrap();
        assert!(self.stream_time <= self.committed_time);
        let found = self.bed.store().all(Direction::Forward).unwrap();
        self.live = found.collect::<Result<_, _>>().unwrap();
        assert!(self.live.iter().all(|(key, row)| self.committed.get(key) == Some(row)));
        let unexpired = |row: &&Row| row.timestamp + TTL_MS > self.committed_time;
        let unexpired = self.committed.values().filter(unexpired).count();
        assert!(self.live.len() >= unexpired, "{unexpired}");
        // A sweep has deleted the rows that are missing though they could be read.
        let (stream_time, live) = (self.stream_time, &self.live);
        self.rows
            .retain(|key, row| row.timestamp + TTL_MS <= stream_time || live.contains_key(key));
        self.committed.clone_from(&self.rows);
        self.committed_time = stream_time;
    }

    fn compare(&mut self) {
        let live = self.live.clone();
        assert!(live.values().all(|row| !self.is_expired(row)));
        let found = self.bed.store().all(Direction::Forward).unwrap();
        assert_eq!(found.collect::<Result<BTreeMap<_, _>, _>>().unwrap(), live);
        for (key, row) in &live {
            assert_eq!(self.bed.store().get(key).unwrap(), Some(row));
        }
    }
}

fn reads_are_those_of_a_map<E: Engine>(cases: u32, builder: &StoreBuilder<Store>) {
    check(cases, &(vec(step(), 1..60), any::<bool>()), |(steps, caching)| {
        let bed = Bed::<E, _>::new(builder.clone(), caching, 1_000);
        let [live, rows, committed] = [const { BTreeMap::new() }; 3];
        let mut test = Test { bed, live, rows, committed, stream_time: -1, committed_time: -1 };
        for step in steps {
            test.run(step);
        }
    });
}

fn expiring() -> StoreBuilder<Store> {
    let ttl = Duration::from_millis(TTL_MS.unsigned_abs());
    Stores::timestamped_key_value(STORE, bytes(), long()).with_ttl(ttl)
}

#[test]
fn a_store_whose_rows_expire_reads_like_a_map_of_those_that_have_not() {
    reads_are_those_of_a_map::<Memory>(256, &expiring());
}

#[cfg(feature = "rocksdb")]
#[test]
fn a_store_in_rocksdb_whose_rows_expire_reads_like_a_map_of_those_that_have_not() {
    reads_are_those_of_a_map::<super::engine::Rocks>(8, &expiring());
}

/// The keys are not read or written again, and still they disappear from the store and from the
/// changelog.
#[test]
fn rows_that_have_expired_are_deleted_from_store_and_changelog_while_others_are_written() {
    let mut bed = Bed::<Memory, _>::new(expiring(), false, 1_000_000);
    let key = |number: i64| number.to_be_bytes().to_vec();
    for number in 0..5_000 {
        bed.store().put(&key(number), Some(Row { value: number, timestamp: 0 })).unwrap();
    }
    bed.commit();
    for commit in 0..8 {
        let row = Row { value: commit, timestamp: TTL_MS };
        bed.store().put(&key(9_999), Some(row)).unwrap();
        bed.commit();
    }
    assert_eq!(bed.store().approximate_num_entries().unwrap(), 1);
    let mut last = BTreeMap::new();
    for (key, value) in bed.logged() {
        last.insert(key.to_vec(), value.is_some());
    }
    assert_eq!(last.len(), 5_001);
    assert_eq!(last.into_iter().filter(|(_, has_value)| *has_value).count(), 1);
    assert!(!bed.store().is_dirty());
}
