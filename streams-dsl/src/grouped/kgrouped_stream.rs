//! `KGroupedStream`: the records of a stream, grouped by key.

use std::{fmt, marker::PhantomData, panic::Location, sync::Arc};

use parking_lot::Mutex;
use streams_core::{BoxError, serde::long};

use super::TimeWindowedKStream;
use crate::{
    change::Change,
    graph::{GraphNodeId, Lowering, Place, Repartition, Role, SharedGraph, Slot, Sources, prefix},
    ktable::{KTable, Rows, StoredRows, TableParts, TableStore},
    options::{Materialized, Named},
    processors::{self, Aggregate, Aggregation, Count, Nullable, Reduce},
    windows::TimeWindows,
};

/// A stream whose records are grouped by key: the first half of an aggregation. Java's
/// `KGroupedStream`.
///
/// `K` and `V` are the key and the value as the stream has it; `S` is the key as the stream has it,
/// which is `K` or `Option<K>`. Records without a key are dropped.
///
/// An aggregation gives a table with one row for each key. Functions return the new aggregate, or
/// an `Option` of it: `None` deletes the row.
pub struct KGroupedStream<K, V, S = K> {
    pub(super) grouping: Grouping<K, V>,
    /// The repartition topic that aggregations of this group share, if it has a name.
    topic: Arc<Mutex<Option<GraphNodeId>>>,
    source_key: PhantomData<fn() -> S>,
}

/// What a group is made of.
pub(crate) struct Grouping<K, V> {
    pub(crate) graph: SharedGraph,
    pub(crate) node: GraphNodeId,
    pub(crate) key_serde: Slot<K>,
    pub(crate) value_serde: Slot<V>,
    pub(crate) sources: Sources,
    pub(crate) repartition_required: bool,
    /// Base of the name of the repartition topic, if the user gave one.
    pub(crate) name: Option<Named>,
    pub(crate) next_name: Option<Named>,
}

/// Where the node of an aggregation goes.
pub(super) struct Aggregating {
    pub(super) place: Place,
    pub(super) store: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) parent: GraphNodeId,
    pub(super) sources: Sources,
}

impl<K, V> Clone for Grouping<K, V> {
    fn clone(&self) -> Self {
        Self {
            graph: self.graph.clone(),
            node: self.node,
            key_serde: self.key_serde.clone(),
            value_serde: self.value_serde.clone(),
            sources: self.sources.clone(),
            repartition_required: self.repartition_required,
            name: self.name.clone(),
            next_name: self.next_name.clone(),
        }
    }
}

impl<K, V, S> Clone for KGroupedStream<K, V, S> {
    fn clone(&self) -> Self {
        let (grouping, topic) = (self.grouping.clone(), self.topic.clone());
        Self { grouping, topic, source_key: PhantomData }
    }
}

impl<K, V, S> fmt::Debug for KGroupedStream<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KGroupedStream({:?})", self.grouping.name)
    }
}

impl<K, V, S> KGroupedStream<K, V, S> {
    pub(crate) fn new(grouping: Grouping<K, V>) -> Self {
        Self { grouping, topic: Arc::default(), source_key: PhantomData }
    }

    /// The same group, whose next operator names its node `name`. Java's `Named`.
    #[must_use]
    pub fn named(&self, name: impl Into<Named>) -> Self {
        let mut named = self.clone();
        named.grouping.next_name = Some(name.into());
        named
    }
}

impl<K, V, S> KGroupedStream<K, V, S>
where
    K: Clone + Send + 'static,
    V: Send + 'static,
    S: Nullable<K> + Send + 'static,
{
    /// Counts the records of each key. Java's `count`.
    ///
    /// Records without a value are dropped. Where the stream's values are `Option`s, the type of
    /// the values must be named, as `count::<String>`.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let words = builder.stream::<String, String>("words");
    /// words.group_by_key().count().to_stream().to("counts");
    /// let text = builder.build()?.describe();
    /// assert!(text.contains("(stores: [KSTREAM-AGGREGATE-STATE-STORE-0000000001])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn count<V2: 'static>(&self) -> KTable<K, i64>
    where
        V: Nullable<V2>,
    {
        self.do_count(Materialized::unnamed())
    }

    /// As [`count`](Self::count), into the store that `materialized` describes.
    #[track_caller]
    pub fn count_as<V2: 'static>(
        &self,
        materialized: impl Into<Materialized<K, i64>>,
    ) -> KTable<K, i64>
    where
        V: Nullable<V2>,
    {
        let materialized = materialized.into();
        if materialized.name.is_none() {
            // Java's takes a number here, and has to go on doing so.
            self.grouping.graph.lock().new_store_name(prefix::AGGREGATE);
        }
        self.do_count(materialized)
    }

    #[track_caller]
    fn do_count<V2: 'static>(&self, materialized: Materialized<K, i64>) -> KTable<K, i64>
    where
        V: Nullable<V2>,
    {
        let counts = Slot::given(Some(long()));
        self.do_aggregate::<V2, _, _>(prefix::AGGREGATE, materialized, &counts, Count)
    }

    /// Combines the values of each key: the first one is the aggregate, and `reducer(aggregate,
    /// value)` the next. Java's `reduce`.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let amounts = builder.stream::<String, i64>("amounts");
    /// amounts.group_by_key().reduce(|sum, amount| sum + amount).to_stream().to("sums");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-REDUCE-0000000002"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn reduce<V2, R>(
        &self,
        reducer: impl Fn(V2, &V2) -> R + Send + Sync + 'static,
    ) -> KTable<K, V2>
    where
        V: Nullable<V2>,
        V2: Clone + Send + 'static,
        R: Into<Option<V2>>,
    {
        self.reduce_as(reducer, Materialized::unnamed())
    }

    /// As [`reduce`](Self::reduce), into the store that `materialized` describes.
    #[track_caller]
    pub fn reduce_as<V2, R>(
        &self,
        reducer: impl Fn(V2, &V2) -> R + Send + Sync + 'static,
        materialized: impl Into<Materialized<K, V2>>,
    ) -> KTable<K, V2>
    where
        V: Nullable<V2>,
        V2: Clone + Send + 'static,
        R: Into<Option<V2>>,
    {
        let reducer = move |aggregate: V2, value: &V2| Ok::<R, BoxError>(reducer(aggregate, value));
        self.try_reduce_as(reducer, materialized)
    }

    /// As [`reduce`](Self::reduce), with a reducer that can fail.
    #[track_caller]
    pub fn try_reduce<V2, R, E>(
        &self,
        reducer: impl Fn(V2, &V2) -> Result<R, E> + Send + Sync + 'static,
    ) -> KTable<K, V2>
    where
        V: Nullable<V2>,
        V2: Clone + Send + 'static,
        R: Into<Option<V2>>,
        E: Into<BoxError>,
    {
        self.try_reduce_as(reducer, Materialized::unnamed())
    }

    /// As [`reduce_as`](Self::reduce_as), with a reducer that can fail.
    #[track_caller]
    pub fn try_reduce_as<V2, R, E>(
        &self,
        reducer: impl Fn(V2, &V2) -> Result<R, E> + Send + Sync + 'static,
        materialized: impl Into<Materialized<K, V2>>,
    ) -> KTable<K, V2>
    where
        V: Nullable<V2>,
        V2: Clone + Send + 'static,
        R: Into<Option<V2>>,
        E: Into<BoxError>,
    {
        let reducer = move |aggregate: V2, value: &V2| {
            reducer(aggregate, value).map(Into::into).map_err(Into::into)
        };
        let values = self.grouping.value_serde.convert();
        let reduce = Reduce { reducer };
        self.do_aggregate::<V2, _, _>(prefix::REDUCE, materialized.into(), &values, reduce)
    }

    /// Folds the values of each key, beginning with `initializer()`: the next aggregate is
    /// `aggregator(key, value, aggregate)`. Java's `aggregate`.
    ///
    /// Where the stream's values are `Option`s, the type of the aggregator's second argument says
    /// what they hold.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let lines = builder.stream::<String, String>("lines").group_by_key();
    /// lines
    ///     .aggregate_as(|| 0_i64, |_, line, bytes| bytes + line.len() as i64, "bytes-per-key")
    ///     .to_stream()
    ///     .to("bytes");
    /// assert!(builder.build()?.describe().contains("(stores: [bytes-per-key])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn aggregate<V2, VA, R>(
        &self,
        initializer: impl Fn() -> VA + Send + Sync + 'static,
        aggregator: impl Fn(&K, &V2, VA) -> R + Send + Sync + 'static,
    ) -> KTable<K, VA>
    where
        V: Nullable<V2>,
        V2: 'static,
        VA: Clone + Send + 'static,
        R: Into<Option<VA>>,
    {
        self.aggregate_as(initializer, aggregator, Materialized::unnamed())
    }

    /// As [`aggregate`](Self::aggregate), into the store that `materialized` describes.
    #[track_caller]
    pub fn aggregate_as<V2, VA, R>(
        &self,
        initializer: impl Fn() -> VA + Send + Sync + 'static,
        aggregator: impl Fn(&K, &V2, VA) -> R + Send + Sync + 'static,
        materialized: impl Into<Materialized<K, VA>>,
    ) -> KTable<K, VA>
    where
        V: Nullable<V2>,
        V2: 'static,
        VA: Clone + Send + 'static,
        R: Into<Option<VA>>,
    {
        let aggregator = move |key: &K, value: &V2, aggregate: VA| {
            Ok::<R, BoxError>(aggregator(key, value, aggregate))
        };
        self.try_aggregate_as(initializer, aggregator, materialized)
    }

    /// As [`aggregate`](Self::aggregate), with an aggregator that can fail.
    #[track_caller]
    pub fn try_aggregate<V2, VA, R, E>(
        &self,
        initializer: impl Fn() -> VA + Send + Sync + 'static,
        aggregator: impl Fn(&K, &V2, VA) -> Result<R, E> + Send + Sync + 'static,
    ) -> KTable<K, VA>
    where
        V: Nullable<V2>,
        V2: 'static,
        VA: Clone + Send + 'static,
        R: Into<Option<VA>>,
        E: Into<BoxError>,
    {
        self.try_aggregate_as(initializer, aggregator, Materialized::unnamed())
    }

    /// As [`aggregate_as`](Self::aggregate_as), with an aggregator that can fail.
    #[track_caller]
    pub fn try_aggregate_as<V2, VA, R, E>(
        &self,
        initializer: impl Fn() -> VA + Send + Sync + 'static,
        aggregator: impl Fn(&K, &V2, VA) -> Result<R, E> + Send + Sync + 'static,
        materialized: impl Into<Materialized<K, VA>>,
    ) -> KTable<K, VA>
    where
        V: Nullable<V2>,
        V2: 'static,
        VA: Clone + Send + 'static,
        R: Into<Option<VA>>,
        E: Into<BoxError>,
    {
        let aggregate = Aggregate {
            initializer: move || Ok(initializer()),
            aggregator: move |key: &K, value: &V2, aggregate: VA| {
                aggregator(key, value, aggregate).map(Into::into).map_err(Into::into)
            },
        };
        let unknown = Slot::unknown();
        let materialized = materialized.into();
        self.do_aggregate::<V2, _, _>(prefix::AGGREGATE, materialized, &unknown, aggregate)
    }

    /// Puts the records of each key into windows, each of which is aggregated by itself. Java's
    /// `windowedBy`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let hours = TimeWindows::of_size_with_no_grace(Duration::from_secs(3_600));
    /// let orders = builder.stream::<String, i64>("orders");
    /// orders.group_by_key().windowed_by(hours).count().to_stream().to("orders-per-hour");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-AGGREGATE-0000000002"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn windowed_by(&self, windows: TimeWindows) -> TimeWindowedKStream<K, V, S> {
        if let Err(problem) = windows.check() {
            self.grouping.graph.lock().problem(Location::caller(), problem);
        }
        TimeWindowedKStream::new(self.clone(), windows)
    }

    /// Finds the names of an aggregation's store and node, and puts a repartition topic before it
    /// where one is needed.
    #[track_caller]
    pub(super) fn begin<VA>(
        &self,
        prefix: &str,
        materialized: &Materialized<K, VA>,
        key_serde: &Slot<K>,
    ) -> Aggregating {
        let place = Location::caller();
        let Grouping { graph, next_name, .. } = &self.grouping;
        let mut graph = graph.lock();
        graph.check_name(place, materialized.name.as_ref());
        graph.check_name(place, next_name.as_ref());
        let store = match &materialized.name {
            Some(name) => name.shared(),
            None => graph.new_store_name(prefix),
        };
        let name = graph.name_or_new(next_name.as_ref(), prefix);
        let (mut parent, mut sources) = (self.grouping.node, self.grouping.sources.clone());
        if self.grouping.repartition_required {
            let base = self.grouping.name.as_ref().map_or_else(|| store.clone(), Named::shared);
            let (names, filter) = graph.repartition_names(&base);
            sources = [names.source.clone()].into();
            let mut topic = self.topic.lock();
            parent = match *topic {
                Some(shared) if self.grouping.name.is_some() => {
                    graph.add_again(self.grouping.node, shared);
                    shared
                }
                _ => {
                    let (source, values) =
                        (names.source.clone(), self.grouping.value_serde.clone());
                    let repartition = Repartition::new(names, key_serde.clone(), values);
                    let role = repartition.mergeable::<S>(|key| key.as_value().is_some());
                    let lower = move |lowering: &mut Lowering<'_>| {
                        repartition.lower_unwrapping::<S>(lowering, &filter);
                    };
                    let above = [self.grouping.node];
                    *topic.insert(graph.add(&source, role, &above, place, lower))
                }
            };
        }
        Aggregating { place, store, name, parent, sources }
    }

    #[track_caller]
    fn do_aggregate<V2, VA, A>(
        &self,
        prefix: &str,
        materialized: Materialized<K, VA>,
        value_serde: &Slot<VA>,
        aggregation: A,
    ) -> KTable<K, VA>
    where
        V: Nullable<V2>,
        V2: 'static,
        VA: Clone + Send + 'static,
        A: Aggregation<K, V2, VA>,
    {
        let grouped_key = self.grouping.key_serde.clone();
        let key_serde = Slot::given(materialized.key_serde.clone()).or(&grouped_key);
        let value_serde = Slot::given(materialized.value_serde.clone()).or(value_serde);
        let Aggregating { place, store, name, parent, sources } =
            self.begin(prefix, &materialized, &grouped_key.or(&key_serde));
        let rows = StoredRows::new(store.clone(), true);
        let store = TableStore::new(store, materialized, &key_serde, &value_serde);
        let (node_name, flags, aggregation) = (name.clone(), rows.clone(), Arc::new(aggregation));
        let lower = move |lowering: &mut Lowering<'_>| {
            let store = store.add(lowering, &node_name);
            let send_old = Rows::<K, VA>::sends_old_values(&*flags);
            let supplier = processors::kstream_aggregate(store, aggregation.clone(), send_old);
            // Behind a repartition topic keys have their plain type, unless that topic is shared.
            let node = if lowering.parents_forward::<K, V>() {
                let parents = lowering.parents::<K, V>();
                lowering.processor(&node_name, supplier, &parents)
            } else {
                let parents = lowering.parents::<S, V>();
                lowering.processor(&node_name, supplier, &parents)
            };
            lowering.topology().connect(node.id(), store);
            lowering.topology().flush_with(store, node.id());
            lowering.forwards::<K, Change<VA>>(node);
        };
        let graph = self.grouping.graph.clone();
        let node = graph.lock().add(&name, Role::Other, &[parent], place, lower);
        KTable::new(TableParts { graph, node, name, key_serde, value_serde, sources, rows })
    }
}
