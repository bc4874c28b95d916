//! A member's topology, in the broker's format.

use super::wire::wire_struct;

wire_struct! {
    /// A key with its value: of a topic's configuration, or a client tag.
    pub struct KeyValue {
        /// The name.
        pub key: String,
        /// The value.
        pub value: String,
    }
}

wire_struct! {
    /// An internal topic, which the broker creates.
    pub struct TopicInfo {
        /// The name.
        pub name: String,
        /// Number of partitions; 0 leaves it to the broker, as always for a changelog.
        pub partitions: i32,
        /// Number of replicas; 0 leaves it to the broker.
        pub replication_factor: i16,
        /// Settings of the topic.
        pub topic_configs: Vec<KeyValue>,
    }
}

wire_struct! {
    /// Topics of a sub-topology that must have equal partition counts.
    pub struct CopartitionGroup {
        /// Indexes into [`Subtopology::source_topics`].
        pub source_topics: Vec<i16>,
        /// Indexes into [`Subtopology::source_topic_regex`].
        pub source_topic_regex: Vec<i16>,
        /// Indexes into [`Subtopology::repartition_source_topics`].
        pub repartition_source_topics: Vec<i16>,
    }
}

wire_struct! {
    /// A connected part of the topology. Kafka Streams sorts all lists by name.
    pub struct Subtopology {
        /// Its id; Kafka Streams numbers them from "0" on.
        pub subtopology_id: String,
        /// Topics that it reads and that the user creates.
        pub source_topics: Vec<String>,
        /// Patterns (RE2) of topics that it reads.
        pub source_topic_regex: Vec<String>,
        /// Changelogs of its stores; a source topic that serves as changelog is not among them.
        pub state_changelog_topics: Vec<TopicInfo>,
        /// Repartition topics that it writes.
        pub repartition_sink_topics: Vec<String>,
        /// Repartition topics that it reads.
        pub repartition_source_topics: Vec<TopicInfo>,
        /// Those of its input topics that must have equal partition counts.
        pub copartition_groups: Vec<CopartitionGroup>,
    }
}

wire_struct! {
    /// All sub-topologies.
    pub struct Topology {
        /// Version of the topology in the life of the application; always 0 in Kafka Streams 4.3.
        pub epoch: i32,
        /// The parts.
        pub subtopologies: Vec<Subtopology>,
    }
}
