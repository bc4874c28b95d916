//! Tables that read their rows from a topic or a stream.

use std::sync::Arc;

use streams_core::{
    processor::{ExtractTimestamp, TimestampExtractor},
    serde::option,
    topology::{NodeRef, SourceOptions},
};

use super::{KTable, TableParts, TableStore, rows::StoredRows};
use crate::{
    change::Change,
    graph::{Lowering, Place, Role, SharedGraph, Slot, prefix},
    options::{Consumed, Materialized},
    processors::{self, Nullable},
};

/// The node that takes records as updates of rows, with or without a store.
pub(crate) struct SourceTable<K, V> {
    store: TableStore<K, V>,
    pub(crate) rows: Arc<StoredRows>,
}

impl<K, V> SourceTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// Takes the name of the store: that of `materialized`, else a generated one.
    pub(crate) fn new(
        graph: &SharedGraph,
        place: Place,
        materialized: Materialized<K, V>,
        prefix: &str,
        key_serde: &Slot<K>,
        value_serde: &Slot<V>,
    ) -> Self {
        let mut graph = graph.lock();
        graph.check_name(place, materialized.name.as_ref());
        let name = match &materialized.name {
            Some(name) => name.shared(),
            None => graph.new_store_name(prefix),
        };
        let rows = StoredRows::new(name.clone(), materialized.name.is_some());
        Self { store: TableStore::new(name, materialized, key_serde, value_serde), rows }
    }

    /// Adds the node and, if anything needs it, the store; `topic` is what the rows can be restored
    /// from, if all that is read from it is a row.
    pub(crate) fn lower<KIn, VIn>(
        &self,
        lowering: &mut Lowering<'_>,
        name: &Arc<str>,
        parents: &[NodeRef<KIn, VIn>],
        topic: Option<&str>,
    ) where
        KIn: Nullable<K> + 'static,
        VIn: Nullable<V> + 'static,
    {
        let store = self.rows.is_materialized().then(|| self.store.add(lowering, name));
        let send_old = super::rows::Rows::<K, V>::sends_old_values(&*self.rows);
        let supplier = processors::ktable_source(store, send_old);
        let node = lowering.processor(name, supplier, parents);
        if let Some(store) = store {
            lowering.topology().connect(node.id(), store);
            lowering.topology().flush_with(store, node.id());
            if let Some(topic) = topic.filter(|_| lowering.settings().reuse_source_topics) {
                lowering.topology().use_source_as_changelog(store, topic);
            }
        }
        lowering.forwards::<K, Change<V>>(node);
    }
}

impl<K, V> KTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// A table of a topic.
    pub(crate) fn source(
        graph: &SharedGraph,
        consumed: Consumed<K, V>,
        materialized: Materialized<K, V>,
        place: Place,
    ) -> Self {
        let Consumed { topics, name, key_serde, value_serde, extractor, reset } = consumed;
        // The topic is read with the serdes of `consumed`, the store written with those of
        // `materialized`; either serves where the other has none.
        let key_serde = Slot::given(key_serde).or(&Slot::given(materialized.key_serde.clone()));
        let value_serde =
            Slot::given(value_serde).or(&Slot::given(materialized.value_serde.clone()));
        {
            let mut graph = graph.lock();
            graph.check_name(place, name.as_ref());
            graph.check_topics(place, &topics);
            if topics.len() > 1 {
                graph.problem(place, format!("a table reads one topic, not {}", topics.join(", ")));
            }
        }
        let prefix = format!("{}-", topics.join("-"));
        let table = SourceTable::new(graph, place, materialized, &prefix, &key_serde, &value_serde);
        let mut locked = graph.lock();
        let source = locked.suffixed_or_new(name.as_ref(), "-source", prefix::SOURCE);
        let name = locked.name_or_new(name.as_ref(), prefix::TABLE_SOURCE);
        let (key, value) = (key_serde.map(option), value_serde.map(option));
        let extractor = extractor.map(of_rows);
        let (source_name, node_name, rows) = (source.clone(), name.clone(), table.rows.clone());
        let node = locked.add(&name, Role::Other, &[], place, move |lowering| {
            let key = lowering.serde(&key, &source_name, "key");
            let value = lowering.serde(&value, &source_name, "value");
            let mut options = SourceOptions::new(topics.clone(), key, value);
            if let Some(reset) = reset {
                options = options.with_offset_reset(reset);
            }
            if let Some(extractor) = &extractor {
                options = options.with_timestamp_extractor(extractor.clone());
            }
            if let Some(source) = lowering.source(&source_name, &topics, options) {
                let topic = topics.first().map(String::as_str);
                table.lower(lowering, &node_name, &[source], topic);
            }
        });
        drop(locked);
        let (graph, sources) = (graph.clone(), [source].into());
        Self::new(TableParts { graph, node, name, key_serde, value_serde, sources, rows })
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
