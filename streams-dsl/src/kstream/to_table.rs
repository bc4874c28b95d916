//! `to_table`: a stream's records as updates of a table.

use std::panic::Location;

use super::KStream;
use crate::{
    graph::{GraphNodeId, Repartition, Role, Slot, Sources, prefix},
    ktable::{KTable, SourceTable, TableParts},
    options::Materialized,
    processors::Nullable,
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// Takes each record as the new value of its key's row, and a null as its deletion. Java's
    /// `toTable`.
    ///
    /// If the key may have changed since the records were read, they are repartitioned first.
    /// Records without a key are dropped. `K2` and `V2` are key and value without their nulls: they
    /// must be named where the stream has `Option`s.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let changes = builder.stream::<String, Option<i64>>("changes");
    /// changes.to_table_as::<String, i64>("latest");
    /// assert!(builder.build()?.describe().contains("KSTREAM-TOTABLE-0000000001 (stores: [latest])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn to_table<K2, V2>(&self) -> KTable<K2, V2>
    where
        K: Nullable<K2>,
        V: Nullable<V2>,
        K2: Clone + Send + 'static,
        V2: Clone + Send + 'static,
    {
        self.to_table_as(Materialized::unnamed())
    }

    /// As [`to_table`](Self::to_table), into the store that `materialized` describes.
    #[track_caller]
    pub fn to_table_as<K2, V2>(
        &self,
        materialized: impl Into<Materialized<K2, V2>>,
    ) -> KTable<K2, V2>
    where
        K: Nullable<K2>,
        V: Nullable<V2>,
        K2: Clone + Send + 'static,
        V2: Clone + Send + 'static,
    {
        let materialized = materialized.into();
        let placed = self.next_node(prefix::TO_TABLE);
        let (place, name) = (placed.place, placed.name);
        let key_serde = Slot::given(materialized.key_serde.clone()).or(&self.key_serde.convert());
        let given = Slot::given(materialized.value_serde.clone());
        let value_serde = given.or(&self.value_serde.convert());
        let table = SourceTable::new(
            &self.graph,
            place,
            materialized,
            prefix::TO_TABLE,
            &key_serde,
            &value_serde,
        );
        let mut parent = self.node;
        let mut sources = self.sources.clone();
        if self.repartition_required {
            let values = self.value_serde.clone().or(&value_serde.convert());
            (parent, sources) = self.repartition_for_table(&name, key_serde.clone(), values);
        }
        let (node_name, rows) = (name.clone(), table.rows.clone());
        let lower = move |lowering: &mut crate::graph::Lowering<'_>| {
            // Behind a repartition topic keys have their plain type, unless that topic is shared.
            if lowering.parents_forward::<K2, V>() {
                let parents = lowering.parents::<K2, V>();
                table.lower::<K2, V>(lowering, &node_name, &parents, None);
            } else {
                let parents = lowering.parents::<K, V>();
                table.lower::<K, V>(lowering, &node_name, &parents, None);
            }
        };
        let node = self.graph.lock().add(&name, Role::Other, &[parent], place, lower);
        let graph = self.graph.clone();
        KTable::new(TableParts { graph, node, name, key_serde, value_serde, sources, rows })
    }

    #[track_caller]
    fn repartition_for_table<K2: Send + 'static>(
        &self,
        base: &str,
        key_serde: Slot<K2>,
        value_serde: Slot<V>,
    ) -> (GraphNodeId, Sources)
    where
        K: Nullable<K2>,
    {
        let mut graph = self.graph.lock();
        let (names, filter) = graph.repartition_names(base);
        let source = names.source.clone();
        let repartition = Repartition::new(names, key_serde, value_serde);
        let place = Location::caller();
        let role = repartition.mergeable::<K>(|key| key.as_value().is_some());
        let node = graph.add(&source, role, &[self.node], place, move |lowering| {
            repartition.lower_unwrapping::<K>(lowering, &filter);
        });
        (node, [source].into())
    }
}
