//! Conformance with Java: golden scenarios, run on the test driver and compared.
//!
//! A scenario names a topology and holds its inputs and all that Java did with them; `topologies`
//! builds the topology of that name with this library. Byte goldens hold what Java wrote to
//! internal topics. Expected values come from the files alone. Invariant: a new scenario of a known
//! topology needs no code.

mod bytes;
mod describe;
mod functions;
mod golden_row;
mod internal_topics;
mod outcome;
mod run;
mod scenario;
mod stores;
mod topologies;
mod vectors;
mod wire;

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use streams_core::{BoxError, config::StreamsConfig};

pub use self::outcome::{Outcome, Verdict};

/// Result of a check: an error is a difference, or the reason why the check could not be made.
type Checked = Result<(), BoxError>;

/// Runs every scenario of a directory, then the byte goldens in its directory `bytes`, in the order
/// of the files' names.
///
/// # Errors
/// If the directory can't be listed. Files that can't be read are outcomes.
pub fn run_directory(directory: &Path) -> io::Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for (name, path) in json_files(directory)? {
        outcomes.push(Outcome { verdict: run::check_file(&path), name });
    }
    let bytes = directory.join("bytes");
    if bytes.is_dir() {
        for (name, path) in json_files(&bytes)? {
            let verdict = match &*name {
                "internal-topics.json" => internal_topics::check_file(&path),
                "murmur2.json" => vectors::check_partitions(&path),
                "murmur3.json" => vectors::check_row_hashes(&path),
                "windowed-keys.json" => vectors::check_windowed_keys(&path),
                "commit-metadata.json" => vectors::check_commit_metadata(&path),
                _ => bytes::check_file(&path),
            };
            outcomes.push(Outcome { name: format!("bytes/{name}"), verdict });
        }
    }
    Ok(outcomes)
}

fn json_files(directory: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if Path::new(&name).extension().is_some_and(|extension| extension == "json") {
            files.push((name, entry.path()));
        }
    }
    files.sort();
    Ok(files)
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, BoxError> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

/// The configuration that all scenarios share.
fn base_config() -> StreamsConfig {
    StreamsConfig::new("oracle", "unused:9092")
        .set("__emit.interval.ms.kstreams.outer.join.spurious.results.fix__", 0)
        .set("__emit.interval.ms.kstreams.windowed.aggregation__", 0)
}
