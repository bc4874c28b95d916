//! `map_values` of a table.

use std::{
    marker::PhantomData,
    sync::{Arc, atomic::AtomicBool},
};

use streams_core::BoxError;

use super::{
    KTable, TableParts, TableStore,
    rows::{DerivedRows, Rows},
};
use crate::{
    change::Change,
    graph::{Lowering, Role, Slot, prefix},
    options::Materialized,
    processors::{self, TableGetter},
};

impl<K, V> KTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// The rows with their values mapped. Java's `mapValues`.
    ///
    /// A mapper that returns an `Option` deletes the row with `None`; then the type of the values
    /// must be named. Where this table has no store, the mapper is called again when a row is
    /// looked up.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let names = builder.table::<String, String>("names");
    /// names.map_values(|name| name.to_uppercase()).to_stream().to("shouted-names");
    /// assert!(builder.build()?.describe().contains("Processor: KTABLE-MAPVALUES-0000000003 (stores: [])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn map_values<V2: Clone + Send + 'static>(
        &self,
        mapper: impl Fn(&V) -> V2 + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        self.do_map_values(move |_, value| Ok(Some(mapper(value))), None)
    }

    /// As [`map_values`](Self::map_values), into the store that `materialized` describes.
    #[track_caller]
    #[must_use]
    pub fn map_values_as<V2: Clone + Send + 'static>(
        &self,
        mapper: impl Fn(&V) -> V2 + Send + Sync + 'static,
        materialized: impl Into<Materialized<K, V2>>,
    ) -> KTable<K, V2> {
        self.do_map_values(move |_, value| Ok(Some(mapper(value))), Some(materialized.into()))
    }

    /// As [`map_values`](Self::map_values), with a mapper that sees the key too.
    #[track_caller]
    #[must_use]
    pub fn map_values_with_key<V2: Clone + Send + 'static>(
        &self,
        mapper: impl Fn(&K, &V) -> V2 + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        self.do_map_values(move |key, value| Ok(Some(mapper(key, value))), None)
    }

    /// As [`map_values_as`](Self::map_values_as), with a mapper that sees the key too.
    #[track_caller]
    #[must_use]
    pub fn map_values_with_key_as<V2: Clone + Send + 'static>(
        &self,
        mapper: impl Fn(&K, &V) -> V2 + Send + Sync + 'static,
        materialized: impl Into<Materialized<K, V2>>,
    ) -> KTable<K, V2> {
        let mapper = move |key: &K, value: &V| Ok(Some(mapper(key, value)));
        self.do_map_values(mapper, Some(materialized.into()))
    }

    /// As [`map_values`](Self::map_values), with a mapper that can fail.
    #[track_caller]
    #[must_use]
    pub fn try_map_values<V2: Clone + Send + 'static, E: Into<BoxError>>(
        &self,
        mapper: impl Fn(&V) -> Result<V2, E> + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        self.do_map_values(move |_, value| mapper(value).map(Some).map_err(Into::into), None)
    }

    /// As [`map_values_with_key`](Self::map_values_with_key), with a mapper that can fail.
    #[track_caller]
    #[must_use]
    pub fn try_map_values_with_key<V2: Clone + Send + 'static, E: Into<BoxError>>(
        &self,
        mapper: impl Fn(&K, &V) -> Result<V2, E> + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        self.do_map_values(move |key, value| mapper(key, value).map(Some).map_err(Into::into), None)
    }

    #[track_caller]
    fn do_map_values<V2: Clone + Send + 'static>(
        &self,
        mapper: impl Fn(&K, &V) -> Result<Option<V2>, BoxError> + Send + Sync + 'static,
        materialized: Option<Materialized<K, V2>>,
    ) -> KTable<K, V2> {
        let (name, store_name, place) =
            self.next_node(prefix::TABLE_MAP_VALUES, materialized.as_ref());
        let materialized = materialized.unwrap_or_default();
        let key_serde = Slot::given(materialized.key_serde.clone()).or(&self.key_serde);
        let value_serde = Slot::given(materialized.value_serde.clone());
        let mapper = Arc::new(mapper);
        let derive = {
            let mapper = mapper.clone();
            move |rows: &TableGetter<K, V>| rows.map_values(mapper.clone())
        };
        let (parent, send_old) = (self.rows.clone(), AtomicBool::new(false));
        let store = store_name.clone();
        let rows = Arc::new(DerivedRows { parent, store, send_old, derive, value: PhantomData });
        let store =
            store_name.map(|store| TableStore::new(store, materialized, &key_serde, &value_serde));
        let (node_name, flags) = (name.clone(), rows.clone());
        let lower = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, Change<V>>();
            let store = store.as_ref().map(|store| store.add(lowering, &node_name));
            let send_old = flags.sends_old_values();
            let supplier = processors::ktable_map_values(mapper.clone(), store, send_old);
            let node = lowering.processor(&node_name, supplier, &parents);
            if let Some(store) = store {
                lowering.topology().connect(node.id(), store);
                lowering.topology().flush_with(store, node.id());
            }
            lowering.forwards::<K, Change<V2>>(node);
        };
        let node = self.graph.lock().add(&name, Role::Other, &[self.node], place, lower);
        let (graph, sources) = (self.graph.clone(), self.sources.clone());
        KTable::new(TableParts { graph, node, name, key_serde, value_serde, sources, rows })
    }
}
