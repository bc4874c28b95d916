//! Topics and offsets.

use std::{collections::BTreeMap, fmt::Debug};

use super::{Answer, IsolationLevel};
use crate::{Result, TopicPartition, membership::NewTopic};

/// An existing topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Number of partitions.
    pub partitions: i32,
    /// Settings that differ from the cluster's defaults.
    pub config: BTreeMap<String, String>,
}

/// The offset of each requested partition, or the reason why there is none: a partition without a
/// leader does not hide the offsets of the others.
pub type PartitionOffsets = BTreeMap<TopicPartition, Result<i64>>;

impl Answer<PartitionOffsets> {
    /// The offsets of all partitions, or the error of one that failed.
    pub fn all(self) -> Answer<BTreeMap<TopicPartition, i64>> {
        self.and_then(|found| {
            found
                .into_iter()
                .map(|(partition, offset)| offset.map(|offset| (partition, offset)))
                .collect()
        })
    }
}

/// Looks up and changes topics. Each call begins at once, and its answer is awaited later.
pub trait Admin: Send + Debug {
    /// Descriptions of the topics; a missing topic is left out. Answers with `Unavailable` or
    /// `Timeout` if none can be described.
    fn describe_topics(&mut self, topics: &[&str]) -> Answer<BTreeMap<String, TopicDescription>>;

    /// Creates topics; an existing one is left unchanged. Answers with `InvalidTopic` naming the
    /// topic whose name or settings are refused.
    fn create_topics(&mut self, topics: &[NewTopic]) -> Answer<()>;

    /// The first offset that is still in the log of each partition: `InvalidTopic` for a partition
    /// that does not exist, `Unavailable` for one without a leader.
    fn earliest_offsets(&mut self, partitions: &[TopicPartition]) -> Answer<PartitionOffsets>;

    /// The offset after the last record: of the log, or of its stable part with read-committed.
    /// Errors are those of [`earliest_offsets`](Self::earliest_offsets).
    fn latest_offsets(
        &mut self,
        partitions: &[TopicPartition],
        isolation: IsolationLevel,
    ) -> Answer<PartitionOffsets>;

    /// Deletes the records before each offset. Answers with `InvalidTopic` if a partition does not
    /// exist.
    fn delete_records(&mut self, before: &[(TopicPartition, i64)]) -> Answer<()>;
}
