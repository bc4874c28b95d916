//! A store of values with the headers of their records.

use std::{collections::BTreeMap, sync::Arc};

use proptest::{collection::vec, prelude::*};

use super::{
    bed::{Bed, Turn},
    check,
    engine::{Engine, Memory, STORE},
    turn,
};
use crate::{
    Direction, Headers,
    serde::{bytes, long},
    store::{
        HeadersKeyValueStore, RecordContext, StateStore, StoreBuilder, Stores,
        ValueTimestampHeaders,
    },
};

type Key = Vec<u8>;
type Store = HeadersKeyValueStore<Key, i64>;
type Row = ValueTimestampHeaders<i64>;

/// A header by name.
type Header = (String, Option<Vec<u8>>);

fn headers(all: &[Header]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in all {
        headers.add(name, value.as_deref());
    }
    headers
}

fn builder() -> StoreBuilder<Store> {
    Stores::key_value_with_headers(STORE, bytes(), long())
}

/// Value, timestamp and headers.
type Written = (i64, i64, Vec<Header>);

#[derive(Clone, Debug)]
enum Step {
    Put(Key, Option<Written>),
    Turn(Turn),
}

fn step() -> impl Strategy<Value = Step> {
    let header = ("[a-c]{0,2}", proptest::option::of(vec(any::<u8>(), 0..3)));
    let row = (0..9_i64, 0..9_i64, vec(header, 0..3));
    prop_oneof![
        5 => (vec(0..3_u8, 0..2), proptest::option::weighted(0.8, row))
            .prop_map(|(key, row)| Step::Put(key, row)),
        2 => turn().prop_map(Step::Turn),
    ]
}

fn reads_are_those_of_a_map<E: Engine>(cases: u32) {
    check(cases, &(vec(step(), 1..50), any::<bool>()), |(steps, caching)| {
        let mut bed = Bed::<E, _>::new(builder(), caching, 1_000);
        let (mut live, mut committed) = (BTreeMap::new(), BTreeMap::new());
        for step in steps {
            match step {
                Step::Put(key, row) => {
                    let row = row.map(|(value, timestamp, all)| Row {
                        value,
                        timestamp,
                        headers: headers(&all),
                    });
                    bed.store().put(&key, row.clone()).unwrap();
                    match row {
                        Some(row) => drop(live.insert(key, row)),
                        None => drop(live.remove(&key)),
                    }
                }
                Step::Turn(turn) => {
                    while bed.store().next_pending(false).unwrap().is_some() {}
                    match turn {
                        Turn::Commit { .. } => {
                            bed.commit();
                            committed = live.clone();
                        }
                        Turn::Abort => bed.abort(),
                        Turn::AbortAfterStage { .. } => bed.abort_after_stage(false),
                        Turn::Restart { flush } => bed.restart(flush),
                        Turn::RestoreAnew { compacted, buffer } => {
                            bed.restore_anew(compacted, buffer);
                        }
                    }
                    live = committed.clone();
                }
            }
            let found = bed.store().all(Direction::Forward).unwrap();
            assert_eq!(found.collect::<Result<BTreeMap<_, _>, _>>().unwrap(), live);
        }
    });
}

#[test]
fn a_store_of_values_with_headers_reads_like_a_map() {
    reads_are_those_of_a_map::<Memory>(256);
}

#[cfg(feature = "rocksdb")]
#[test]
fn a_store_of_values_with_headers_in_rocksdb_reads_like_a_map() {
    reads_are_those_of_a_map::<super::engine::Rocks>(8);
}

/// A value's own headers go to the changelog, and those of the record where a row is deleted.
#[test]
fn the_changelog_has_the_headers_of_values_and_of_records_that_delete() {
    let mut bed = Bed::<Memory, Store>::new(builder(), false, 1_000);
    let [own, of_record] = ["own", "of-record"].map(|name| headers(&[(name.to_owned(), None)]));
    let context =
        RecordContext { headers: Some(Arc::new(of_record.clone())), ..RecordContext::default() };
    bed.store().set_record_context(&context);
    let key = b"a".to_vec();
    let row = Row { value: 1, timestamp: 5, headers: own.clone() };
    bed.store().put(&key, Some(row)).unwrap();
    bed.commit();
    bed.store().put(&key, None).unwrap();
    bed.commit();
    assert_eq!(bed.logged_headers().collect::<Vec<_>>(), [&own, &of_record]);
}
