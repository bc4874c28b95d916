//! The store of unmatched records, in the bytes that Java writes, and a list of values against a
//! map.

use std::{collections::BTreeMap, ops::ControlFlow};

use proptest::{collection::vec, prelude::*};

use super::{
    bed::{Bed, Turn},
    check,
    engine::{Engine, Memory, STORE},
    turn,
};
use crate::{
    serde::{bytes, long, string},
    store::{
        JoinSide, LeftOrRight, ListValueStore, OuterJoinStore, SideOfJoin, StateStore,
        StoreBuilder, Stores,
    },
};

/// From `bytes/stream-stream-outer.json` of Java's goldens, and one list of two after the same
/// pattern.
#[test]
fn what_was_not_joined_lies_in_the_changelog_in_javas_bytes() {
    let builder = Stores::outer_join(STORE, string(), string(), string());
    let mut bed = Bed::<Memory, OuterJoinStore<String, String, String>>::new(builder, false, 0);
    let place = |timestamp, side| SideOfJoin { timestamp, side, key: "A".to_owned() };
    let left = place(0, JoinSide::Left);
    bed.store().push(&left, LeftOrRight::Left("l1".to_owned())).unwrap();
    bed.commit();
    bed.store().push(&left, LeftOrRight::Left("l".to_owned())).unwrap();
    let right = place(11_001, JoinSide::Right);
    bed.store().push(&right, LeftOrRight::Right("r3".to_owned())).unwrap();
    bed.commit();
    bed.store().remove(&left).unwrap();
    bed.store().remove(&place(7, JoinSide::Left)).unwrap();
    bed.commit();
    let logged: Vec<_> = bed.logged().collect();
    let left = &b"\0\0\0\0\0\0\0\0\x01A"[..];
    assert_eq!(
        logged,
        [
            (left, Some(&b"\x01\0\0\0\x01\0\0\0\x03\x01l1"[..])),
            (left, Some(&b"\x01\0\0\0\x02\0\0\0\x03\x01l1\0\0\0\x02\x01l"[..])),
            (&b"\0\0\0\0\0\0\x2a\xf9\0A"[..], Some(&b"\x01\0\0\0\x01\0\0\0\x03\0r3"[..])),
            (left, None),
        ]
    );
    let mut found = Vec::new();
    bed.store()
        .visit(|place, values| {
            found.push((place, values.to_vec()));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(found, [(right, vec![LeftOrRight::Right("r3".to_owned())])]);
}

#[derive(Clone, Debug)]
enum Step {
    Push(Vec<u8>, i64),
    Remove(Vec<u8>),
    Turn(Turn),
}

fn step() -> impl Strategy<Value = Step> {
    let key = || vec(0..3_u8, 0..3);
    prop_oneof![
        6 => (key(), 0..9_i64).prop_map(|(key, value)| Step::Push(key, value)),
        2 => key().prop_map(Step::Remove),
        2 => turn().prop_map(Step::Turn),
    ]
}

type Store = ListValueStore<Vec<u8>, i64>;
type Lists = BTreeMap<Vec<u8>, Vec<i64>>;

fn compare(store: &mut Store, lists: &Lists) {
    let mut found = Vec::new();
    let mut take = |key, values: &[i64]| {
        found.push((key, values.to_vec()));
        if found.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    store.visit(&mut take).unwrap();
    let first: Vec<_> = lists.clone().into_iter().take(3).collect();
    assert_eq!(found, first);
    for (key, values) in lists {
        assert_eq!(store.get(key).unwrap(), values);
    }
}

fn reads_are_those_of_a_map<E: Engine>(cases: u32, builder: &StoreBuilder<Store>) {
    check(cases, &vec(step(), 1..60), |steps| {
        let mut bed = Bed::<E, _>::new(builder.clone(), false, 1_000);
        let (mut live, mut committed) = (Lists::new(), Lists::new());
        for step in steps {
            match step {
                Step::Push(key, value) => {
                    bed.store().push(&key, value).unwrap();
                    live.entry(key).or_default().push(value);
                }
                Step::Remove(key) => {
                    bed.store().remove(&key).unwrap();
                    live.remove(&key);
                }
                Step::Turn(turn) => {
                    live = bed.turned(turn, live, committed);
                    committed = live.clone();
                }
            }
            compare(bed.store(), &live);
            assert!(!bed.store().has_pending());
        }
    });
}

#[test]
fn a_store_of_lists_reads_like_a_map_of_lists() {
    reads_are_those_of_a_map::<Memory>(256, &Stores::list_value(STORE, bytes(), long()));
}

#[cfg(feature = "rocksdb")]
#[test]
fn a_store_of_lists_in_rocksdb_reads_like_a_map_of_lists() {
    use super::engine::Rocks;
    reads_are_those_of_a_map::<Rocks>(8, &Stores::list_value(STORE, bytes(), long()));
}
