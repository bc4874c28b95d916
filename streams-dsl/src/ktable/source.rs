//! Tables that read their rows from a topic or a stream.

use std::sync::Arc;

use streams_core::topology::NodeRef;

use super::{KTable, RowTopic, TableParts, TableStore, rows::StoredRows};
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
        let topic = RowTopic::new(graph, consumed, &materialized, place);
        let (key_serde, value_serde) = (topic.key_serde.clone(), topic.value_serde.clone());
        let prefix = topic.store_prefix();
        let table = SourceTable::new(graph, place, materialized, &prefix, &key_serde, &value_serde);
        let mut locked = graph.lock();
        let source = locked.suffixed_or_new(topic.name.as_ref(), "-source", prefix::SOURCE);
        let name = locked.name_or_new(topic.name.as_ref(), prefix::TABLE_SOURCE);
        let (source_name, node_name, rows) = (source.clone(), name.clone(), table.rows.clone());
        let node = locked.add(&name, Role::Other, &[], place, move |lowering| {
            let options = topic.options(lowering, &source_name);
            if let Some(source) = lowering.source(&source_name, &topic.topics, options) {
                let topic = topic.topics.first().map(String::as_str);
                table.lower(lowering, &node_name, &[source], topic);
            }
        });
        drop(locked);
        let (graph, sources) = (graph.clone(), [source].into());
        Self::new(TableParts { graph, node, name, key_serde, value_serde, sources, rows })
    }
}
