//! Byte vectors that need no topology.

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde::Deserialize;
use state_store::key_schema::{write_session_key, write_window_key};
use streams_core::{murmur2, partition_for_key, serde::string, testing::commit_metadata};
use streams_dsl::{Window, Windowed, murmur3_128, time_windowed};

use super::{
    Checked, Verdict, read,
    wire::{hex, unhex},
};

#[derive(Debug, Deserialize)]
struct Vectors<T> {
    vectors: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct KeyHash {
    bytes: String,
    murmur2: i32,
    partition_of: BTreeMap<String, i32>,
}

#[derive(Debug, Deserialize)]
struct RowHash {
    bytes: String,
    murmur3_128: [i64; 2],
}

#[derive(Debug, Deserialize)]
struct WindowedKey {
    key: String,
    start: i64,
    end: i64,
    time_windowed_serde: String,
    session_windowed_serde: String,
    window_store_key_seq_7: String,
}

#[derive(Debug, Deserialize)]
struct Commit {
    partition_time: i64,
    emitted_until: BTreeMap<String, i64>,
    metadata: String,
}

/// Hashes of keys and the partitions that they choose.
pub(super) fn check_partitions(path: &Path) -> Verdict {
    check(path, |vector: &KeyHash| {
        let key = unhex(&vector.bytes)?;
        equal("murmur2", &vector.murmur2, &murmur2(&key))?;
        for (partitions, expected) in &vector.partition_of {
            let partition = partition_for_key(&key, partitions.parse()?);
            equal(&format!("partition of {partitions}"), expected, &partition)?;
        }
        Ok(())
    })
}

/// Hashes of rows that subscriptions to foreign keys carry.
pub(super) fn check_row_hashes(path: &Path) -> Verdict {
    check(path, |vector: &RowHash| {
        equal("murmur3_128", &vector.murmur3_128, &murmur3_128(&unhex(&vector.bytes)?))
    })
}

/// Keys of windows on topics and in the changelogs of window stores.
pub(super) fn check_windowed_keys(path: &Path) -> Verdict {
    check(path, |vector: &WindowedKey| {
        let key = vector.key.as_bytes();
        let mut bytes = Vec::new();
        let size = Duration::from_millis(vector.end.abs_diff(vector.start));
        let windowed = Windowed::new(vector.key.clone(), Window::new(vector.start, vector.end));
        time_windowed(string(), size).serialize("t", &windowed, &mut bytes)?;
        equal("windowed key", &vector.time_windowed_serde, &hex(&bytes))?;
        bytes.clear();
        write_window_key(&mut bytes, key, vector.start, 7);
        equal("key of a window store", &vector.window_store_key_seq_7, &hex(&bytes))?;
        bytes.clear();
        write_session_key(&mut bytes, key, vector.end, vector.start);
        equal("key of a session", &vector.session_windowed_serde, &hex(&bytes))
    })
}

/// Texts that go with committed offsets.
pub(super) fn check_commit_metadata(path: &Path) -> Verdict {
    check(path, |vector: &Commit| {
        let text = commit_metadata(vector.partition_time, &vector.emitted_until);
        equal("metadata", &vector.metadata, &text)
    })
}

fn check<T>(path: &Path, mut each: impl FnMut(&T) -> Checked) -> Verdict
where
    T: std::fmt::Debug + for<'de> Deserialize<'de>,
{
    let file: Vectors<T> = match read(path) {
        Ok(file) => file,
        Err(error) => return Verdict::Fail(format!("the file can't be read: {error}")),
    };
    let each =
        |vector| each(vector).map_err(|difference| format!("{vector:?}: {difference}").into());
    file.vectors.iter().try_for_each(each).into()
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, actual: &T) -> Checked {
    if expected == actual {
        return Ok(());
    }
    Err(format!("{what}: expected {expected:?}, found {actual:?}").into())
}
