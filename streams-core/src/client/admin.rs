//! Topics and offsets.

use std::{collections::BTreeMap, fmt::Debug};

use super::IsolationLevel;
use crate::{Result, TopicPartition, membership::NewTopic};

/// A topic that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicDescription {
    /// Number of partitions.
    pub partitions: i32,
    /// Settings that differ from the cluster's defaults.
    pub config: BTreeMap<String, String>,
}

/// Looks up and changes topics.
pub trait Admin: Send + Debug {
    /// What is known of each topic; a missing one is left out.
    ///
    /// # Errors
    /// `Unavailable` or `Timeout`.
    fn describe_topics(&mut self, topics: &[&str]) -> Result<BTreeMap<String, TopicDescription>>;

    /// Creates topics; one that exists already is left as it is.
    ///
    /// # Errors
    /// `InvalidTopic` naming the topic whose name or settings are refused.
    fn create_topics(&mut self, topics: &[NewTopic]) -> Result;

    /// The first offset that is still in the log of each partition.
    ///
    /// # Errors
    /// `InvalidTopic` if a partition does not exist.
    fn earliest_offsets(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, i64>>;

    /// The offset behind the last record: of the log, or of its stable part with read-committed.
    ///
    /// # Errors
    /// `InvalidTopic` if a partition does not exist.
    fn latest_offsets(
        &mut self,
        partitions: &[TopicPartition],
        isolation: IsolationLevel,
    ) -> Result<BTreeMap<TopicPartition, i64>>;

    /// Deletes the records before each offset.
    ///
    /// # Errors
    /// `InvalidTopic` if a partition does not exist.
    fn delete_records(&mut self, before: &[(TopicPartition, i64)]) -> Result;
}
