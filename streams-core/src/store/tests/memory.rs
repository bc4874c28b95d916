//! Memory of the writes since the last commit, by the allocator's count, when the budget says that
//! they are too many.

use std::{sync::Arc, time::Duration};

use allocation_counter::measure;

use super::{
    bed::Bed,
    engine::{Memory, STORE},
};
use crate::{
    Direction, Headers,
    serde::{bytes, long, string},
    store::{KeyValueStore, RecordContext, StateStore, Stores, WindowStore},
};

/// Memory limit of the overlays.
const BUDGET: usize = 4 << 20;

/// Writes to a newly opened store until a commit is asked for, which must be when the writes take
/// about the budget: not 50 % more, and not so little that commits come for nothing.
fn asks_for_a_commit_in_time<S: StateStore>(
    mut bed: Bed<Memory, S>,
    mut write: impl FnMut(&mut S, usize),
) {
    let taken = measure(|| {
        let mut number = 0;
        while !bed.overlay_exceeded() {
            write(bed.store(), number);
            number += 1;
            assert!(number < 1_000_000, "a commit is never asked for");
        }
    });
    let most = usize::try_from(taken.bytes_max).unwrap();
    assert!(most <= BUDGET / 2 * 3, "{most} bytes are taken of {BUDGET}");
    assert!(most >= BUDGET / 2, "only {most} bytes are taken of {BUDGET}");
}

fn key_value<V: 'static + Clone + Send>(
    value: crate::serde::SerdeRef<V>,
    caching: bool,
) -> Bed<Memory, KeyValueStore<Vec<u8>, V>> {
    Bed::new(Stores::key_value(STORE, bytes(), value), caching, BUDGET)
}

fn key(number: usize) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

/// A store knew the size of its values only from its last commit, and not before the first: 200 MB
/// of values of 50 kB were dirty where 10 MB were allowed, and no commit was asked for.
#[test]
fn large_values_of_a_store_that_was_just_opened_count_in_full() {
    asks_for_a_commit_in_time(key_value(string(), false), |store, number| {
        store.put(&key(number), Some("x".repeat(50_000))).unwrap();
    });
}

#[test]
fn rows_of_a_few_bytes_count_with_what_holds_them() {
    asks_for_a_commit_in_time(key_value(long(), false), |store, number| {
        store.put(&key(number), Some(1)).unwrap();
    });
}

#[test]
fn values_that_grow_while_a_store_is_open_count_as_they_are() {
    asks_for_a_commit_in_time(key_value(string(), true), |store, number| {
        let bytes = if number < 2_000 { 10 } else { 50_000 };
        store.put(&key(number), Some("x".repeat(bytes))).unwrap();
    });
}

#[test]
fn the_headers_that_a_cache_will_forward_count() {
    asks_for_a_commit_in_time(key_value(long(), true), |store, number| {
        let mut headers = Headers::new();
        headers.add("trace", Some(&[0; 2_000]));
        let headers = Some(Arc::new(headers));
        store.set_record_context(&RecordContext { headers, ..RecordContext::default() });
        store.put(&key(number), Some(1)).unwrap();
    });
}

/// A store that forwards at once needs no headers, and would hold on to those of each key's last
/// record.
#[test]
fn the_headers_of_records_are_not_kept_where_nothing_is_held_back() {
    let mut bed = key_value(long(), false);
    let headers = Arc::new(Headers::new());
    let context = RecordContext { headers: Some(headers.clone()), ..RecordContext::default() };
    bed.store().set_record_context(&context);
    drop(context);
    bed.store().put(&key(1), Some(1)).unwrap();
    assert_eq!(Arc::strong_count(&headers), 1);
}

#[test]
fn windows_that_are_scanned_count_with_the_index_of_their_keys() {
    let store = Stores::window(STORE, Duration::from_secs(60), bytes(), string()).in_memory();
    let write = |store: &mut WindowStore<Vec<u8>, String>, number: usize| {
        let start = i64::try_from(number).unwrap();
        store.put(&key(number), Some("x".repeat(200)), start).unwrap();
        if number == 0 {
            store.all(Direction::Forward).unwrap();
        }
    };
    asks_for_a_commit_in_time(Bed::new(store, false, BUDGET), write);
}
