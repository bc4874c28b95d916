//! A topic whose records are the rows of a table.

use std::sync::Arc;

use streams_core::{
    client::OffsetReset,
    processor::{ExtractTimestamp, TimestampExtractor},
    serde::option,
    topology::SourceOptions,
};

use crate::{
    graph::{Lowering, Place, SharedGraph, Slot},
    options::{Consumed, Materialized, Named},
};

/// What a table reads, and how.
pub(crate) struct RowTopic<K, V> {
    pub(crate) topics: Vec<String>,
    /// The user's name of the node, if there is one.
    pub(crate) name: Option<Named>,
    pub(crate) key_serde: Slot<K>,
    pub(crate) value_serde: Slot<V>,
    extractor: Option<TimestampExtractor<Option<K>, Option<V>>>,
    reset: Option<OffsetReset>,
}

impl<K: Send + 'static, V: Send + 'static> RowTopic<K, V> {
    /// The topic is read with the serdes of `consumed`, the store written with those of
    /// `materialized`; either serves where the other has none.
    pub(crate) fn new(
        graph: &SharedGraph,
        consumed: Consumed<K, V>,
        materialized: &Materialized<K, V>,
        place: Place,
    ) -> Self {
        let Consumed { topics, name, key_serde, value_serde, extractor, reset } = consumed;
        let mut graph = graph.lock();
        graph.check_name(place, name.as_ref());
        graph.check_topics(place, &topics);
        if topics.len() > 1 {
            graph.problem(place, format!("a table reads one topic, not {}", topics.join(", ")));
        }
        Self {
            topics,
            name,
            key_serde: Slot::given(key_serde).or(&Slot::given(materialized.key_serde.clone())),
            value_serde: Slot::given(value_serde)
                .or(&Slot::given(materialized.value_serde.clone())),
            extractor: extractor.map(of_rows),
            reset,
        }
    }

    /// What the generated name of the table's store begins with.
    pub(crate) fn store_prefix(&self) -> String {
        format!("{}-", self.topics.join("-"))
    }

    /// How the source node of this name reads it: keys and values may be null.
    pub(crate) fn options(
        &self,
        lowering: &mut Lowering<'_>,
        source: &str,
    ) -> SourceOptions<Option<K>, Option<V>> {
        let key = lowering.serde(&self.key_serde.map(option), source, "key");
        let value = lowering.serde(&self.value_serde.map(option), source, "value");
        let mut options = SourceOptions::new(self.topics.clone(), key, value);
        if let Some(reset) = self.reset {
            options = options.with_offset_reset(reset);
        }
        if let Some(extractor) = &self.extractor {
            options = options.with_timestamp_extractor(extractor.clone());
        }
        options
    }
}

/// The extractor of a table sees whole rows only; other records keep their timestamp.
fn of_rows<K: 'static, V: 'static>(
    extractor: TimestampExtractor<K, V>,
) -> TimestampExtractor<Option<K>, Option<V>> {
    Arc::new(move |ask| {
        let (Some(key), Some(value)) = (ask.record.key, ask.record.value) else {
            return Ok(ask.record.timestamp);
        };
        extractor(&ExtractTimestamp {
            record: ask.record.with_key(key).with_value(value),
            topic_partition: ask.topic_partition,
            offset: ask.offset,
            partition_time: ask.partition_time,
        })
    })
}
