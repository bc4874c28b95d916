use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::MemoryDatabase;

const STORES: u16 = 2;

/// An operation on a few short keys.
#[derive(Clone, Debug)]
enum Step {
    Put(u16, Vec<u8>, u8),
    Delete(u16, Vec<u8>),
    DeleteRange(u16, Vec<u8>, Vec<u8>),
    DeleteAll(u16),
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..4_u8, 0..3)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..STORES, key(), any::<u8>()).prop_map(|(store, key, value)| Step::Put(store, key, value)),
        3 => (0..STORES, key()).prop_map(|(store, key)| Step::Delete(store, key)),
        2 => (0..STORES, key(), key()).prop_map(|(store, from, to)| Step::DeleteRange(store, from, to)),
        1 => (0..STORES).prop_map(Step::DeleteAll),
    ]
}

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![
        Just(Bound::Unbounded),
        key().prop_map(Bound::Included),
        key().prop_map(Bound::Excluded),
    ]
}

fn batch_of(steps: &[Step]) -> WriteBatch {
    let mut batch = WriteBatch::new();
    for step in steps {
        match step {
            Step::Put(store, key, value) => batch.put(StoreId(*store), key, &[*value]),
            Step::Delete(store, key) => batch.delete(StoreId(*store), key),
            Step::DeleteRange(store, from, to) => batch.delete_range(StoreId(*store), from, to),
            Step::DeleteAll(store) => batch.delete_all(StoreId(*store)),
        }
    }
    batch
}

fn database(steps: &[Step]) -> MemoryDatabase {
    let database = MemoryDatabase::new(usize::from(STORES));
    database.write(batch_of(steps)).unwrap();
    database
}

fn scanned(
    database: &dyn Database,
    store: StoreId,
    bounds: (Bound<&[u8]>, Bound<&[u8]>),
    direction: Direction,
    most: usize,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    let scan = database.scan(store, bounds, direction, &mut |key, value| {
        rows.push((key.to_vec(), value.to_vec()));
        if rows.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    scan.unwrap();
    rows
}

proptest! {
    #[test]
    fn a_staged_batch_reads_like_one_that_is_written(
        before in prop::collection::vec(step(), 0..20),
        steps in prop::collection::vec(step(), 0..20),
        (from, to) in (bound(), bound()),
        most in 1..6_usize,
    ) {
        let committed = Arc::new(database(&before));
        let staged = StagedDatabase::new(committed.clone());
        staged.stage(batch_of(&steps));
        let written = database(&before);
        written.write(batch_of(&steps)).unwrap();
        let bounds = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
        for store in (0..STORES).map(StoreId) {
            let all = (Bound::Unbounded, Bound::Unbounded);
            let rows: BTreeMap<_, _> =
                scanned(&written, store, all, Direction::Forward, usize::MAX).into_iter().collect();
            for key in (0..16_u8).map(|pair| [pair / 4, pair % 4]) {
                for len in 0..3 {
                    let key = &key[..len];
                    prop_assert_eq!(staged.get(store, key).unwrap(), rows.get(key).cloned());
                }
            }
            for direction in [Direction::Forward, Direction::Backward] {
                prop_assert_eq!(
                    scanned(&staged, store, bounds, direction, most),
                    scanned(&written, store, bounds, direction, most)
                );
                let range = |database: &dyn Database| -> Vec<_> {
                    let range = database.range(store, bounds.0, bounds.1, direction).unwrap();
                    range.map(Result::unwrap).collect()
                };
                prop_assert_eq!(range(&staged), range(&written));
            }
        }
        staged.write_staged(|_| {}).unwrap();
        for store in (0..STORES).map(StoreId) {
            let all = (Bound::Unbounded, Bound::Unbounded);
            let rows = |database: &MemoryDatabase| scanned(database, store, all, Direction::Forward, usize::MAX);
            prop_assert_eq!(rows(&committed), rows(&written));
        }
    }
}

#[test]
fn what_is_dropped_was_never_there() {
    let store = StoreId(0);
    let staged = StagedDatabase::new(Arc::new(database(&[Step::Put(0, b"a".to_vec(), 1)])));
    staged.stage(batch_of(&[Step::Put(0, b"a".to_vec(), 2)]));
    assert_eq!(staged.get(store, b"a").unwrap(), Some(vec![2]));
    staged.drop_staged();
    assert_eq!(staged.get(store, b"a").unwrap(), Some(vec![1]));
    staged.write_staged(|batch| batch.set_offset("changelog", 1)).unwrap();
    assert_eq!(staged.offset("changelog").unwrap(), None);
}
