//! `aggregate`: values folded into something else, by key, by key and window, and of the rows of a
//! table.

use streams_core::BoxError;

use super::{
    Nullable,
    aggregate_stream::WindowingByTime,
    aggregation::{Aggregation, Reversible},
    fallible::fallible,
};
use crate::{
    KGroupedStream, KGroupedTable, KTable, SessionWindowedKStream, SlidingWindowedKStream,
    Windowed,
    plan::{Slot, prefix},
};

impl<K, V, S> KGroupedStream<K, V, S>
where
    K: Clone + Send + 'static,
    V: Send + 'static,
    S: Nullable<K> + Send + 'static,
{
    fallible! {
        /// Folds the values of each key, beginning with `initializer()`: the next aggregate is
        /// `aggregator(key, value, aggregate)`. Java's `aggregate`.
        ///
        /// Where the stream's values are `Option`s, the type of the aggregator's second argument
        /// says what they hold.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let lines = builder.stream::<String, String>("lines").group_by_key();
        /// let bytes = lines.aggregate(|| 0_i64, |_, line: &String, bytes| bytes + line.len() as i64);
        /// bytes.stored("bytes-per-key").to_stream().to("bytes");
        /// assert!(builder.build()?.describe().contains("(stores: [bytes-per-key])"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn aggregate, try_aggregate [V2, VA, R,](&self)
        (initializer: () -> VA, aggregator: (key: &K, value: &V2, aggregate: VA) -> R) -> KTable<K, VA>
        where [
            V: Nullable<V2>,
            V2: 'static,
            VA: Clone + Send + 'static,
            R: Nullable<VA>,
        ] {
            let aggregator = move |key: &K, value: &V2, aggregate: VA| {
                aggregator(key, value, aggregate).map(Nullable::into_value)
            };
            let aggregate = Aggregate { initializer, aggregator };
            KTable::of(self.fold::<V2, _, _>(prefix::AGGREGATE, |_| Slot::unknown(), aggregate))
        }
    }
}

#[expect(private_bounds, reason = "the kinds of windows are those of this crate")]
impl<K, V, S, W> KGroupedStream<K, V, S, W>
where
    K: Clone + Send + 'static,
    V: Send + 'static,
    S: Nullable<K> + Send + 'static,
    W: WindowingByTime,
{
    fallible! {
        /// Folds the values of each key and window, beginning with `initializer()`: the next
        /// aggregate is `aggregator(key, value, aggregate)`. Java's `aggregate`.
        ///
        /// ```
        /// use std::time::Duration;
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let windows = TimeWindows::of_size_with_no_grace(Duration::from_secs(60));
        /// let lines = builder.stream::<String, String>("lines").group_by_key().windowed_by(windows);
        /// let bytes = lines.aggregate(|| 0_i64, |_, line, bytes| bytes + line.len() as i64);
        /// bytes.stored("bytes-per-minute").to_stream().to("bytes");
        /// assert!(builder.build()?.describe().contains("(stores: [bytes-per-minute])"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn aggregate, try_aggregate [VA, R,](&self)
        (initializer: () -> VA, aggregator: (key: &K, value: &V, aggregate: VA) -> R) -> KTable<Windowed<K>, VA>
        where [
            VA: Clone + Send + 'static,
            R: Nullable<VA>,
        ] {
            let aggregator = move |key: &K, value: &V, aggregate: VA| {
                aggregator(key, value, aggregate).map(Nullable::into_value)
            };
            let aggregate = Aggregate { initializer, aggregator };
            KTable::of(self.fold::<V, _, _>(prefix::AGGREGATE, |_| Slot::unknown(), aggregate))
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
        /// Folds the values of each key and window, beginning with `initializer()`: the next
        /// aggregate is `aggregator(key, value, aggregate)`. Records without a value are dropped.
        /// Java's `aggregate`.
        ///
        /// ```
        /// use std::time::Duration;
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let windows = SlidingWindows::of_time_difference_with_no_grace(Duration::from_secs(60));
        /// let lines = builder.stream::<String, String>("lines").group_by_key().windowed_by(windows);
        /// let bytes = lines.aggregate(|| 0_i64, |_, line: &String, bytes| bytes + line.len() as i64);
        /// bytes.stored("bytes-within-a-minute");
        /// assert!(builder.build()?.describe().contains("(stores: [bytes-within-a-minute])"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn aggregate, try_aggregate [V2, VA, R,](&self)
        (initializer: () -> VA, aggregator: (key: &K, value: &V2, aggregate: VA) -> R) -> KTable<Windowed<K>, VA>
        where [
            V: Nullable<V2>,
            V2: 'static,
            VA: Clone + Send + 'static,
            R: Nullable<VA>,
        ] {
            let aggregator = move |key: &K, value: &V2, aggregate: VA| {
                aggregator(key, value, aggregate).map(Nullable::into_value)
            };
            let aggregate = Aggregate { initializer, aggregator };
            KTable::of(self.fold::<V2, _, _>(prefix::AGGREGATE, |_| Slot::unknown(), aggregate))
        }
    }
}

impl<K, V, S> SessionWindowedKStream<K, V, S>
where
    K: Clone + Send + 'static,
    V: Send + 'static,
    S: Nullable<K> + Send + 'static,
{
    fallible! {
        /// Folds the values of each key and session, beginning with `initializer()`: the next
        /// aggregate is `aggregator(key, value, aggregate)`, and that of two sessions which become
        /// one is `merger(key, aggregate, other)`. The merger sees the initial aggregate, too.
        /// Java's `aggregate`.
        ///
        /// ```
        /// use std::time::Duration;
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let sessions = SessionWindows::of_inactivity_gap_with_no_grace(Duration::from_secs(60));
        /// let lines = builder.stream::<String, String>("lines").group_by_key().windowed_by(sessions);
        /// let bytes = lines.aggregate(
        ///     || 0_i64,
        ///     |_, line, bytes| bytes + line.len() as i64,
        ///     |_, bytes, others| bytes + others,
        /// );
        /// bytes.stored("bytes-per-session").to_stream().to("bytes");
        /// assert!(builder.build()?.describe().contains("(stores: [bytes-per-session])"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn aggregate, try_aggregate [VA, R, R2,](&self)
        (
            initializer: () -> VA,
            aggregator: (key: &K, value: &V, aggregate: VA) -> R,
            merger: (key: &K, aggregate: VA, other: VA) -> R2
        ) -> KTable<Windowed<K>, VA>
        where [
            VA: Clone + Send + 'static,
            R: Nullable<VA>,
            R2: Nullable<VA>,
        ] {
            let aggregator = move |key: &K, value: &V, aggregate: VA| {
                aggregator(key, value, aggregate).map(Nullable::into_value)
            };
            let merger = move |key: &K, aggregate: VA, other: VA| {
                merger(key, aggregate, other).map(Nullable::into_value)
            };
            let aggregate = AggregateSessions { add: Aggregate { initializer, aggregator }, merger };
            KTable::of(self.fold::<V, _, _>(prefix::AGGREGATE, |_| Slot::unknown(), aggregate))
        }
    }
}

impl<K, V> KGroupedTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    fallible! {
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
        /// let sums = per_region.aggregate(
        ///     || 0_i64,
        ///     |_, sales, sum| sum + sales,
        ///     |_, sales, sum| sum - sales,
        /// );
        /// sums.stored("sales-per-region");
        /// assert!(builder.build()?.describe().contains("(stores: [sales-per-region])"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn aggregate, try_aggregate [VA, R, R2,](&self)
        (
            initializer: () -> VA,
            adder: (key: &K, value: &V, aggregate: VA) -> R,
            subtractor: (key: &K, value: &V, aggregate: VA) -> R2
        ) -> KTable<K, VA>
        where [
            VA: Clone + Send + 'static,
            R: Nullable<VA>,
            R2: Nullable<VA>,
        ] {
            let aggregator = move |key: &K, value: &V, aggregate: VA| {
                adder(key, value, aggregate).map(Nullable::into_value)
            };
            let subtractor = move |key: &K, value: &V, aggregate: VA| {
                subtractor(key, value, aggregate).map(Nullable::into_value)
            };
            let aggregate = AggregateRows { add: Aggregate { initializer, aggregator }, subtractor };
            self.fold(prefix::TABLE_AGGREGATE, |_| Slot::unknown(), aggregate)
        }
    }
}

/// Begins with `initializer()` and folds each value in by `aggregator(key, value, aggregate)`.
pub(super) struct Aggregate<I, F> {
    initializer: I,
    aggregator: F,
}

impl<K, V, VA, I, F> Aggregation<K, V, VA> for Aggregate<I, F>
where
    I: Fn() -> Result<VA, BoxError> + Send + Sync + 'static,
    F: Fn(&K, &V, VA) -> Result<Option<VA>, BoxError> + Send + Sync + 'static,
{
    fn initial(&self) -> Result<Option<VA>, BoxError> {
        (self.initializer)().map(Some)
    }

    fn add(&self, key: &K, value: &V, aggregate: Option<VA>) -> Result<Option<VA>, BoxError> {
        let aggregate = match aggregate {
            Some(aggregate) => aggregate,
            None => (self.initializer)()?,
        };
        (self.aggregator)(key, value, aggregate)
    }
}

/// Aggregates sessions, which become one by `merger(key, aggregate, other)`.
struct AggregateSessions<I, A, M> {
    add: Aggregate<I, A>,
    merger: M,
}

impl<K, V, VA, I, A, M> Aggregation<K, V, VA> for AggregateSessions<I, A, M>
where
    I: Fn() -> Result<VA, BoxError> + Send + Sync + 'static,
    A: Fn(&K, &V, VA) -> Result<Option<VA>, BoxError> + Send + Sync + 'static,
    M: Fn(&K, VA, VA) -> Result<Option<VA>, BoxError> + Send + Sync + 'static,
{
    fn initial(&self) -> Result<Option<VA>, BoxError> {
        Aggregation::<K, V, VA>::initial(&self.add)
    }

    fn add(&self, key: &K, value: &V, aggregate: Option<VA>) -> Result<Option<VA>, BoxError> {
        self.add.add(key, value, aggregate)
    }

    fn merge(&self, key: &K, one: Option<VA>, other: VA) -> Result<Option<VA>, BoxError> {
        let one = match one {
            Some(one) => one,
            None => (self.add.initializer)()?,
        };
        (self.merger)(key, one, other)
    }
}

/// Aggregates the rows of a table.
struct AggregateRows<I, A, S> {
    add: Aggregate<I, A>,
    subtractor: S,
}

impl<K, V, VA, I, A, S> Aggregation<K, V, VA> for AggregateRows<I, A, S>
where
    I: Fn() -> Result<VA, BoxError> + Send + Sync + 'static,
    A: Fn(&K, &V, VA) -> Result<Option<VA>, BoxError> + Send + Sync + 'static,
    S: Send + Sync + 'static,
{
    fn initial(&self) -> Result<Option<VA>, BoxError> {
        Aggregation::<K, V, VA>::initial(&self.add)
    }

    fn add(&self, key: &K, value: &V, aggregate: Option<VA>) -> Result<Option<VA>, BoxError> {
        self.add.add(key, value, aggregate)
    }
}

impl<K, V, VA, I, A, S> Reversible<K, V, VA> for AggregateRows<I, A, S>
where
    I: Fn() -> Result<VA, BoxError> + Send + Sync + 'static,
    A: Fn(&K, &V, VA) -> Result<Option<VA>, BoxError> + Send + Sync + 'static,
    S: Fn(&K, &V, VA) -> Result<Option<VA>, BoxError> + Send + Sync + 'static,
{
    fn subtract(&self, key: &K, value: &V, aggregate: VA) -> Result<Option<VA>, BoxError> {
        (self.subtractor)(key, value, aggregate)
    }
}
