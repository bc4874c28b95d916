//! Topics and offsets.

use std::{collections::BTreeMap, fmt::Debug};

use super::{Answer, IsolationLevel};
use crate::{Result, TopicPartition, membership::NewTopic};

/// A topic that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Number of partitions.
    pub partitions: i32,
    /// Settings that differ from the cluster's defaults.
    pub config: BTreeMap<String, String>,
}

/// An offset of each partition that was asked for, or why there is none: a partition that has no leader now does not
/// keep what is known of the others.
pub type PartitionOffsets = BTreeMap<TopicPartition, Result<i64>>;

impl Answer<PartitionOffsets> {
    /// The offsets of all partitions, or the error of one that has none.
    pub fn all(self) -> Answer<BTreeMap<TopicPartition, i64>> {
        self.and_then(|found| {
            found.into_iter().map(|(place, offset)| offset.map(|offset| (place, offset))).collect()
        })
    }
}

/// Looks up and changes topics. Each call begins at once, and its answer is asked for later.
pub trait Admin: Send + Debug {
    /// What is known of each topic; a missing one is left out. Answers with `Unavailable` or `Timeout` if nothing is.
    fn describe_topics(&mut self, topics: &[&str]) -> Answer<BTreeMap<String, TopicDescription>>;

    /// Creates topics; one that exists already is left as it is. Answers with `InvalidTopic` naming the topic whose
    /// name or settings are refused.
    fn create_topics(&mut self, topics: &[NewTopic]) -> Answer<()>;

    /// The first offset that is still in the log of each partition: `InvalidTopic` for one that does not exist,
    /// `Unavailable` for one that has no leader now.
    fn earliest_offsets(&mut self, partitions: &[TopicPartition]) -> Answer<PartitionOffsets>;

    /// The offset behind the last record: of the log, or of its stable part with read-committed. Errors are those of
    /// [`earliest_offsets`](Self::earliest_offsets).
    fn latest_offsets(
        &mut self,
        partitions: &[TopicPartition],
        isolation: IsolationLevel,
    ) -> Answer<PartitionOffsets>;

    /// Deletes the records before each offset. Answers with `InvalidTopic` if a partition does not exist.
    fn delete_records(&mut self, before: &[(TopicPartition, i64)]) -> Answer<()>;
}
