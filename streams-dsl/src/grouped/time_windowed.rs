//! `TimeWindowedKStream`: the records of each key, in time windows.

use std::{fmt, sync::Arc};

use streams_core::{BoxError, serde::long};

use super::{KGroupedStream, kgrouped_stream::Aggregating};
use crate::{
    change::Change,
    graph::{Lowering, Role, Slot, prefix},
    ktable::{KTable, Rows, StoredRows, TableParts, TableStore, WindowRows},
    options::{Materialized, Named},
    processors::{self, Aggregate, Aggregation, Count, Nullable, Reduce},
    windows::{TimeWindows, Windowed, time_windowed, windowed_partitioner},
};

/// A grouped stream whose records are in time windows. Java's `TimeWindowedKStream`.
///
/// An aggregation gives a table with one row for each key and window. A record counts in each
/// window that covers its timestamp and is not closed: a window closes when stream time reaches its
/// end plus the grace period, and a record that is too late for it is dropped there. Records
/// without a key are dropped; null values are not: aggregators see them in the type that the stream
/// has, and `count` counts them.
pub struct TimeWindowedKStream<K, V, S = K> {
    group: KGroupedStream<K, V, S>,
    windows: TimeWindows,
}

impl<K, V, S> Clone for TimeWindowedKStream<K, V, S> {
    fn clone(&self) -> Self {
        Self { group: self.group.clone(), windows: self.windows }
    }
}

impl<K, V, S> fmt::Debug for TimeWindowedKStream<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeWindowedKStream({:?})", self.windows)
    }
}

impl<K, V, S> TimeWindowedKStream<K, V, S> {
    pub(super) const fn new(group: KGroupedStream<K, V, S>, windows: TimeWindows) -> Self {
        Self { group, windows }
    }

    /// The same windows, whose next operator names its node `name`. Java's `Named`.
    #[must_use]
    pub fn named(&self, name: impl Into<Named>) -> Self {
        Self { group: self.group.named(name), windows: self.windows }
    }
}

impl<K, V, S> TimeWindowedKStream<K, V, S>
where
    K: Clone + Send + 'static,
    V: Send + 'static,
    S: Nullable<K> + Send + 'static,
{
    /// Counts the records of each key and window. Java's `count`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let windows = TimeWindows::of_size_with_no_grace(Duration::from_secs(60));
    /// let clicks = builder.stream::<String, String>("clicks").group_by_key().windowed_by(windows);
    /// let counts: KTable<Windowed<String>, i64> = clicks.count();
    /// counts.to_stream().to("clicks-per-minute");
    /// let text = builder.build()?.describe();
    /// assert!(text.contains("(stores: [KSTREAM-AGGREGATE-STATE-STORE-0000000001])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn count(&self) -> KTable<Windowed<K>, i64> {
        self.do_aggregate(prefix::AGGREGATE, Materialized::unnamed(), &counts(), Count)
    }

    /// As [`count`](Self::count), into the store that `materialized` describes.
    #[track_caller]
    pub fn count_as(
        &self,
        materialized: impl Into<Materialized<K, i64>>,
    ) -> KTable<Windowed<K>, i64> {
        let materialized = materialized.into();
        if materialized.name.is_none() {
            // Java's takes a number here, and has to go on doing so.
            self.group.grouping.graph.lock().new_store_name(prefix::AGGREGATE);
        }
        self.do_aggregate(prefix::AGGREGATE, materialized, &counts(), Count)
    }

    /// Combines the values of each key and window: the first one is the aggregate, and
    /// `reducer(aggregate, value)` the next. Java's `reduce`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let windows = TimeWindows::of_size_with_no_grace(Duration::from_secs(60));
    /// let amounts = builder.stream::<String, i64>("amounts").group_by_key().windowed_by(windows);
    /// amounts.reduce(|sum, amount| sum + amount).to_stream().to("amount-per-minute");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-REDUCE-0000000002"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn reduce<V2, R>(
        &self,
        reducer: impl Fn(V2, &V) -> R + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, V2>
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
        reducer: impl Fn(V2, &V) -> R + Send + Sync + 'static,
        materialized: impl Into<Materialized<K, V2>>,
    ) -> KTable<Windowed<K>, V2>
    where
        V: Nullable<V2>,
        V2: Clone + Send + 'static,
        R: Into<Option<V2>>,
    {
        let reducer = move |aggregate: V2, value: &V| Ok::<R, BoxError>(reducer(aggregate, value));
        self.try_reduce_as(reducer, materialized)
    }

    /// As [`reduce`](Self::reduce), with a reducer that can fail.
    #[track_caller]
    pub fn try_reduce<V2, R, E>(
        &self,
        reducer: impl Fn(V2, &V) -> Result<R, E> + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, V2>
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
        reducer: impl Fn(V2, &V) -> Result<R, E> + Send + Sync + 'static,
        materialized: impl Into<Materialized<K, V2>>,
    ) -> KTable<Windowed<K>, V2>
    where
        V: Nullable<V2>,
        V2: Clone + Send + 'static,
        R: Into<Option<V2>>,
        E: Into<BoxError>,
    {
        let reducer = move |aggregate: V2, value: &V| {
            reducer(aggregate, value).map(Into::into).map_err(Into::into)
        };
        let values = self.group.grouping.value_serde.convert();
        self.do_aggregate(prefix::REDUCE, materialized.into(), &values, Reduce { reducer })
    }

    /// Folds the values of each key and window, beginning with `initializer()`: the next aggregate
    /// is `aggregator(key, value, aggregate)`. Java's `aggregate`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let windows = TimeWindows::of_size_with_no_grace(Duration::from_secs(60));
    /// let lines = builder.stream::<String, String>("lines").group_by_key().windowed_by(windows);
    /// lines
    ///     .aggregate_as(|| 0_i64, |_, line, bytes| bytes + line.len() as i64, "bytes-per-minute")
    ///     .to_stream()
    ///     .to("bytes");
    /// assert!(builder.build()?.describe().contains("(stores: [bytes-per-minute])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn aggregate<VA, R>(
        &self,
        initializer: impl Fn() -> VA + Send + Sync + 'static,
        aggregator: impl Fn(&K, &V, VA) -> R + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, VA>
    where
        VA: Clone + Send + 'static,
        R: Into<Option<VA>>,
    {
        self.aggregate_as(initializer, aggregator, Materialized::unnamed())
    }

    /// As [`aggregate`](Self::aggregate), into the store that `materialized` describes.
    #[track_caller]
    pub fn aggregate_as<VA, R>(
        &self,
        initializer: impl Fn() -> VA + Send + Sync + 'static,
        aggregator: impl Fn(&K, &V, VA) -> R + Send + Sync + 'static,
        materialized: impl Into<Materialized<K, VA>>,
    ) -> KTable<Windowed<K>, VA>
    where
        VA: Clone + Send + 'static,
        R: Into<Option<VA>>,
    {
        let aggregator = move |key: &K, value: &V, aggregate: VA| {
            Ok::<R, BoxError>(aggregator(key, value, aggregate))
        };
        self.try_aggregate_as(initializer, aggregator, materialized)
    }

    /// As [`aggregate`](Self::aggregate), with an aggregator that can fail.
    #[track_caller]
    pub fn try_aggregate<VA, R, E>(
        &self,
        initializer: impl Fn() -> VA + Send + Sync + 'static,
        aggregator: impl Fn(&K, &V, VA) -> Result<R, E> + Send + Sync + 'static,
    ) -> KTable<Windowed<K>, VA>
    where
        VA: Clone + Send + 'static,
        R: Into<Option<VA>>,
        E: Into<BoxError>,
    {
        self.try_aggregate_as(initializer, aggregator, Materialized::unnamed())
    }

    /// As [`aggregate_as`](Self::aggregate_as), with an aggregator that can fail.
    #[track_caller]
    pub fn try_aggregate_as<VA, R, E>(
        &self,
        initializer: impl Fn() -> VA + Send + Sync + 'static,
        aggregator: impl Fn(&K, &V, VA) -> Result<R, E> + Send + Sync + 'static,
        materialized: impl Into<Materialized<K, VA>>,
    ) -> KTable<Windowed<K>, VA>
    where
        VA: Clone + Send + 'static,
        R: Into<Option<VA>>,
        E: Into<BoxError>,
    {
        let aggregate = Aggregate {
            initializer: move || Ok(initializer()),
            aggregator: move |key: &K, value: &V, aggregate: VA| {
                aggregator(key, value, aggregate).map(Into::into).map_err(Into::into)
            },
        };
        let unknown = Slot::unknown();
        self.do_aggregate(prefix::AGGREGATE, materialized.into(), &unknown, aggregate)
    }

    #[track_caller]
    fn do_aggregate<VA, A>(
        &self,
        prefix: &str,
        materialized: Materialized<K, VA>,
        value_serde: &Slot<VA>,
        aggregation: A,
    ) -> KTable<Windowed<K>, VA>
    where
        VA: Clone + Send + 'static,
        A: Aggregation<K, V, VA>,
    {
        let grouped_key = self.group.grouping.key_serde.clone();
        let key_serde = Slot::given(materialized.key_serde.clone()).or(&grouped_key);
        let value_serde = Slot::given(materialized.value_serde.clone()).or(value_serde);
        let Aggregating { place, store, name, parent, sources } =
            self.group.begin(prefix, &materialized, &grouped_key.or(&key_serde));
        let graph = self.group.grouping.graph.clone();
        let windows = self.windows;
        let least = windows.size().saturating_add(windows.grace_period());
        let retention = materialized.retention.unwrap_or(least);
        if retention < least {
            let text = format!(
                "store `{store}` keeps rows for {retention:?}, which is less than the {least:?} of its windows' size \
                 and grace period"
            );
            graph.lock().problem(place, text);
        }
        let rows = StoredRows::new(store.clone(), true);
        let store = TableStore::new(store, materialized, &key_serde, &value_serde);
        let (node_name, flags, aggregation) =
            (name.clone(), WindowRows(rows.clone()), Arc::new(aggregation));
        let lower = move |lowering: &mut Lowering<'_>| {
            let store = store.add_windowed(lowering, &node_name, retention);
            let send_old = Rows::<Windowed<K>, VA>::sends_old_values(&flags);
            let aggregation = aggregation.clone();
            let supplier =
                processors::kstream_window_aggregate(windows, store, aggregation, send_old);
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
            lowering.forwards::<Windowed<K>, Change<VA>>(node);
        };
        let role = Role::Windowed { grace: windows.grace_period() };
        let node = graph.lock().add(&name, role, &[parent], place, lower);
        let key_serde = windowed_slot(&key_serde, windows);
        let rows = Arc::new(WindowRows(rows));
        KTable::new(TableParts { graph, node, name, key_serde, value_serde, sources, rows })
    }
}

fn counts() -> Slot<i64> {
    Slot::given(Some(long()))
}

/// The serde of windowed keys, made of that of the keys; partitions are those of the keys.
fn windowed_slot<K: 'static>(key: &Slot<K>, windows: TimeWindows) -> Slot<Windowed<K>> {
    let slot = key.map(move |inner| time_windowed(inner, windows.size()));
    slot.partitioned_by(key, |inner| {
        let by_key = windowed_partitioner::<K, ()>(inner);
        Arc::new(move |topic, windowed, partitions| by_key(topic, windowed, &(), partitions))
    })
}
