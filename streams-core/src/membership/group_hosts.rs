//! Hosts of the tasks of a group, for queries.

use std::collections::{BTreeMap, BTreeSet};

use crate::TopicPartition;

/// Partitions of the instances of a group, by `host:port` (`application.server`). An instance
/// without an address is left out. The data behind Java's `StreamsMetadataState`.
pub type GroupHosts = BTreeMap<String, HostPartitions>;

/// Partitions of source topics whose tasks an instance has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPartitions {
    /// Those of its active tasks.
    pub active: BTreeSet<TopicPartition>,
    /// Those of its standby and warm-up tasks.
    pub standby: BTreeSet<TopicPartition>,
}
