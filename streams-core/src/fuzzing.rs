//! Decoders of this crate that are not public, for the fuzz targets. Not part of the API.

use std::collections::BTreeMap;

use crate::task::CommitMetadata;

/// Partition time and emission times in the text that is committed with an offset; -1 and none if it can't
/// be read. The counterpart of [`commit_metadata`](crate::testing::commit_metadata).
pub fn parse_commit_metadata(text: &str) -> (i64, BTreeMap<String, i64>) {
    let metadata = CommitMetadata::decode(text);
    (metadata.partition_time, metadata.processors)
}
