//! An internal topic that a coordinator creates.

use std::collections::BTreeMap;

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Number of partitions, at least 1.
    pub partitions: i32,
    /// Copies of each partition; -1 leaves it to the cluster.
    pub replication_factor: i16,
    /// Settings by Kafka's names.
    pub config: BTreeMap<String, String>,
}
