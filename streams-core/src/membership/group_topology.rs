//! The part of a topology that a coordinator must know.

use std::collections::{BTreeMap, BTreeSet};

use super::TopicPattern;

/// A topology as a group coordinator sees it: topics, no code. Topic names are the ones on the
/// cluster, with the application id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupTopology {
    /// The sub-topologies, by number.
    pub subtopologies: BTreeMap<u32, Subtopology>,
}

/// One sub-topology.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subtopology {
    /// Topics of the user that it reads.
    pub source_topics: BTreeSet<String>,
    /// Patterns of topics of the user that it reads, each with the indexes of the [co-partition
    /// groups](Self::copartition_groups) that its topics belong to.
    pub source_patterns: Vec<(TopicPattern, BTreeSet<usize>)>,
    /// Repartition topics that it reads.
    pub repartition_source_topics: BTreeMap<String, InternalTopic>,
    /// Repartition topics that it writes.
    pub repartition_sink_topics: BTreeSet<String>,
    /// Changelog topics of its stores. A store whose changelog is a source topic is not among them.
    pub changelog_topics: BTreeMap<String, InternalTopic>,
    /// Sets of topics (of the user, or repartition topics) that must have equal partition counts.
    pub copartition_groups: Vec<BTreeSet<String>>,
    /// True if it has state that must be restored before it runs.
    pub stateful: bool,
}

/// Description of an internal topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InternalTopic {
    /// Fixed number of partitions; `None` derives it (repartition: from its writers or the topics
    /// it is joined with; changelog: from the tasks).
    pub partitions: Option<i32>,
    /// Topic settings, with Java's names and values.
    pub config: BTreeMap<String, String>,
}
