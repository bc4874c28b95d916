//! How sources and sinks read and write.

use std::sync::Arc;

use crate::{
    client::OffsetReset,
    processor::{SinkTopic, StreamPartitioner, TimestampExtractor, TopicNameExtractor},
    serde::SerdeRef,
};

/// What a source node reads.
pub struct SourceOptions<K, V> {
    pub(crate) topics: Vec<String>,
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
        let topics = topics.into_iter().map(Into::into).collect();
        Self { topics, key_serde, value_serde, extractor: None, reset: None }
    }

    /// Takes the event time from this extractor instead of the configured one.
    #[must_use]
    pub fn with_timestamp_extractor(mut self, extractor: TimestampExtractor<K, V>) -> Self {
        self.extractor = Some(extractor);
        self
    }

    /// Where to begin without a committed offset, instead of where `auto.offset.reset` says.
    #[must_use]
    pub fn with_offset_reset(mut self, reset: OffsetReset) -> Self {
        self.reset = Some(reset);
        self
    }
}

impl<K, V> std::fmt::Debug for SourceOptions<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SourceOptions({:?})", self.topics)
    }
}

/// What a sink node writes.
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

    /// Writes each record to the topic that `extractor` names; `label` stands for it in `describe()`.
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
