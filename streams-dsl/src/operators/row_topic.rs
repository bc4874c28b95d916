//! A topic whose records are the rows of a table.

use std::sync::Arc;

use streams_core::{
    client::OffsetReset,
    processor::{ExtractTimestamp, TimestampExtractor},
    serde::option,
    topology::SourceOptions,
};

use crate::{
    options::{Consumed, Materialized},
    plan::{Lowering, Sketch, Slot, Step},
};

/// The topic of a table, and how it is read.
pub(super) struct RowTopic<K, V> {
    pub(super) topics: Vec<String>,
    pub(super) key_serde: Slot<K>,
    pub(super) value_serde: Slot<V>,
    extractor: Option<TimestampExtractor<Option<K>, Option<V>>>,
    reset: Option<OffsetReset>,
}

impl<K: Send + 'static, V: Send + 'static> RowTopic<K, V> {
    /// The topic is read with the serdes of `consumed`, the store written with those of
    /// `materialized`; either serves where the other has none.
    pub(super) fn new(
        consumed: &Consumed<K, V>,
        materialized: &Materialized<K, V>,
        step: &Step,
        sketch: &mut Sketch<'_>,
    ) -> Self {
        let Consumed { topics, pattern, key_serde, value_serde, extractor, reset } =
            consumed.clone();
        sketch.check_one_topic(step, "a table", (&topics, pattern.as_deref()));
        let keys = Slot::given(key_serde).or(&Slot::given(step.options.key_serde()));
        let values = Slot::given(value_serde).or(&Slot::given(step.options.value_serde()));
        Self {
            topics,
            key_serde: keys.or(&Slot::given(materialized.key_serde.clone())),
            value_serde: values.or(&Slot::given(materialized.value_serde.clone())),
            extractor: extractor.map(of_rows),
            reset,
        }
    }

    /// Prefix of the generated name of the table's store.
    pub(super) fn store_prefix(&self) -> String {
        format!("{}-", self.topics.join("-"))
    }

    /// Options by which the source node of this name reads it: keys and values may be null.
    pub(super) fn options(
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
