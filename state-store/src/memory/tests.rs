use super::*;
use crate::ErrorKind;

const STORE: StoreId = StoreId(0);
const ALL: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Unbounded, Bound::Unbounded);

fn database_with(keys: impl IntoIterator<Item = u32>) -> MemoryDatabase {
    let database = MemoryDatabase::new(2);
    let mut batch = WriteBatch::new();
    for key in keys {
        batch.put(STORE, &key.to_be_bytes(), b"value");
    }
    database.write(batch).unwrap();
    database
}

fn keys(entries: Entries<'_>) -> Vec<u32> {
    entries.map(|row| u32::from_be_bytes(row.unwrap().0.try_into().unwrap())).collect()
}

#[test]
fn a_range_pages_through_all_rows_in_either_direction() {
    let database = database_with(0..200);
    let forward = keys(database.range(STORE, ALL.0, ALL.1, Direction::Forward).unwrap());
    assert_eq!(forward, (0..200).collect::<Vec<_>>());
    let backward = keys(database.range(STORE, ALL.0, ALL.1, Direction::Backward).unwrap());
    assert_eq!(backward, (0..200).rev().collect::<Vec<_>>());
}

#[test]
fn a_range_sees_the_store_as_it_was_and_does_not_block_writers() {
    let database = database_with(0..200);
    let mut range = database.range(STORE, ALL.0, ALL.1, Direction::Forward).unwrap();
    range.next().unwrap().unwrap();
    database.clear(STORE).unwrap();
    assert_eq!(range.count(), 199);
    assert_eq!(database.approximate_entries(STORE).unwrap(), 0);
}

#[test]
fn crossed_bounds_give_no_rows() {
    let database = database_with(0..3);
    let (low, high) = (1_u32.to_be_bytes(), 2_u32.to_be_bytes());
    for direction in [Direction::Forward, Direction::Backward] {
        let crossed = (Bound::Included(high.as_slice()), Bound::Excluded(low.as_slice()));
        assert!(keys(database.range(STORE, crossed.0, crossed.1, direction).unwrap()).is_empty());
        let touching = (Bound::Excluded(low.as_slice()), Bound::Excluded(low.as_slice()));
        assert!(keys(database.range(STORE, touching.0, touching.1, direction).unwrap()).is_empty());
    }
}

#[test]
fn a_batch_that_names_an_unknown_store_changes_nothing() {
    let database = MemoryDatabase::new(1);
    let mut batch = WriteBatch::new();
    batch.put(STORE, b"k", b"v");
    batch.put(StoreId(9), b"k", b"v");
    batch.set_offset("changelog", 3);
    assert_eq!(database.write(batch).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(database.get(STORE, b"k").unwrap(), None);
    assert_eq!(database.offset("changelog").unwrap(), None);
}

#[test]
fn rows_in_a_deleted_range_go_and_their_neighbours_stay() {
    let database = database_with(0..10);
    let mut batch = WriteBatch::new();
    batch.delete_range(STORE, &3_u32.to_be_bytes(), &7_u32.to_be_bytes());
    batch.set_offset("changelog", 10);
    database.write(batch).unwrap();
    let left = keys(database.range(STORE, ALL.0, ALL.1, Direction::Forward).unwrap());
    assert_eq!(left, [0, 1, 2, 7, 8, 9]);
    assert_eq!(database.offsets().unwrap(), [("changelog".to_owned(), 10)]);
}

#[test]
fn rows_to_ingest_must_ascend() {
    let database = MemoryDatabase::new(1);
    let (a, b) = ((&b"a"[..], Some(&b"v"[..])), (&b"b"[..], Some(&b"v"[..])));
    let unsorted = database.ingest(STORE, &mut [b, a].into_iter()).unwrap_err();
    assert_eq!(unsorted.kind(), ErrorKind::InvalidArgument);
    database.ingest(STORE, &mut [a, b].into_iter()).unwrap();
    database.ingest(STORE, &mut [(a.0, None)].into_iter()).unwrap();
    assert_eq!(database.approximate_entries(STORE).unwrap(), 1);
}
