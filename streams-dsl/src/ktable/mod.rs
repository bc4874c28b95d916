//! `KTable`: rows by key, and the changes that make them.
//!
//! An edge between two nodes of tables carries [`Change`](crate::change::Change). A table has a
//! store where it is materialized, and otherwise only where something below needs one.

mod filter;
mod group_by;
mod join;
mod map_values;
mod row_topic;
mod rows;
mod source;
mod suppress;
mod table_store;
mod to_stream;

use std::{fmt, panic::Location, sync::Arc};

pub(crate) use self::{
    row_topic::RowTopic,
    rows::{Rows, StoredRows, WindowRows},
    source::SourceTable,
    table_store::TableStore,
};
use crate::{
    graph::{GraphNodeId, Place, SharedGraph, Slot, Sources},
    options::{Materialized, Named},
};

/// A table: the latest value of each key. Java's `KTable`.
///
/// A handle of a node in the graph of its [`StreamsBuilder`](crate::StreamsBuilder); cloning it is
/// cheap and adds nothing. Values are never null: a deleted row is a tombstone only where the table
/// becomes a stream again, [`to_stream`](Self::to_stream).
pub struct KTable<K, V> {
    graph: SharedGraph,
    node: GraphNodeId,
    name: Arc<str>,
    key_serde: Slot<K>,
    value_serde: Slot<V>,
    sources: Sources,
    rows: Arc<dyn Rows<K, V>>,
    next_name: Option<Named>,
}

/// What a table is made of.
pub(crate) struct TableParts<K, V, R> {
    pub(crate) graph: SharedGraph,
    pub(crate) node: GraphNodeId,
    pub(crate) name: Arc<str>,
    pub(crate) key_serde: Slot<K>,
    pub(crate) value_serde: Slot<V>,
    pub(crate) sources: Sources,
    pub(crate) rows: Arc<R>,
}

impl<K, V> Clone for KTable<K, V> {
    fn clone(&self) -> Self {
        Self {
            graph: self.graph.clone(),
            node: self.node,
            name: self.name.clone(),
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            sources: self.sources.clone(),
            rows: self.rows.clone(),
            next_name: self.next_name.clone(),
        }
    }
}

impl<K, V> fmt::Debug for KTable<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KTable({})", self.name)
    }
}

impl<K, V> KTable<K, V> {
    pub(crate) const fn graph(&self) -> &SharedGraph {
        &self.graph
    }

    pub(crate) const fn sources(&self) -> &Sources {
        &self.sources
    }

    pub(crate) const fn rows(&self) -> &Arc<dyn Rows<K, V>> {
        &self.rows
    }
}

impl<K, V> KTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    pub(crate) fn new<R: Rows<K, V> + 'static>(parts: TableParts<K, V, R>) -> Self {
        let TableParts { graph, node, name, key_serde, value_serde, sources, rows } = parts;
        Self { graph, node, name, key_serde, value_serde, sources, rows, next_name: None }
    }

    /// The same table, whose next operator names its node `name`. Java's `Named`.
    #[must_use]
    pub fn named(&self, name: impl Into<Named>) -> Self {
        Self { next_name: Some(name.into()), ..self.clone() }
    }

    /// The name of the next node, and the one of its store, if it is to have one. With
    /// `materialized`, but without a name for the store, there is none, and yet it takes a number,
    /// as in Java.
    #[track_caller]
    fn next_node<V2>(
        &self,
        prefix: &str,
        materialized: Option<&Materialized<K, V2>>,
    ) -> (Arc<str>, Option<Arc<str>>, Place) {
        let place = Location::caller();
        let mut graph = self.graph.lock();
        graph.check_name(place, self.next_name.as_ref());
        let store = materialized.and_then(|materialized| {
            graph.check_name(place, materialized.name.as_ref());
            if materialized.name.is_none() {
                graph.new_store_name(prefix);
            }
            materialized.name.as_ref().map(Named::shared)
        });
        (graph.name_or_new(self.next_name.as_ref(), prefix), store, place)
    }
}
