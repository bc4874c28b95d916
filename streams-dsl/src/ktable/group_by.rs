//! `group_by` of a table.

use std::sync::Arc;

use streams_core::BoxError;

use super::KTable;
use crate::{
    change::Change,
    graph::{Lowering, Role, Slot, prefix},
    grouped::{KGroupedTable, TableGrouping},
    options::Grouped,
    processors::{self, Nullable},
};

impl<K, V> KTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// Groups the rows anew: `selector` gives the key and value that each row has in its group.
    /// Java's `groupBy`.
    ///
    /// What is made of the groups repartitions them: of each change, the old value goes to its
    /// group to be taken out and the new one to its own to be put in. Until both have arrived the
    /// groups are transiently wrong. The table gets a store, if it has none, because the old values
    /// are needed. A row is in no group if the selector gives a `None` for its key or value; then
    /// the types must be named, as `group_by::<String, i64, _, _>`.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let home_towns = builder.table::<String, String>("home-towns");
    /// home_towns.group_by(|person, town| (town.clone(), person.clone())).count_as("people-per-town");
    /// assert!(builder.build()?.describe().contains("(topic: people-per-town-repartition)"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn group_by<K2, V2, KR, VR>(
        &self,
        selector: impl Fn(&K, &V) -> (KR, VR) + Send + Sync + 'static,
    ) -> KGroupedTable<K2, V2>
    where
        K2: PartialEq + Clone + Send + 'static,
        V2: Clone + Send + 'static,
        KR: Nullable<K2>,
        VR: Nullable<V2>,
    {
        self.group_by_with(selector, Grouped::unnamed())
    }

    /// As [`group_by`](Self::group_by), with a name for the repartition topic, or serdes.
    #[track_caller]
    pub fn group_by_with<K2, V2, KR, VR>(
        &self,
        selector: impl Fn(&K, &V) -> (KR, VR) + Send + Sync + 'static,
        grouped: impl Into<Grouped<K2, V2>>,
    ) -> KGroupedTable<K2, V2>
    where
        K2: PartialEq + Clone + Send + 'static,
        V2: Clone + Send + 'static,
        KR: Nullable<K2>,
        VR: Nullable<V2>,
    {
        let selector = move |key: &K, value: &V| {
            let (key, value) = selector(key, value);
            Ok(key.into_value().zip(value.into_value()))
        };
        self.do_group_by(selector, grouped.into())
    }

    /// As [`group_by`](Self::group_by), with a selector that can fail.
    #[track_caller]
    pub fn try_group_by<K2, V2, KR, VR, E: Into<BoxError>>(
        &self,
        selector: impl Fn(&K, &V) -> Result<(KR, VR), E> + Send + Sync + 'static,
    ) -> KGroupedTable<K2, V2>
    where
        K2: PartialEq + Clone + Send + 'static,
        V2: Clone + Send + 'static,
        KR: Nullable<K2>,
        VR: Nullable<V2>,
    {
        let selector = move |key: &K, value: &V| {
            let (key, value) = selector(key, value).map_err(Into::into)?;
            Ok(key.into_value().zip(value.into_value()))
        };
        self.do_group_by(selector, Grouped::unnamed())
    }

    #[track_caller]
    fn do_group_by<K2, V2>(
        &self,
        selector: impl Fn(&K, &V) -> Result<Option<(K2, V2)>, BoxError> + Send + Sync + 'static,
        grouped: Grouped<K2, V2>,
    ) -> KGroupedTable<K2, V2>
    where
        K2: PartialEq + Clone + Send + 'static,
        V2: Clone + Send + 'static,
    {
        let group_name = grouped.name.or_else(|| self.next_name.clone());
        let table = Self { next_name: group_name.clone(), ..self.clone() };
        let (name, _, place) = table.next_node::<V>(prefix::TABLE_SELECT, None);
        self.rows.send_old_values(true);
        let (node_name, selector) = (name.clone(), Arc::new(selector));
        let lower = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, Change<V>>();
            let split = lowering.settings().split_changes;
            let supplier = processors::ktable_repartition_map(selector.clone(), split);
            let node = lowering.processor(&node_name, supplier, &parents);
            lowering.forwards::<K2, Change<V2>>(node);
        };
        let node = self.graph.lock().add(&name, Role::Other, &[self.node], place, lower);
        KGroupedTable::new(TableGrouping {
            graph: self.graph.clone(),
            node,
            key_serde: Slot::given(grouped.key_serde),
            value_serde: Slot::given(grouped.value_serde),
            name: group_name,
        })
    }
}
