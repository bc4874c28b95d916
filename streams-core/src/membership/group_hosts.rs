//! Where the tasks of a group are, for queries.

use std::collections::{BTreeMap, BTreeSet};

use crate::TopicPartition;

/// What the instances of a group have, by their `host:port` (`application.server`). One without an address is left out.
/// Java's `StreamsMetadataState` is made of the same.
pub type GroupHosts = BTreeMap<String, HostPartitions>;

/// Partitions of source topics whose tasks one instance has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPartitions {
    /// Those of its active tasks.
    pub active: BTreeSet<TopicPartition>,
    /// Those of its standby and warm-up tasks.
    pub standby: BTreeSet<TopicPartition>,
}
