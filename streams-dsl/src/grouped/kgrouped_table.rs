//! `KGroupedTable`: the rows of a table, grouped anew.

use std::{fmt, panic::Location, sync::Arc};

use parking_lot::Mutex;
use streams_core::{
    BoxError,
    serde::long,
    store::{StoreRef, TimestampedKeyValueStore},
    topology::NodeRef,
};

use crate::{
    change::{Change, changed},
    graph::{
        GraphNodeId, Lowering, Repartition, RepartitionNames, Role, SharedGraph, Slot, Sources,
        prefix,
    },
    ktable::{KTable, Rows, StoredRows, TableParts, TableStore},
    options::{Materialized, Named},
    processors::{self, TableAggregation, TableReduction},
};

/// A table whose rows are grouped by another key: the first half of an aggregation. Java's
/// `KGroupedTable`.
///
/// Groups follow their rows: when a row changes, its old value is taken out of the group that it
/// was in, by a subtractor, and its new one is put into its group, by an adder. Functions return
/// the new aggregate, or an `Option` of it: `None` deletes the row of the group.
pub struct KGroupedTable<K, V> {
    grouping: TableGrouping<K, V>,
    next_name: Option<Named>,
    /// The repartition topic that aggregations of this group share, if it has a name.
    topic: Arc<Mutex<Option<SharedTopic>>>,
}

/// A repartition topic's node and the name of its source.
type SharedTopic = (GraphNodeId, Arc<str>);

/// What a group of a table is made of.
pub(crate) struct TableGrouping<K, V> {
    pub(crate) graph: SharedGraph,
    pub(crate) node: GraphNodeId,
    pub(crate) key_serde: Slot<K>,
    pub(crate) value_serde: Slot<V>,
    /// Base of the name of the repartition topic, if the user gave one.
    pub(crate) name: Option<Named>,
}

impl<K, V> Clone for KGroupedTable<K, V> {
    fn clone(&self) -> Self {
        let grouping = TableGrouping {
            graph: self.grouping.graph.clone(),
            node: self.grouping.node,
            key_serde: self.grouping.key_serde.clone(),
            value_serde: self.grouping.value_serde.clone(),
            name: self.grouping.name.clone(),
        };
        Self { grouping, next_name: self.next_name.clone(), topic: self.topic.clone() }
    }
}

impl<K, V> fmt::Debug for KGroupedTable<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KGroupedTable({:?})", self.grouping.name)
    }
}

impl<K, V> KGroupedTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    pub(crate) fn new(grouping: TableGrouping<K, V>) -> Self {
        Self { grouping, next_name: None, topic: Arc::default() }
    }

    /// The same group, whose next operator names its node `name`. Java's `Named`.
    #[must_use]
    pub fn named(&self, name: impl Into<Named>) -> Self {
        Self { next_name: Some(name.into()), ..self.clone() }
    }

    /// Counts the rows of each group. Java's `count`.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let home_towns = builder.table::<String, String>("home-towns");
    /// let people = home_towns.group_by(|person, town| (town.clone(), person.clone())).count();
    /// people.to_stream().to("people-per-town");
    /// assert!(builder.build()?.describe().contains("Processor: KTABLE-AGGREGATE-0000000007"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn count(&self) -> KTable<K, i64> {
        self.count_as(Materialized::unnamed())
    }

    /// As [`count`](Self::count), into the store that `materialized` describes.
    #[track_caller]
    pub fn count_as(&self, materialized: impl Into<Materialized<K, i64>>) -> KTable<K, i64> {
        let aggregation = Arc::new(TableAggregation {
            initializer: || Ok(0),
            adder: |_: &K, _: &V, count: i64| Ok(Some(count + 1)),
            subtractor: |_: &K, _: &V, count: i64| Ok(Some(count - 1)),
        });
        let counts = Slot::given(Some(long()));
        let add =
            move |lowering: &mut Lowering<'_>, name: &Arc<str>, store, parents: &[_], send_old| {
                let aggregation = aggregation.clone();
                let supplier = processors::ktable_aggregate(store, aggregation, send_old);
                lowering.processor(name, supplier, parents)
            };
        self.do_aggregate(prefix::TABLE_AGGREGATE, materialized.into(), &counts, add)
    }

    /// Combines the values of each group: the first one is the aggregate, `adder(aggregate, value)`
    /// puts one in and `subtractor(aggregate, value)` takes one out. Java's `reduce`.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let sales = builder.table::<String, i64>("sales-per-shop");
    /// let per_region = sales.group_by(|shop, sales| (shop[..2].to_owned(), *sales));
    /// per_region.reduce_as(|sum, sales| sum + sales, |sum, sales| sum - sales, "sales-per-region");
    /// assert!(builder.build()?.describe().contains("(topic: sales-per-region-repartition)"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn reduce<R: Into<Option<V>>, R2: Into<Option<V>>>(
        &self,
        adder: impl Fn(V, &V) -> R + Send + Sync + 'static,
        subtractor: impl Fn(V, &V) -> R2 + Send + Sync + 'static,
    ) -> KTable<K, V> {
        self.reduce_as(adder, subtractor, Materialized::unnamed())
    }

    /// As [`reduce`](Self::reduce), into the store that `materialized` describes.
    #[track_caller]
    pub fn reduce_as<R: Into<Option<V>>, R2: Into<Option<V>>>(
        &self,
        adder: impl Fn(V, &V) -> R + Send + Sync + 'static,
        subtractor: impl Fn(V, &V) -> R2 + Send + Sync + 'static,
        materialized: impl Into<Materialized<K, V>>,
    ) -> KTable<K, V> {
        let adder = move |aggregate: V, value: &V| Ok::<R, BoxError>(adder(aggregate, value));
        let subtractor =
            move |aggregate: V, value: &V| Ok::<R2, BoxError>(subtractor(aggregate, value));
        self.try_reduce_as(adder, subtractor, materialized)
    }

    /// As [`reduce_as`](Self::reduce_as), with functions that can fail.
    #[track_caller]
    pub fn try_reduce_as<R: Into<Option<V>>, R2: Into<Option<V>>, E: Into<BoxError>>(
        &self,
        adder: impl Fn(V, &V) -> Result<R, E> + Send + Sync + 'static,
        subtractor: impl Fn(V, &V) -> Result<R2, E> + Send + Sync + 'static,
        materialized: impl Into<Materialized<K, V>>,
    ) -> KTable<K, V> {
        let reduction = Arc::new(TableReduction {
            adder: move |aggregate: V, value: &V| {
                adder(aggregate, value).map(Into::into).map_err(Into::into)
            },
            subtractor: move |aggregate: V, value: &V| {
                subtractor(aggregate, value).map(Into::into).map_err(Into::into)
            },
        });
        let values = self.grouping.value_serde.clone();
        let add =
            move |lowering: &mut Lowering<'_>, name: &Arc<str>, store, parents: &[_], send_old| {
                let supplier = processors::ktable_reduce(store, reduction.clone(), send_old);
                lowering.processor(name, supplier, parents)
            };
        self.do_aggregate(prefix::TABLE_REDUCE, materialized.into(), &values, add)
    }

    /// Folds the values of each group, beginning with `initializer()`: `adder(key, value,
    /// aggregate)` puts one in and `subtractor(key, value, aggregate)` takes one out. Java's
    /// `aggregate`.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let sales = builder.table::<String, i64>("sales-per-shop");
    /// let per_region = sales.group_by(|shop, sales| (shop[..2].to_owned(), *sales));
    /// per_region.aggregate_as(
    ///     || 0_i64,
    ///     |_, sales, sum| sum + sales,
    ///     |_, sales, sum| sum - sales,
    ///     "sales-per-region",
    /// );
    /// assert!(builder.build()?.describe().contains("(stores: [sales-per-region])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn aggregate<VA, R, R2>(
        &self,
        initializer: impl Fn() -> VA + Send + Sync + 'static,
        adder: impl Fn(&K, &V, VA) -> R + Send + Sync + 'static,
        subtractor: impl Fn(&K, &V, VA) -> R2 + Send + Sync + 'static,
    ) -> KTable<K, VA>
    where
        VA: Clone + Send + 'static,
        R: Into<Option<VA>>,
        R2: Into<Option<VA>>,
    {
        self.aggregate_as(initializer, adder, subtractor, Materialized::unnamed())
    }

    /// As [`aggregate`](Self::aggregate), into the store that `materialized` describes.
    #[track_caller]
    pub fn aggregate_as<VA, R, R2>(
        &self,
        initializer: impl Fn() -> VA + Send + Sync + 'static,
        adder: impl Fn(&K, &V, VA) -> R + Send + Sync + 'static,
        subtractor: impl Fn(&K, &V, VA) -> R2 + Send + Sync + 'static,
        materialized: impl Into<Materialized<K, VA>>,
    ) -> KTable<K, VA>
    where
        VA: Clone + Send + 'static,
        R: Into<Option<VA>>,
        R2: Into<Option<VA>>,
    {
        let adder = move |key: &K, value: &V, aggregate: VA| {
            Ok::<R, BoxError>(adder(key, value, aggregate))
        };
        let subtractor = move |key: &K, value: &V, aggregate: VA| {
            Ok::<R2, BoxError>(subtractor(key, value, aggregate))
        };
        self.try_aggregate_as(initializer, adder, subtractor, materialized)
    }

    /// As [`aggregate_as`](Self::aggregate_as), with functions that can fail.
    #[track_caller]
    pub fn try_aggregate_as<VA, R, R2, E>(
        &self,
        initializer: impl Fn() -> VA + Send + Sync + 'static,
        adder: impl Fn(&K, &V, VA) -> Result<R, E> + Send + Sync + 'static,
        subtractor: impl Fn(&K, &V, VA) -> Result<R2, E> + Send + Sync + 'static,
        materialized: impl Into<Materialized<K, VA>>,
    ) -> KTable<K, VA>
    where
        VA: Clone + Send + 'static,
        R: Into<Option<VA>>,
        R2: Into<Option<VA>>,
        E: Into<BoxError>,
    {
        let aggregation = Arc::new(TableAggregation {
            initializer: move || Ok(initializer()),
            adder: move |key: &K, value: &V, aggregate: VA| {
                adder(key, value, aggregate).map(Into::into).map_err(Into::into)
            },
            subtractor: move |key: &K, value: &V, aggregate: VA| {
                subtractor(key, value, aggregate).map(Into::into).map_err(Into::into)
            },
        });
        let add =
            move |lowering: &mut Lowering<'_>, name: &Arc<str>, store, parents: &[_], send_old| {
                let aggregation = aggregation.clone();
                let supplier = processors::ktable_aggregate(store, aggregation, send_old);
                lowering.processor(name, supplier, parents)
            };
        let unknown = Slot::unknown();
        self.do_aggregate(prefix::TABLE_AGGREGATE, materialized.into(), &unknown, add)
    }

    /// `add` adds the node for a store, below its parents, given whether it sends old values.
    #[track_caller]
    fn do_aggregate<VA: Clone + Send + 'static>(
        &self,
        prefix: &str,
        materialized: Materialized<K, VA>,
        value_serde: &Slot<VA>,
        add: impl Fn(
            &mut Lowering<'_>,
            &Arc<str>,
            StoreRef<TimestampedKeyValueStore<K, VA>>,
            &[NodeRef<K, Change<V>>],
            bool,
        ) -> NodeRef<K, Change<VA>>
        + Send
        + Sync
        + 'static,
    ) -> KTable<K, VA> {
        let place = Location::caller();
        let key_serde = Slot::given(materialized.key_serde.clone()).or(&self.grouping.key_serde);
        let value_serde = Slot::given(materialized.value_serde.clone()).or(value_serde);
        let (store, name, parent, sources) = self.begin(prefix, &materialized);
        let rows = StoredRows::new(store.clone(), true);
        let store = TableStore::new(store, materialized, &key_serde, &value_serde);
        let (node_name, flags) = (name.clone(), rows.clone());
        let lower = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, Change<V>>();
            let store = store.add(lowering, &node_name);
            let send_old = Rows::<K, VA>::sends_old_values(&*flags);
            let node = add(lowering, &node_name, store, &parents, send_old);
            lowering.topology().connect(node.id(), store);
            lowering.topology().flush_with(store, node.id());
            lowering.forwards::<K, Change<VA>>(node);
        };
        let graph = self.grouping.graph.clone();
        let node = graph.lock().add(&name, Role::Other, &[parent], place, lower);
        KTable::new(TableParts { graph, node, name, key_serde, value_serde, sources, rows })
    }

    /// Finds the names of an aggregation's store and node, and adds the repartition topic before
    /// it.
    #[track_caller]
    fn begin<VA>(
        &self,
        prefix: &str,
        materialized: &Materialized<K, VA>,
    ) -> (Arc<str>, Arc<str>, GraphNodeId, Sources) {
        let place = Location::caller();
        let TableGrouping { graph, node, key_serde, value_serde, name: group_name } =
            &self.grouping;
        let mut graph = graph.lock();
        graph.check_name(place, materialized.name.as_ref());
        graph.check_name(place, self.next_name.as_ref());
        let store = match &materialized.name {
            Some(name) => name.shared(),
            None => graph.new_store_name(prefix::TABLE_AGGREGATE),
        };
        let next_name = self.next_name.as_ref();
        let sink = graph.suffixed_or_new(next_name, "-sink", prefix::SINK);
        let source = graph.suffixed_or_new(next_name, "-source", prefix::SOURCE);
        let name = graph.name_or_new(next_name, prefix);
        let mut topic = self.topic.lock();
        let (parent, source) = match &*topic {
            Some(shared) if group_name.is_some() => {
                graph.add_again(*node, shared.0);
                shared.clone()
            }
            _ => {
                let base = group_name.as_ref().map_or(&*store, Named::as_str);
                let topic_name = format!("{base}-repartition").into();
                let names = RepartitionNames { topic: topic_name, sink, source: source.clone() };
                let (keys, values) = (key_serde.clone(), value_serde.clone());
                let parent = graph.add(&source, Role::Other, &[*node], place, move |lowering| {
                    let parents = lowering.parents::<K, Change<V>>();
                    let split = lowering.settings().split_changes;
                    let changes = values.map(move |values| changed(values, split));
                    let topic = Repartition::new(names.clone(), keys.clone(), changes);
                    topic.lower_topic(lowering, &parents);
                });
                topic.insert((parent, source)).clone()
            }
        };
        (store, name, parent, [source].into())
    }
}
