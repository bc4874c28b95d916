use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::{Entry, MemoryDatabase, Restorer, StoreFormat};

const ORDERS: StoreId = StoreId(0);
const CUSTOMERS: StoreId = StoreId(1);
const ALL: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Unbounded, Bound::Unbounded);

fn open_stores(directory: &Path, stores: &[&str]) -> Result<RocksDatabase> {
    let stores: Vec<_> = stores.iter().map(|store| (*store).to_owned()).collect();
    RocksDatabase::open(directory, &stores, &MemoryBudget::new(16 << 20, 4 << 20))
}

fn open(directory: &Path) -> RocksDatabase {
    open_stores(directory, &["orders", "customers"]).unwrap()
}

fn put(database: &RocksDatabase, store: StoreId, key: &[u8], value: &[u8], offset: i64) {
    let mut batch = WriteBatch::new();
    batch.put(store, key, value);
    batch.set_offset("changelog", offset);
    database.write(batch).unwrap();
}

fn keys(database: &RocksDatabase, store: StoreId) -> Vec<Vec<u8>> {
    let rows = database.range(store, ALL.0, ALL.1, Direction::Forward).unwrap();
    rows.map(|row| row.unwrap().0).collect()
}

fn ingest(database: &dyn Database, store: StoreId, rows: &[Entry]) -> Result<()> {
    let mut rows = rows.iter().map(|(key, value)| (&**key, Some(&**value)));
    database.ingest(store, &mut rows)
}

fn sorted_rows(rows: u32) -> Vec<Entry> {
    (0..rows).map(|row| (row.to_be_bytes().to_vec(), b"value".to_vec())).collect()
}

#[test]
fn what_was_flushed_survives_with_its_offset() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path());
    put(&database, ORDERS, b"k", b"v", 7);
    database.flush().unwrap();
    drop(database);
    let database = open(directory.path());
    assert_eq!(database.get(ORDERS, b"k").unwrap(), Some(b"v".to_vec()));
    assert_eq!(database.get(CUSTOMERS, b"k").unwrap(), None);
    assert_eq!(database.offset("changelog").unwrap(), Some(7));
    assert_eq!(database.offsets().unwrap(), [("changelog".to_owned(), 7)]);
}

#[test]
fn what_was_not_flushed_is_gone_from_all_stores_together_with_its_offset() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path());
    put(&database, ORDERS, b"first", b"v", 1);
    database.flush().unwrap();
    put(&database, ORDERS, b"second", b"v", 2);
    put(&database, CUSTOMERS, b"third", b"v", 3);
    assert_eq!(database.offset("changelog").unwrap(), Some(3));
    drop(database);
    let database = open(directory.path());
    assert_eq!(keys(&database, ORDERS), [b"first"]);
    assert!(keys(&database, CUSTOMERS).is_empty());
    assert_eq!(database.offset("changelog").unwrap(), Some(1));
}

/// The entries of a store that a crash would take back.
fn unflushed(database: &RocksDatabase) -> u64 {
    let family = database.family(ORDERS).unwrap();
    let name = ::rocksdb::properties::NUM_ENTRIES_ACTIVE_MEM_TABLE;
    database.files.db.property_int_value_cf(family, name).unwrap().unwrap()
}

#[test]
fn a_crash_loses_a_tail_bounded_by_time_and_rows_always_match_the_offset() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path());
    for offset in 1..=20_000_u32 {
        // One row for each offset, by turns in either store, a millisecond apart.
        let store = StoreId(u16::try_from(offset % 2).unwrap());
        put(&database, store, &offset.to_be_bytes(), b"v", i64::from(offset));
        database.flush_older(i64::from(offset), 5_000);
    }
    database.files.db.wait_for_compact(&::rocksdb::WaitForCompactOptions::default()).unwrap();
    drop(database);
    let database = open(directory.path());
    let offset = database.offset("changelog").unwrap().expect("some of it was flushed");
    assert!(offset >= 15_000, "five seconds are lost at most, not all behind {offset}");
    let rows = keys(&database, ORDERS).len() + keys(&database, CUSTOMERS).len();
    assert_eq!(i64::try_from(rows).unwrap(), offset);
}

/// Every 10,000 records each database of a process flushed all of its stores: small files, which compactions then
/// wrote again and again.
#[test]
fn many_records_in_a_short_time_bring_about_no_flush() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path());
    for offset in 0..30_000 {
        put(&database, ORDERS, b"k", b"v", offset);
        database.flush_older(offset / 10, 5_000);
    }
    assert_eq!(unflushed(&database), 30_000);
    put(&database, ORDERS, b"k", b"v", 30_000);
    database.flush_older(5_000, 5_000);
    assert_eq!(unflushed(&database), 0);
}

/// An instance that was killed again and again, each time soon after its start, restored more each time: what it had
/// restored was never old enough to be flushed.
#[test]
fn what_was_written_is_flushed_at_any_age_when_asked() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path());
    database.start_flush();
    put(&database, ORDERS, b"k", b"v", 1);
    database.flush_older(0, 5_000);
    assert_eq!(unflushed(&database), 1);
    database.start_flush();
    assert_eq!(unflushed(&database), 0);
}

#[test]
fn who_writes_flushes_what_idle_databases_of_the_process_have_left_behind() {
    let directory = tempfile::tempdir().unwrap();
    let budget = MemoryBudget::new(16 << 20, 4 << 20);
    let [idle, busy] = ["0_0", "0_1"].map(|task| {
        let stores = ["orders".to_owned()];
        RocksDatabase::open(&directory.path().join(task), &stores, &budget).unwrap()
    });
    put(&idle, ORDERS, b"k", b"v", 1);
    idle.flush_older(0, 5_000);
    put(&busy, ORDERS, b"k", b"v", 1);
    busy.flush_older(4_000, 5_000);
    assert_eq!((unflushed(&idle), unflushed(&busy)), (1, 1));
    busy.flush_older(6_000, 5_000);
    assert_eq!((unflushed(&idle), unflushed(&busy)), (0, 1));
    drop(idle);
    assert!(RocksDatabase::open(&directory.path().join("0_0"), &[], &budget).is_ok());
}

#[test]
fn a_batch_that_names_an_unknown_store_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path());
    let mut batch = WriteBatch::new();
    batch.put(ORDERS, b"k", b"v");
    batch.put(StoreId(2), b"k", b"v");
    assert_eq!(database.write(batch).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(database.get(ORDERS, b"k").unwrap(), None);
}

#[test]
fn ingested_rows_are_durable_at_once_and_replace_and_delete_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path());
    ingest(&database, ORDERS, &sorted_rows(1_000)).unwrap();
    assert_eq!(keys(&database, ORDERS).len(), 1_000);
    put(&database, ORDERS, b"\xff", b"v", 1);
    let (first, second) = (0_u32.to_be_bytes(), 1_u32.to_be_bytes());
    let rows = [(&first[..], None), (&second[..], Some(&b"new"[..])), (b"\xff\xff", None)];
    database.ingest(ORDERS, &mut rows.into_iter()).unwrap();
    assert_eq!(database.get(ORDERS, &first).unwrap(), None);
    assert_eq!(database.get(ORDERS, &second).unwrap().unwrap(), b"new");
    assert_eq!(keys(&database, ORDERS).len(), 1_000);
    assert!(ingest_files(directory.path()).is_empty());
    drop(database);
    let database = open(directory.path());
    assert_eq!(keys(&database, ORDERS).len(), 1_000, "what a file goes over is flushed first");
    ingest(&database, CUSTOMERS, &[]).unwrap();
    let descending: Vec<_> = sorted_rows(2).into_iter().rev().collect();
    let error = ingest(&database, CUSTOMERS, &descending).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(ingest_files(directory.path()).is_empty());
}

#[test]
fn a_store_that_was_cleared_takes_a_file_again() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path());
    put(&database, ORDERS, b"\xff\xff", b"old", 1);
    ingest(&database, CUSTOMERS, &sorted_rows(10)).unwrap();
    database.clear(ORDERS).unwrap();
    assert!(keys(&database, ORDERS).is_empty());
    assert_eq!(keys(&database, CUSTOMERS).len(), 10);
    ingest(&database, ORDERS, &sorted_rows(10)).unwrap();
    database.flush().unwrap();
    drop(database);
    assert_eq!(keys(&open(directory.path()), ORDERS).len(), 10);
}

#[test]
fn an_unfinished_ingestion_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    fs::write(directory.path().join("0.ingest"), b"half a file").unwrap();
    let database = open(directory.path());
    assert!(ingest_files(directory.path()).is_empty());
    ingest(&database, ORDERS, &sorted_rows(3)).unwrap();
    assert_eq!(keys(&database, ORDERS).len(), 3);
}

fn ingest_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|name| name == INGEST_EXTENSION)).collect()
}

/// More than a buffer of a restore must hold to be a file.
const LARGE_ROWS: u32 = 20_000;

/// Pushes rows, of which each buffer overwrites some of the last one's and deletes others.
fn push_large(restorer: &mut Restorer, buffer: u32) {
    for row in buffer * LARGE_ROWS / 2..buffer * LARGE_ROWS / 2 + LARGE_ROWS {
        let value = [u8::try_from(buffer).unwrap(); 100];
        let value = (buffer == 0 || row % 10 != 0).then_some(&value[..]);
        restorer.push(&row.to_be_bytes(), value, 0).unwrap();
    }
}

#[test]
fn large_buffers_of_a_restore_are_files_and_a_crash_between_them_does_no_harm() {
    let (directory, memory) = (tempfile::tempdir().unwrap(), MemoryDatabase::new(2));
    let mut expected = Restorer::new(StoreFormat::KeyValue);
    for buffer in 0..4 {
        push_large(&mut expected, buffer);
        expected.apply(&memory, ORDERS, "changelog", i64::from(buffer + 1)).unwrap();
    }
    let restore = |database: &RocksDatabase, buffers: std::ops::Range<u32>| {
        let mut restorer = Restorer::new(StoreFormat::KeyValue);
        for buffer in buffers {
            push_large(&mut restorer, buffer);
            assert!(restorer.bytes() > 2 << 20);
            restorer.apply(database, ORDERS, "changelog", i64::from(buffer + 1)).unwrap();
        }
    };
    let database = open(directory.path());
    restore(&database, 0..1);
    database.flush().unwrap();
    restore(&database, 1..3);
    assert_eq!(*database.loading.lock(), [ORDERS].into());
    drop(database);
    // The files have outlived the offsets that were written behind them.
    let database = open(directory.path());
    assert_eq!(database.offset("changelog").unwrap(), Some(1));
    assert_ne!(keys(&database, ORDERS).len(), 0);
    restore(&database, 1..4);
    database.end_ingestion(ORDERS);
    assert!(database.loading.lock().is_empty());
    let all = |database: &dyn Database| -> Vec<Entry> {
        let rows = database.range(ORDERS, ALL.0, ALL.1, Direction::Forward).unwrap();
        rows.collect::<Result<_>>().unwrap()
    };
    assert!(all(&database) == all(&memory));
    assert_eq!(database.offset("changelog").unwrap(), Some(4));
}

#[test]
fn ranges_keep_to_their_bounds_in_either_direction() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path());
    for key in [&b"a"[..], b"b", b"b\0", b"c"] {
        put(&database, ORDERS, key, b"v", 1);
    }
    let read = |from: Bound<&[u8]>, to: Bound<&[u8]>, direction| -> Vec<Vec<u8>> {
        let rows = database.range(ORDERS, from, to, direction).unwrap();
        rows.map(|row| row.unwrap().0).collect()
    };
    let (b, c) = (b"b".as_slice(), b"c".as_slice());
    let forward = read(Bound::Included(b), Bound::Excluded(c), Direction::Forward);
    assert_eq!(forward, [&b"b"[..], b"b\0"]);
    let backward = read(Bound::Excluded(b), Bound::Included(c), Direction::Backward);
    assert_eq!(backward, [&b"c"[..], b"b\0"]);
    assert!(read(Bound::Included(c), Bound::Included(b), Direction::Forward).is_empty());
    assert!(read(Bound::Excluded(b), Bound::Excluded(b), Direction::Backward).is_empty());
    let (from, to) = ALL;
    assert_eq!(read(from, to, Direction::Backward), [&b"c"[..], b"b\0", b"b", b"a"]);
}

#[test]
fn a_range_sees_the_store_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path());
    ingest(&database, ORDERS, &sorted_rows(10)).unwrap();
    let rows = database.range(ORDERS, ALL.0, ALL.1, Direction::Forward).unwrap();
    let mut batch = WriteBatch::new();
    batch.delete_range(ORDERS, &0_u32.to_be_bytes(), &5_u32.to_be_bytes());
    database.write(batch).unwrap();
    assert_eq!(rows.count(), 10);
    assert_eq!(keys(&database, ORDERS).len(), 5);
}

#[test]
fn a_deleted_range_is_gone_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path());
    ingest(&database, ORDERS, &sorted_rows(100)).unwrap();
    let mut batch = WriteBatch::new();
    batch.delete_range(ORDERS, &10_u32.to_be_bytes(), &90_u32.to_be_bytes());
    database.write(batch).unwrap();
    database.flush().unwrap();
    drop(database);
    assert_eq!(keys(&open(directory.path()), ORDERS).len(), 20);
}

#[test]
fn new_stores_are_created_and_old_ones_kept() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path());
    put(&database, ORDERS, b"order", b"v", 1);
    put(&database, CUSTOMERS, b"customer", b"v", 2);
    database.flush().unwrap();
    drop(database);
    let database = open_stores(directory.path(), &["products", "customers"]).unwrap();
    assert!(keys(&database, StoreId(0)).is_empty());
    assert_eq!(keys(&database, StoreId(1)), [b"customer"]);
    put(&database, StoreId(0), b"product", b"v", 3);
    database.flush().unwrap();
    drop(database);
    let database = open(directory.path());
    assert_eq!(keys(&database, ORDERS), [b"order"]);
    assert_eq!(database.offset("changelog").unwrap(), Some(3));
}

#[test]
fn a_store_may_have_a_name_that_the_database_uses_itself() {
    let directory = tempfile::tempdir().unwrap();
    let database = open_stores(directory.path(), &["offsets", "default"]).unwrap();
    put(&database, StoreId(0), b"k", b"1", 1);
    put(&database, StoreId(1), b"k", b"2", 2);
    assert_eq!(database.get(StoreId(0), b"k").unwrap(), Some(b"1".to_vec()));
    assert_eq!(database.get(StoreId(1), b"k").unwrap(), Some(b"2".to_vec()));
    assert_eq!(database.offsets().unwrap(), [("changelog".to_owned(), 2)]);
}

#[test]
fn the_disk_has_one_column_family_for_each_store_and_one_for_the_offsets() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let mut families = DB::list_cf(&::rocksdb::Options::default(), directory.path()).unwrap();
    families.sort_unstable();
    assert_eq!(families, ["customers", "default", "offsets", "orders"]);
}

#[test]
fn a_database_is_open_once_only() {
    let directory = tempfile::tempdir().unwrap();
    let _open = open(directory.path());
    let error = open_stores(directory.path(), &["orders"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    assert!(error.to_string().contains(&directory.path().display().to_string()), "{error}");
}

#[test]
fn damaged_files_are_reported_as_corrupt() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path());
    put(&database, ORDERS, b"k", b"v", 1);
    database.flush().unwrap();
    drop(database);
    fs::write(directory.path().join("CURRENT"), b"nonsense").unwrap();
    let error = open_stores(directory.path(), &["orders"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

#[test]
fn a_store_is_named_once() {
    let directory = tempfile::tempdir().unwrap();
    let error = open_stores(directory.path(), &["orders", "orders"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn databases_work_side_by_side_with_hardly_any_budget() {
    let directory = tempfile::tempdir().unwrap();
    let budget = MemoryBudget::new(1 << 20, 1 << 20);
    let stores = ["orders".to_owned()];
    let databases: Vec<_> = (0..4)
        .map(|task| {
            let path = directory.path().join(format!("0_{task}"));
            RocksDatabase::open(&path, &stores, &budget).unwrap()
        })
        .collect();
    for database in &databases {
        for key in 0..2_000_u32 {
            put(database, ORDERS, &key.to_be_bytes(), &[0; 100], 1);
        }
        assert_eq!(keys(database, ORDERS).len(), 2_000);
        assert!(database.approximate_entries(ORDERS).unwrap() > 0);
    }
}

#[test]
fn a_restore_that_crashed_before_its_offset_was_durable_starts_over() {
    let directory = tempfile::tempdir().unwrap();
    let restore = |database: &RocksDatabase| {
        let mut restorer = Restorer::new(StoreFormat::KeyValue);
        restorer.push(b"a", Some(b"old"), 0).unwrap();
        restorer.push(b"b", Some(b"2"), 0).unwrap();
        restorer.push(b"a", None, 0).unwrap();
        restorer.apply(database, ORDERS, "changelog", 3).unwrap();
    };
    let database = open(directory.path());
    restore(&database);
    drop(database);
    let database = open(directory.path());
    assert_eq!(database.offset("changelog").unwrap(), None);
    assert_eq!(keys(&database, ORDERS), [b"b"], "the ingested file is there already");
    restore(&database);
    database.flush().unwrap();
    drop(database);
    let database = open(directory.path());
    assert_eq!(database.offset("changelog").unwrap(), Some(3));
    assert_eq!(keys(&database, ORDERS), [b"b"]);
}

/// A write to both engines; keys are one byte so that they meet.
#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8),
    Delete(u8),
    DeleteRange(u8, u8),
    DeleteAll,
    Ingest(Vec<u8>),
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any::<(u8, u8)>().prop_map(|(key, value)| Step::Put(key, value)),
        3 => any::<u8>().prop_map(Step::Delete),
        2 => any::<(u8, u8)>().prop_map(|(from, to)| Step::DeleteRange(from, to)),
        1 => Just(Step::DeleteAll),
        1 => proptest::collection::btree_set(any::<u8>(), 0..8)
            .prop_map(|keys| Step::Ingest(keys.into_iter().collect())),
        1 => Just(Step::Flush),
    ]
}

fn run(database: &dyn Database, step: &Step) {
    let mut batch = WriteBatch::new();
    match step {
        Step::Put(key, value) => batch.put(ORDERS, &[*key], &[*value]),
        Step::Delete(key) => batch.delete(ORDERS, &[*key]),
        Step::DeleteRange(from, to) => batch.delete_range(ORDERS, &[*from], &[*to]),
        Step::DeleteAll => batch.delete_all(ORDERS),
        Step::Ingest(keys) => {
            let rows: Vec<Entry> =
                keys.iter().map(|key| (vec![*key], b"ingested".to_vec())).collect();
            ingest(database, ORDERS, &rows).unwrap();
        }
        Step::Flush => database.flush().unwrap(),
    }
    database.write(batch).unwrap();
}

fn bound() -> impl Strategy<Value = Bound<[u8; 1]>> {
    prop_oneof![
        any::<[u8; 1]>().prop_map(Bound::Included),
        any::<[u8; 1]>().prop_map(Bound::Excluded),
        Just(Bound::Unbounded),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn both_engines_hold_and_read_the_same(
        steps in proptest::collection::vec(step(), 1..40),
        ranges in proptest::collection::vec((bound(), bound(), any::<bool>()), 8),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let disk = open(directory.path());
        let memory = MemoryDatabase::new(2);
        for step in &steps {
            run(&disk, step);
            run(&memory, step);
        }
        for (from, to, back) in &ranges {
            let direction = if *back { Direction::Backward } else { Direction::Forward };
            let read = |database: &dyn Database| -> Vec<Entry> {
                let (from, to) = (from.as_ref(), to.as_ref());
                let (from, to) = (from.map(<[u8; 1]>::as_slice), to.map(<[u8; 1]>::as_slice));
                database.range(ORDERS, from, to, direction).unwrap().map(Result::unwrap).collect()
            };
            prop_assert_eq!(read(&disk), read(&memory));
        }
        for key in 0..=u8::MAX {
            prop_assert_eq!(disk.get(ORDERS, &[key]).unwrap(), memory.get(ORDERS, &[key]).unwrap());
        }
    }
}
