//! The key-value store against a map.

use std::ops::Bound;

use proptest::{collection::vec, prelude::*, sample::select};

use super::{
    TestValue,
    bed::{Bed, Turn},
    check,
    engine::{Engine, Memory, STORE},
    model::Model,
    turn,
};
use crate::{
    Direction,
    serde::{bytes, long},
    store::{KeyValueStore, StateStore, StoreBuilder, Stores, ValueAndTimestamp},
};

type Key = Vec<u8>;
type Store<V> = KeyValueStore<Key, V>;

#[derive(Clone, Debug)]
enum Step {
    Put(Key, Option<i64>),
    PutIfAbsent(Key, i64),
    Delete(Key),
    /// An update that deletes the value, or sets the value of a key without one.
    Toggle(Key, i64),
    /// An update whose closure fails.
    FailToUpdate(Key),
    Get(Key),
    CompareAll,
    Turn(Turn),
}

/// Keys that are prefixes of each other, empty, and at the end of all keys.
fn keys() -> Vec<Key> {
    let keys: [&[u8]; 12] = [
        b"",
        b"\0",
        b"\0\0",
        b"a",
        b"a\0",
        b"aa",
        b"ab",
        b"a\xff",
        b"a\xff\xff",
        b"b",
        b"\xff",
        b"\xff\xff",
    ];
    keys.map(<[u8]>::to_vec).to_vec()
}

fn step() -> impl Strategy<Value = Step> {
    let key = || select(keys());
    prop_oneof![
        6 => (key(), proptest::option::weighted(0.7, -3..100_i64))
            .prop_map(|(key, value)| Step::Put(key, value)),
        2 => (key(), 0..100_i64).prop_map(|(key, value)| Step::PutIfAbsent(key, value)),
        2 => key().prop_map(Step::Delete),
        3 => (key(), 0..100_i64).prop_map(|(key, value)| Step::Toggle(key, value)),
        1 => key().prop_map(Step::FailToUpdate),
        3 => key().prop_map(Step::Get),
        1 => Just(Step::CompareAll),
        3 => turn().prop_map(Step::Turn),
    ]
}

struct Test<E, V> {
    bed: Bed<E, Store<V>>,
    model: Model<Key, V>,
    ranges: Vec<(Option<Key>, Option<Key>)>,
    /// Increases with each record.
    timestamp: i64,
}

impl<E: Engine, V: TestValue> Test<E, V> {
    fn value(&self, number: i64) -> V {
        // Not the record's: a changelog record must carry the value's own timestamp.
        V::of(number, self.timestamp / 2 + 1_000)
    }

    fn write(&mut self, key: Key, value: Option<V>) {
        self.model.write(key, value, self.timestamp);
    }

    fn run(&mut self, step: Step) {
        self.timestamp += 1;
        self.bed.begin_record(self.timestamp);
        match step {
            Step::Put(key, number) => {
                let value = number.map(|number| self.value(number));
                self.bed.store().put(&key, value.clone()).unwrap();
                self.write(key, value);
            }
            Step::PutIfAbsent(key, number) => {
                let (value, known) = (self.value(number), self.model.live.get(&key).cloned());
                let found = self.bed.store().put_if_absent(&key, value.clone()).unwrap();
                assert_eq!(found, known);
                if known.is_none() {
                    self.write(key, Some(value));
                }
            }
            Step::Delete(key) => {
                let known = self.model.live.get(&key).cloned();
                assert_eq!(self.bed.store().delete(&key).unwrap(), known);
                self.write(key, None);
            }
            Step::Toggle(key, number) => self.toggle(key, number),
            Step::FailToUpdate(key) => {
                let failed = self.bed.store().update(&key, |_| {
                    Err::<(Option<V>, ()), _>(crate::Error::new(
                        crate::ErrorKind::Processing,
                        "refused",
                    ))
                });
                assert!(failed.is_err());
            }
            Step::Get(key) => {
                assert_eq!(self.bed.store().get(&key).unwrap(), self.model.live.get(&key));
            }
            Step::CompareAll => self.compare_all(),
            Step::Turn(turn) => self.turn(turn),
        }
    }

    fn toggle(&mut self, key: Key, number: i64) {
        let known = self.model.live.get(&key).cloned();
        let new = if known.is_none() { Some(self.value(number)) } else { None };
        let (made, mut seen) = (new.clone(), None);
        let updated = self.bed.store().update(&key, |old| {
            seen = old.cloned();
            Ok::<_, crate::Error>((made, "done"))
        });
        assert_eq!((updated.unwrap(), seen), ("done", known));
        self.write(key, new);
    }

    fn turn(&mut self, turn: Turn) {
        match turn {
            Turn::Commit { send_old } => {
                self.forward(send_old);
                let written =
                    if self.bed.caching() { self.model.owed().len() } else { self.model.written() };
                assert_eq!(self.bed.commit(), written, "one record for each key written");
                self.model.commit();
            }
            Turn::Abort => {
                self.bed.abort();
                self.model.abort();
            }
            Turn::AbortAfterStage { logged } => {
                self.forward(false);
                self.bed.abort_after_stage(logged);
                if logged {
                    self.model.commit();
                } else {
                    self.model.abort();
                }
            }
            Turn::Restart { flush } => {
                self.bed.restart(flush);
                self.model.abort();
            }
            Turn::RestoreAnew { compacted, buffer } => {
                self.bed.restore_anew(compacted, buffer);
                self.model.abort();
            }
        }
        self.compare_all();
    }

    /// Lets downstream see the changes that the cache held back, each key once.
    fn forward(&mut self, send_old: bool) {
        let mut forwarded = Vec::new();
        while let Some(change) = self.bed.store().next_pending(send_old).unwrap() {
            forwarded.push((change.key, change.new, change.old, change.context.timestamp));
        }
        let mut owed = if self.bed.caching() { self.model.owed() } else { Vec::new() };
        for (_, _, old, _) in &mut owed {
            *old = old.take().filter(|_| send_old);
        }
        assert_eq!(forwarded, owed);
    }

    fn compare_all(&mut self) {
        for key in keys() {
            assert_eq!(self.bed.store().get(&key).unwrap(), self.model.live.get(&key), "{key:?}");
        }
        for direction in [Direction::Forward, Direction::Backward] {
            let rows: crate::Result<Vec<_>> = self.bed.store().all(direction).unwrap().collect();
            assert_eq!(rows.unwrap(), self.expected(None, None, direction));
            for (from, to) in self.ranges.clone() {
                let rows = self.bed.store().range(from.as_ref(), to.as_ref(), direction).unwrap();
                let rows: crate::Result<Vec<_>> = rows.collect();
                let expected = self.expected(from.as_ref(), to.as_ref(), direction);
                assert_eq!(rows.unwrap(), expected, "{from:?} to {to:?}, {direction:?}");
            }
        }
        for prefix in keys() {
            let rows = self.bed.store().prefix_scan(&prefix).unwrap();
            let rows: crate::Result<Vec<_>> = rows.collect();
            let mut expected = self.expected(None, None, Direction::Forward);
            expected.retain(|(key, _)| key.starts_with(&prefix));
            assert_eq!(rows.unwrap(), expected, "prefix {prefix:?}");
        }
    }

    fn expected(
        &self,
        from: Option<&Key>,
        to: Option<&Key>,
        direction: Direction,
    ) -> Vec<(Key, V)> {
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            return Vec::new();
        }
        let bound = |key: Option<&Key>| key.cloned().map_or(Bound::Unbounded, Bound::Included);
        let rows = self.model.live.range((bound(from), bound(to)));
        let rows = rows.map(|(key, value)| (key.clone(), value.clone()));
        match direction {
            Direction::Forward => rows.collect(),
            Direction::Backward => rows.rev().collect(),
        }
    }
}

fn reads_are_those_of_a_map<E: Engine, V: TestValue>(cases: u32, builder: &StoreBuilder<Store<V>>) {
    let bound = || proptest::option::weighted(0.8, select(keys()));
    let case = (vec(step(), 1..60), vec((bound(), bound()), 4), any::<bool>(), 0..3_000_usize);
    check(cases, &case, |(steps, ranges, caching, overlay_bytes)| {
        let bed = Bed::<E, _>::new(builder.clone(), caching, overlay_bytes);
        let mut test = Test { bed, model: Model::new(), ranges, timestamp: 0 };
        for step in steps {
            test.run(step);
        }
        test.turn(Turn::Commit { send_old: true });
        test.turn(Turn::RestoreAnew { compacted: false, buffer: 7 });
    });
}

fn plain() -> StoreBuilder<Store<i64>> {
    Stores::key_value(STORE, bytes(), long())
}

fn timestamped() -> StoreBuilder<Store<ValueAndTimestamp<i64>>> {
    Stores::timestamped_key_value(STORE, bytes(), long())
}

#[test]
fn a_key_value_store_reads_like_a_map() {
    reads_are_those_of_a_map::<Memory, _>(1_024, &plain());
}

#[test]
fn a_timestamped_key_value_store_reads_like_a_map() {
    reads_are_those_of_a_map::<Memory, _>(1_024, &timestamped());
}

#[cfg(feature = "rocksdb")]
#[test]
fn a_key_value_store_in_rocksdb_reads_like_a_map() {
    reads_are_those_of_a_map::<super::engine::Rocks, _>(8, &plain());
}

#[cfg(feature = "rocksdb")]
#[test]
fn a_timestamped_key_value_store_in_rocksdb_reads_like_a_map() {
    reads_are_those_of_a_map::<super::engine::Rocks, _>(8, &timestamped());
}

/// The least recently read or written rows go first; a commit, or a restore, keeps the others.
#[test]
fn a_store_that_keeps_at_most_two_rows_deletes_the_one_that_was_used_longest_ago() {
    let builder = Stores::key_value(STORE, bytes(), long()).keeping_at_most(2);
    let mut bed = Bed::<Memory, _>::new(builder, true, 1_000);
    let [a, b, c, d] = [b"a", b"b", b"c", b"d"].map(|key| key.to_vec());
    bed.store().put(&a, Some(1)).unwrap();
    bed.store().put(&b, Some(2)).unwrap();
    bed.store().get(&a).unwrap();
    bed.store().put(&c, Some(3)).unwrap();
    assert_eq!(bed.store().get(&b).unwrap(), None);
    assert!(!bed.store().caching() && !bed.store().has_pending());
    bed.commit();
    bed.restore_anew(true, 7);
    bed.store().update(&a, |old| Ok::<_, crate::Error>((old.map(|old| old + 1), ()))).unwrap();
    bed.store().put_if_absent(&d, 4).unwrap();
    let rows = bed.store().all(Direction::Forward).unwrap().map(Result::unwrap);
    assert_eq!(rows.collect::<Vec<_>>(), [(a, 2), (d, 4)]);
}

#[test]
fn the_deletion_of_a_value_that_somebody_follows_comes_out() {
    let mut bed = Bed::<Memory, Store<i64>>::new(plain(), true, 1_000);
    let (seen, followed) = (b"seen".to_vec(), b"followed".to_vec());
    for key in [&seen, &followed] {
        bed.store().put(key, Some(1)).unwrap();
    }
    assert_eq!(bed.store().get(&seen).unwrap(), Some(&1));
    assert_eq!(bed.store().get_followed(&followed).unwrap(), Some(&1));
    for key in [&seen, &followed] {
        bed.store().put(key, None).unwrap();
    }
    let change = bed.store().next_pending(true).unwrap().unwrap();
    assert_eq!((change.key, change.new, change.old), (followed, None, None));
    assert!(bed.store().next_pending(true).unwrap().is_none());
}
