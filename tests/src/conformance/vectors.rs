//! Byte vectors that need no topology.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use streams_core::{murmur2, partition_for_key, testing::commit_metadata};

use super::{Checked, Verdict, read};

#[derive(Debug, Deserialize)]
struct Vectors<T> {
    vectors: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct Partition {
    bytes: String,
    murmur2: i32,
    partition_of: BTreeMap<String, i32>,
}

#[derive(Debug, Deserialize)]
struct WindowedKey {
    key: String,
    start: i64,
    end: i64,
    time_windowed_serde: String,
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
    check(path, |vector: &Partition| {
        let key = unhex(&vector.bytes)?;
        equal("murmur2", &vector.murmur2, &murmur2(&key))?;
        for (partitions, expected) in &vector.partition_of {
            let partition = partition_for_key(&key, partitions.parse()?);
            equal(&format!("partition of {partitions}"), expected, &partition)?;
        }
        Ok(())
    })
}

/// Keys of windows on topics and in the changelogs of window stores.
pub(super) fn check_windowed_keys(path: &Path) -> Verdict {
    check(path, windowed_key)
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
    let each = |vector| each(vector).map_err(|difference| format!("{vector:?}: {difference}").into());
    file.vectors.iter().try_for_each(each).into()
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, actual: &T) -> Checked {
    if expected == actual {
        return Ok(());
    }
    Err(format!("{what}: expected {expected:?}, found {actual:?}").into())
}

fn unhex(digits: &str) -> Result<Vec<u8>, std::num::ParseIntError> {
    let pairs = (0..digits.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(digits.get(at..at + 2).unwrap_or_default(), 16)).collect()
}
