//! Logs whose beginning can be deleted without loss.

use std::collections::BTreeMap;

use crate::{
    Result, TopicPartition,
    client::{
        IsolationLevel,
        embedded::{EmbeddedCluster, StoredRecord},
    },
};

/// The records at the beginning of a changelog that newer committed ones of their keys supersede,
/// and the offset after them.
pub(super) fn superseded_before(
    cluster: &EmbeddedCluster,
    changelog: &TopicPartition,
) -> Result<(Vec<StoredRecord>, i64)> {
    let records = cluster.read_all(&changelog.topic, IsolationLevel::ReadCommitted)?;
    let records: Vec<StoredRecord> =
        records.into_iter().filter(|record| record.partition == changelog.partition).collect();
    let mut newest = BTreeMap::new();
    for record in &records {
        newest.insert(record.key.as_deref(), record.offset);
    }
    let before = newest.values().copied().min().unwrap_or(0);
    let gone = records.iter().filter(|record| record.offset < before).cloned().collect();
    Ok((gone, before))
}
