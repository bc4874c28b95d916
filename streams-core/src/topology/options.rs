//! Options of sources and sinks.

use std::sync::Arc;

use super::SourceTopics;
use crate::{
    Result,
    client::OffsetReset,
    membership::TopicPattern,
    processor::{SinkTopic, StreamPartitioner, TimestampExtractor, TopicNameExtractor},
    serde::SerdeRef,
};

/// Options of a source node.
pub struct SourceOptions<K, V> {
    /// Its topics, or the reason why a pattern is invalid.
    pub(crate) topics: Result<SourceTopics>,
    pub(crate) key_serde: SerdeRef<K>,
    pub(crate) value_serde: SerdeRef<V>,
    pub(crate) extractor: Option<TimestampExtractor<K, V>>,
    pub(crate) reset: Option<OffsetReset>,
}

impl<K, V> SourceOptions<K, V> {
    /// Reads these topics with these serdes.
    pub fn new<T: Into<String>>(
        topics: impl IntoIterator<Item = T>,
        key_serde: SerdeRef<K>,
        value_serde: SerdeRef<V>,
    ) -> Self {
        let topics = SourceTopics::Named(topics.into_iter().map(Into::into).collect());
        Self { topics: Ok(topics), key_serde, value_serde, extractor: None, reset: None }
    }

    /// Reads all topics whose whole names match this regular expression, with these serdes. Java's
    /// `addSource` with a `Pattern`.
    ///
    /// New topics are read as soon as the group notices them, which takes up to
    /// `metadata.max.age.ms`; deleted ones are no longer read. Topics of the cluster itself and
    /// internal topics of the application do not match. Only one source may read a topic; see
    /// [`TopicPattern`] for the syntax.
    ///
    /// ```
    /// use streams_core::{serde, topology::{SourceOptions, TopologyBuilder}};
    ///
    /// let mut builder = TopologyBuilder::new();
    /// builder.add_source("orders", SourceOptions::pattern("orders-.*", serde::string(), serde::string()));
    /// assert!(builder.build()?.describe().contains("Source: orders (topics: orders-.*)"));
    /// # Ok::<(), streams_core::Error>(())
    /// ```
    pub fn pattern(pattern: &str, key_serde: SerdeRef<K>, value_serde: SerdeRef<V>) -> Self {
        let topics = TopicPattern::new(pattern).map(SourceTopics::Matching);
        Self { topics, key_serde, value_serde, extractor: None, reset: None }
    }

    /// Description of its topics, for messages.
    pub(crate) fn in_words(&self) -> String {
        match &self.topics {
            Ok(SourceTopics::Named(topics)) => format!("{topics:?}"),
            Ok(SourceTopics::Matching(pattern)) => {
                format!("all that match the pattern `{pattern}`")
            }
            Err(error) => error.to_string(),
        }
    }

    /// The topics that it names.
    pub(crate) fn named(&self) -> &[String] {
        self.topics.as_ref().map_or(&[], SourceTopics::named)
    }

    /// Takes the event time from this extractor instead of the configured one.
    #[must_use]
    pub fn with_timestamp_extractor(mut self, extractor: TimestampExtractor<K, V>) -> Self {
        self.extractor = Some(extractor);
        self
    }

    /// Sets the start position if there is no committed offset, in place of `auto.offset.reset`.
    #[must_use]
    pub fn with_offset_reset(mut self, reset: OffsetReset) -> Self {
        self.reset = Some(reset);
        self
    }
}

impl<K, V> std::fmt::Debug for SourceOptions<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SourceOptions({})", self.in_words())
    }
}

/// Options of a sink node.
pub struct SinkOptions<K, V> {
    pub(crate) topic: SinkTopic<K, V>,
    pub(crate) extractor: String,
    pub(crate) key_serde: SerdeRef<K>,
    pub(crate) value_serde: SerdeRef<V>,
    pub(crate) partitioner: Option<StreamPartitioner<K, V>>,
}

impl<K, V> SinkOptions<K, V> {
    /// Writes to one topic.
    pub fn topic(topic: &str, key_serde: SerdeRef<K>, value_serde: SerdeRef<V>) -> Self {
        let topic = SinkTopic::Fixed(Arc::from(topic));
        Self { topic, extractor: String::new(), key_serde, value_serde, partitioner: None }
    }

    /// Writes each record to the topic that `extractor` chooses; `label` names it in `describe()`.
    pub fn dynamic(
        label: &str,
        extractor: TopicNameExtractor<K, V>,
        key_serde: SerdeRef<K>,
        value_serde: SerdeRef<V>,
    ) -> Self {
        let name = label.to_owned();
        let topic = SinkTopic::Dynamic(extractor);
        Self { topic, extractor: name, key_serde, value_serde, partitioner: None }
    }

    /// Chooses partitions with this partitioner instead of the key's hash.
    #[must_use]
    pub fn with_partitioner(mut self, partitioner: StreamPartitioner<K, V>) -> Self {
        self.partitioner = Some(partitioner);
        self
    }
}

impl<K, V> std::fmt::Debug for SinkOptions<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.topic {
            SinkTopic::Fixed(topic) => write!(f, "SinkOptions({topic:?})"),
            SinkTopic::Dynamic(_) => write!(f, "SinkOptions({})", self.extractor),
        }
    }
}
