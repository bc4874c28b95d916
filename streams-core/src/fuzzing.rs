//! Decoders of this crate that are not public, for the fuzz targets. Not part of the API.

use std::collections::BTreeMap;

use crate::{client, store, task::CommitMetadata};

/// Feeds bytes to the decoders of the messages of group members; checks that the encoders reproduce
/// them.
pub fn feed_group_decoders(bytes: &[u8]) {
    client::feed_group_decoders(bytes);
}

/// Returns whether bytes are a change that a buffer holds back; checks that the encoder reproduces
/// them.
pub fn is_buffered_change(bytes: &[u8]) -> bool {
    store::is_buffered_change(bytes)
}

/// Partition time and emission times in the text that is committed with an offset; -1 and none if
/// the text can't be read. The counterpart of [`commit_metadata`](crate::testing::commit_metadata).
pub fn parse_commit_metadata(text: &str) -> (i64, BTreeMap<String, i64>) {
    let metadata = CommitMetadata::decode(text);
    (metadata.partition_time, metadata.processors)
}
