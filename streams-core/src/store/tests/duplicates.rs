//! A window store that retains duplicates against a list.

use std::time::Duration;

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    bed::{Bed, Turn},
    check,
    engine::{Engine, Memory, STORE},
    turn,
};
use crate::{
    Direction,
    serde::{bytes, long},
    store::{StateStore, StoreBuilder, Stores, WindowStore},
};

type Key = Vec<u8>;
type Store = WindowStore<Key, i64>;

const RETENTION_MS: i64 = 150_000;

#[derive(Clone, Debug)]
enum Step {
    Put(Key, Option<i64>, i64),
    Turn(Turn),
}

fn key() -> impl Strategy<Value = Key> {
    let keys: [&[u8]; 4] = [b"", b"a", b"a\0\0\0\0\0\0\0\0\0\0\0\0", b"b"];
    select(keys.map(<[u8]>::to_vec).to_vec())
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => (key(), proptest::option::weighted(0.9, 0..100_i64), -4..2_i64)
            .prop_map(|(key, value, step)| Step::Put(key, value, step * 50_000)),
        2 => turn().prop_map(Step::Turn),
    ]
}

struct Test<E> {
    bed: Bed<E, Store>,
    /// All rows in the order in which they were put, and the number of committed ones.
    rows: Vec<(Key, i64, i64)>,
    committed: usize,
    stream_time: i64,
}

impl<E: Engine> Test<E> {
    fn run(&mut self, step: Step) {
        match step {
            Step::Put(key, value, distance) => {
                let start = (self.stream_time.max(0) + distance).max(0);
                self.bed.store().put(&key, value, start).unwrap();
                let Some(value) = value else { return };
                self.stream_time = self.stream_time.max(start);
                if start > self.stream_time - RETENTION_MS {
                    self.rows.push((key, start, value));
                }
            }
            Step::Turn(turn) => self.turn(turn),
        }
        self.compare();
    }

    fn turn(&mut self, turn: Turn) {
        let mut kept = self.committed;
        match turn {
            Turn::Commit { .. } => {
                kept = self.rows.len();
                self.bed.commit();
            }
            Turn::Abort => self.bed.abort(),
            Turn::AbortAfterStage { logged } => {
                if logged {
                    kept = self.rows.len();
                }
                self.bed.abort_after_stage(logged);
            }
            Turn::Restart { flush } => self.bed.restart(flush),
            Turn::RestoreAnew { compacted, buffer } => self.bed.restore_anew(compacted, buffer),
        }
        self.rows.truncate(kept);
        self.committed = kept;
        self.stream_time = self.bed.store().observed_stream_time();
    }

    fn compare(&mut self) {
        let mut keys: Vec<Key> = self.rows.iter().map(|(key, ..)| key.clone()).collect();
        keys.dedup();
        for key in keys {
            let mut expected: Vec<(i64, i64)> = self
                .rows
                .iter()
                .filter(|(other, start, _)| {
                    *other == key && *start > self.stream_time - RETENTION_MS
                })
                .map(|(_, start, value)| (*start, *value))
                .collect();
            expected.sort_by_key(|(start, _)| *start);
            let store = self.bed.store();
            let found = store.fetch_range(&key, 0..=i64::MAX, Direction::Forward).unwrap();
            assert_eq!(found, expected);
            for (start, value) in first_of_each(&expected) {
                assert_eq!(self.bed.store().fetch(&key, start).unwrap(), Some(&value));
            }
            let all = self.bed.store().all(Direction::Forward).unwrap();
            assert!(found.len() <= all.len());
        }
    }
}

fn first_of_each(rows: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut rows = rows.to_vec();
    rows.dedup_by_key(|(start, _)| *start);
    rows
}

fn all_values_are_kept_in_the_order_of_their_puts<E: Engine>(
    cases: u32,
    builder: &StoreBuilder<Store>,
) {
    check(cases, &vec(step(), 1..60), |steps| {
        let bed = Bed::<E, _>::new(builder.clone(), false, 1_000);
        let mut test = Test { bed, rows: Vec::new(), committed: 0, stream_time: -1 };
        for step in steps {
            test.run(step);
        }
        test.run(Step::Turn(Turn::Commit { send_old: false }));
        test.run(Step::Turn(Turn::RestoreAnew { compacted: false, buffer: 7 }));
    });
}

fn joined() -> StoreBuilder<Store> {
    let retention = Duration::from_millis(RETENTION_MS.unsigned_abs());
    Stores::window(STORE, retention, bytes(), long()).retaining_duplicates()
}

#[test]
fn a_window_store_that_retains_duplicates_keeps_all_values_in_the_order_of_their_puts() {
    all_values_are_kept_in_the_order_of_their_puts::<Memory>(256, &joined());
}

#[test]
fn one_in_memory_keeps_all_values_in_the_order_of_their_puts() {
    all_values_are_kept_in_the_order_of_their_puts::<Memory>(256, &joined().in_memory());
}

#[cfg(feature = "rocksdb")]
#[test]
fn one_in_rocksdb_keeps_all_values_in_the_order_of_their_puts() {
    all_values_are_kept_in_the_order_of_their_puts::<super::engine::Rocks>(8, &joined());
}

/// The numbers began with 1 at each start, as Java's do: a row written after a restart replaced
/// another with the same key and time, which was lost for the join.
#[test]
fn rows_behind_a_restart_or_a_restore_take_no_place_of_those_before() {
    let mut bed = Bed::<Memory, _>::new(joined(), false, 1_000);
    let key = b"a".to_vec();
    for (value, turn) in [
        (1, Turn::Restart { flush: false }),
        (2, Turn::RestoreAnew { compacted: false, buffer: 7 }),
        (3, Turn::Abort),
    ] {
        bed.store().put(&key, Some(value), 5).unwrap();
        bed.commit();
        match turn {
            Turn::Restart { flush } => bed.restart(flush),
            Turn::RestoreAnew { compacted, buffer } => bed.restore_anew(compacted, buffer),
            _ => bed.abort(),
        }
    }
    let found = bed.store().fetch_range(&key, 0..=9, Direction::Forward).unwrap();
    assert_eq!(found, [(5, 1), (5, 2), (5, 3)]);
    assert_eq!(bed.store().take_dropped(), 0);
}
