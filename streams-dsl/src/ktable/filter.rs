//! `filter` and `filter_not` of a table.

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
    /// The rows for which `predicate` holds. Java's `filter`.
    ///
    /// A row that ceases to fulfil it is deleted: that is a tombstone downstream. Where this table
    /// has no store, the predicate is asked again when a row is looked up.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let balances = builder.table::<String, i64>("balances");
    /// balances.filter(|_, balance| *balance < 0).to_stream().to("overdrawn");
    /// assert!(builder.build()?.describe().contains("Processor: KTABLE-FILTER-0000000003 (stores: [])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn filter(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.do_filter(move |key, value| Ok(predicate(key, value)), false, None)
    }

    /// As [`filter`](Self::filter), into the store that `materialized` describes.
    #[track_caller]
    #[must_use]
    pub fn filter_as(
        &self,
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
        materialized: impl Into<Materialized<K, V>>,
    ) -> Self {
        let predicate = move |key: &K, value: &V| Ok(predicate(key, value));
        self.do_filter(predicate, false, Some(materialized.into()))
    }

    /// As [`filter`](Self::filter), with a predicate that can fail.
    #[track_caller]
    #[must_use]
    pub fn try_filter<E: Into<BoxError>>(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
    ) -> Self {
        self.do_filter(move |key, value| predicate(key, value).map_err(Into::into), false, None)
    }

    /// The rows for which `predicate` does not hold. Java's `filterNot`.
    #[track_caller]
    #[must_use]
    pub fn filter_not(&self, predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.do_filter(move |key, value| Ok(predicate(key, value)), true, None)
    }

    /// As [`filter_not`](Self::filter_not), into the store that `materialized` describes.
    #[track_caller]
    #[must_use]
    pub fn filter_not_as(
        &self,
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
        materialized: impl Into<Materialized<K, V>>,
    ) -> Self {
        let predicate = move |key: &K, value: &V| Ok(predicate(key, value));
        self.do_filter(predicate, true, Some(materialized.into()))
    }

    /// As [`filter_not`](Self::filter_not), with a predicate that can fail.
    #[track_caller]
    #[must_use]
    pub fn try_filter_not<E: Into<BoxError>>(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
    ) -> Self {
        self.do_filter(move |key, value| predicate(key, value).map_err(Into::into), true, None)
    }

    #[track_caller]
    fn do_filter(
        &self,
        predicate: impl Fn(&K, &V) -> Result<bool, BoxError> + Send + Sync + 'static,
        not: bool,
        materialized: Option<Materialized<K, V>>,
    ) -> Self {
        let (name, store_name, place) = self.next_node(prefix::TABLE_FILTER, materialized.as_ref());
        let materialized = materialized.unwrap_or_default();
        let key_serde = Slot::given(materialized.key_serde.clone()).or(&self.key_serde);
        let value_serde = Slot::given(materialized.value_serde.clone()).or(&self.value_serde);
        let predicate = Arc::new(predicate);
        let derive = {
            let predicate = predicate.clone();
            move |rows: &TableGetter<K, V>| rows.filter(predicate.clone(), not)
        };
        // With the old values at hand, rows that never fulfilled the predicate need no tombstones.
        let send_old = AtomicBool::new(self.rows.send_old_values(false));
        let parent = self.rows.clone();
        let store = store_name.clone();
        let rows = Arc::new(DerivedRows { parent, store, send_old, derive, value: PhantomData });
        let store =
            store_name.map(|store| TableStore::new(store, materialized, &key_serde, &value_serde));
        let (node_name, flags) = (name.clone(), rows.clone());
        let lower = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, Change<V>>();
            let store = store.as_ref().map(|store| store.add(lowering, &node_name));
            let send_old = flags.sends_old_values();
            let supplier = processors::ktable_filter(predicate.clone(), not, store, send_old);
            let node = lowering.processor(&node_name, supplier, &parents);
            if let Some(store) = store {
                lowering.topology().connect(node.id(), store);
                lowering.topology().flush_with(store, node.id());
            }
            lowering.forwards::<K, Change<V>>(node);
        };
        let node = self.graph.lock().add(&name, Role::Other, &[self.node], place, lower);
        let (graph, sources) = (self.graph.clone(), self.sources.clone());
        Self::new(TableParts { graph, node, name, key_serde, value_serde, sources, rows })
    }
}
