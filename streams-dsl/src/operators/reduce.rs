//! `reduce`: values of one type combined, by key, by key and window, and of the rows of a table.

use std::marker::PhantomData;

use streams_core::BoxError;

use super::{
    Nullable,
    aggregate_stream::WindowingNulls,
    aggregation::{Aggregation, Reversible},
    fallible::fallible,
};
use crate::{
    KGroupedStream, KGroupedTable, KTable, SlidingWindowedKStream, Windowed,
    plan::{Slot, prefix},
};

impl<K, V, S> KGroupedStream<K, V, S>
where
    K: Clone + Send + 'static,
    V: Send + 'static,
    S: Nullable<K> + Send + 'static,
{
    fallible! {
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
        pub fn reduce, try_reduce [V2, R,](&self)
        (reducer: (aggregate: V2, value: &V2) -> R) -> KTable<K, V2>
        where [
            V: Nullable<V2>,
            V2: Clone + Send + 'static,
            R: Nullable<V2>,
        ] {
            let reducer = move |aggregate: V2, value: &V2| reducer(aggregate, value).map(Nullable::into_value);
            KTable::of(self.fold::<V2, _, _>(prefix::REDUCE, Slot::convert, Reduce { reducer }))
        }
    }
}

#[expect(private_bounds, reason = "the kinds of windows are those of this crate")]
impl<K, V, S, W> KGroupedStream<K, V, S, W>
where
    K: Clone + Send + 'static,
    V: Send + 'static,
    S: Nullable<K> + Send + 'static,
    W: WindowingNulls,
{
    fallible! {
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
        pub fn reduce, try_reduce [V2, R,](&self)
        (reducer: (aggregate: V2, value: &V) -> R) -> KTable<Windowed<K>, V2>
        where [
            V: Nullable<V2>,
            V2: Clone + Send + 'static,
            R: Nullable<V2>,
        ] {
            let reducer = move |aggregate: V2, value: &V| reducer(aggregate, value).map(Nullable::into_value);
            KTable::of(self.fold::<V, _, _>(prefix::REDUCE, Slot::convert, Reduce { reducer }))
        }
    }
}

impl<K, V, S> SlidingWindowedKStream<K, V, S>
where
    K: Clone + Send + 'static,
    V: Send + 'static,
    S: Nullable<K> + Send + 'static,
{
    fallible! {
        /// Combines the values of each key and window: the first one is the aggregate, and
        /// `reducer(aggregate, value)` the next. Records without a value are dropped. Java's
        /// `reduce`.
        ///
        /// ```
        /// use std::time::Duration;
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let windows = SlidingWindows::of_time_difference_with_no_grace(Duration::from_secs(60));
        /// let amounts = builder.stream::<String, i64>("amounts").group_by_key().windowed_by(windows);
        /// amounts.reduce(|sum, amount| sum + amount).stored("amount-within-a-minute");
        /// assert!(builder.build()?.describe().contains("(stores: [amount-within-a-minute])"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn reduce, try_reduce [V2, R,](&self)
        (reducer: (aggregate: V2, value: &V2) -> R) -> KTable<Windowed<K>, V2>
        where [
            V: Nullable<V2>,
            V2: Clone + Send + 'static,
            R: Nullable<V2>,
        ] {
            let reducer = move |aggregate: V2, value: &V2| reducer(aggregate, value).map(Nullable::into_value);
            KTable::of(self.fold::<V2, _, _>(prefix::REDUCE, Slot::convert, Reduce { reducer }))
        }
    }
}

impl<K, V> KGroupedTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    fallible! {
        /// Combines the values of each group: the first one is the aggregate, `adder(aggregate,
        /// value)` puts one in and `subtractor(aggregate, value)` takes one out. Java's `reduce`.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let sales = builder.table::<String, i64>("sales-per-shop");
        /// let per_region = sales.group_by(|shop, sales| (shop[..2].to_owned(), *sales));
        /// per_region.reduce(|sum, sales| sum + sales, |sum, sales| sum - sales).stored("per-region");
        /// assert!(builder.build()?.describe().contains("(topic: per-region-repartition)"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn reduce, try_reduce [R, R2,](&self)
        (adder: (aggregate: V, value: &V) -> R, subtractor: (aggregate: V, value: &V) -> R2) -> KTable<K, V>
        where [
            R: Nullable<V>,
            R2: Nullable<V>,
        ] {
            let adder = move |aggregate: V, value: &V| adder(aggregate, value).map(Nullable::into_value);
            let subtractor =
                move |aggregate: V, value: &V| subtractor(aggregate, value).map(Nullable::into_value);
            let reduce = ReduceRows { add: Reduce { reducer: adder }, subtractor, value: PhantomData };
            self.fold(prefix::TABLE_REDUCE, Slot::clone, reduce)
        }
    }
}

/// Begins with the first value and combines it with each further one by `reducer(aggregate,
/// value)`.
///
/// In a window a value may be null: a null first value stores nothing, a later one is shown to the
/// reducer.
pub(super) struct Reduce<F> {
    reducer: F,
}

impl<K, V, VA, F> Aggregation<K, V, VA> for Reduce<F>
where
    V: Nullable<VA>,
    VA: Clone,
    F: Fn(VA, &V) -> Result<Option<VA>, BoxError> + Send + Sync + 'static,
{
    fn initial(&self) -> Result<Option<VA>, BoxError> {
        Ok(None)
    }

    fn add(&self, _key: &K, value: &V, aggregate: Option<VA>) -> Result<Option<VA>, BoxError> {
        match aggregate {
            Some(aggregate) => (self.reducer)(aggregate, value),
            None => Ok(value.as_value().cloned()),
        }
    }

    fn merge(&self, _key: &K, one: Option<VA>, other: VA) -> Result<Option<VA>, BoxError> {
        match one {
            Some(one) => (self.reducer)(one, &V::of_value(other)),
            None => Ok(Some(other)),
        }
    }
}

/// Reduces the rows of a table.
struct ReduceRows<A, S, V> {
    add: Reduce<A>,
    subtractor: S,
    value: PhantomData<fn(V)>,
}

impl<K, V, A, S> Aggregation<K, V, V> for ReduceRows<A, S, V>
where
    V: Clone + 'static,
    A: Fn(V, &V) -> Result<Option<V>, BoxError> + Send + Sync + 'static,
    S: Send + Sync + 'static,
{
    fn initial(&self) -> Result<Option<V>, BoxError> {
        Ok(None)
    }

    fn add(&self, key: &K, value: &V, aggregate: Option<V>) -> Result<Option<V>, BoxError> {
        self.add.add(key, value, aggregate)
    }
}

impl<K, V, A, S> Reversible<K, V, V> for ReduceRows<A, S, V>
where
    V: Clone + 'static,
    A: Fn(V, &V) -> Result<Option<V>, BoxError> + Send + Sync + 'static,
    S: Fn(V, &V) -> Result<Option<V>, BoxError> + Send + Sync + 'static,
{
    fn subtract(&self, _key: &K, value: &V, aggregate: V) -> Result<Option<V>, BoxError> {
        (self.subtractor)(aggregate, value)
    }
}
