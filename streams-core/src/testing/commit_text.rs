//! The text that is stored with a committed offset.

use std::collections::BTreeMap;

use crate::task::CommitMetadata;

/// The metadata that a task commits with an offset: Java's `TopicPartitionMetadata`, encoded.
///
/// `partition_time` is the greatest timestamp of the partition's records, -1 before the first;
/// `emitted_until` holds, by name, the times up to which emit-on-close stores have emitted. Both
/// are in milliseconds since the epoch.
pub fn commit_metadata(partition_time: i64, emitted_until: &BTreeMap<String, i64>) -> String {
    CommitMetadata { partition_time, processors: emitted_until.clone() }.encode()
}
