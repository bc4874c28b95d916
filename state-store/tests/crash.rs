//! A process that is killed at any moment leaves a database whose rows belong to its offsets.
#![cfg(feature = "rocksdb")]
#![allow(
    clippy::disallowed_methods,
    reason = "the other process is killed after some time, whatever it does"
)]
#![allow(clippy::unwrap_used, reason = "a test that can't set up its world has failed")]

use std::{
    env,
    ops::Bound,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use state_store::{Database, Direction, MemoryBudget, RocksDatabase, StoreId, WriteBatch};

/// Tells the process that writes where to.
const DIRECTORY: &str = "STATE_STORE_CRASH_DIRECTORY";
const STORES: [StoreId; 3] = [StoreId(0), StoreId(1), StoreId(2)];
/// So far does each batch take the offset.
const RECORDS: i64 = 10_000;
/// So much time passes for each batch: enough for a flush each time.
const AGE_MS: i64 = 5_000;
/// Rows of a batch in each store.
const ROWS: u64 = 20;

fn open(directory: &Path) -> RocksDatabase {
    let stores = ["a", "b", "c"].map(str::to_owned);
    RocksDatabase::open(directory, &stores, &MemoryBudget::new(16 << 20, 1 << 20)).unwrap()
}

fn batches(database: &RocksDatabase) -> u64 {
    let offset = database.offset("changelog").unwrap().unwrap_or(0);
    u64::try_from(offset / RECORDS).unwrap()
}

/// The other process of the test: goes on where the database ends, until it is killed.
#[test]
#[ignore = "started by the test that kills it"]
fn writes_until_it_is_killed() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let database = open(&PathBuf::from(directory));
    for number in batches(&database).. {
        let mut batch = WriteBatch::new();
        for store in STORES {
            for row in 0..ROWS {
                batch.put(store, &(number * ROWS + row).to_be_bytes(), b"row");
            }
        }
        let next = i64::try_from(number + 1).unwrap();
        batch.set_offset("changelog", next * RECORDS);
        database.write(batch).unwrap();
        database.flush_older(next * AGE_MS, AGE_MS);
    }
}

#[test]
fn a_process_that_is_killed_leaves_rows_and_offsets_that_belong_together() {
    let directory = tempfile::tempdir().unwrap();
    let mut before = 0;
    for round in 0..6 {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "writes_until_it_is_killed"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(150 + 37 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let database = open(directory.path());
        let batches = batches(&database);
        assert!(batches >= before);
        before = batches;
        for store in STORES {
            let all = (Bound::Unbounded, Bound::Unbounded);
            let rows = database.range(store, all.0, all.1, Direction::Forward).unwrap();
            assert_eq!(u64::try_from(rows.count()).unwrap(), batches * ROWS, "{store:?}");
        }
    }
    assert!(before > 0, "something was flushed");
}
