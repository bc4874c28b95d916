//! `count`: of records by key, by key and window, and of the rows of a table.

use streams_core::{BoxError, serde::long};

use super::{
    Nullable,
    aggregate_stream::WindowingNulls,
    aggregation::{Aggregation, Reversible},
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
    /// words.group_by_key().count().stored("counts").to_stream().to("counts");
    /// assert!(builder.build()?.describe().contains("(stores: [counts])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn count<V2: 'static>(&self) -> KTable<K, i64>
    where
        V: Nullable<V2>,
    {
        KTable::of(self.fold::<V2, _, _>(prefix::AGGREGATE, counts, Count))
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
    /// Counts the records of each key and window, those without a value too. Java's `count`.
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
        KTable::of(self.fold::<V, _, _>(prefix::AGGREGATE, counts, Count))
    }
}

impl<K, V, S> SlidingWindowedKStream<K, V, S>
where
    K: Clone + Send + 'static,
    V: Send + 'static,
    S: Nullable<K> + Send + 'static,
{
    /// Counts the records of each key and window. Java's `count`.
    ///
    /// Records without a value are dropped. Where the stream's values are `Option`s, the type of
    /// the values must be named, as `count::<String>`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let windows = SlidingWindows::of_time_difference_with_no_grace(Duration::from_secs(60));
    /// let clicks = builder.stream::<String, String>("clicks").group_by_key().windowed_by(windows);
    /// clicks.count().stored("clicks-within-a-minute");
    /// assert!(builder.build()?.describe().contains("(stores: [clicks-within-a-minute])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn count<V2: 'static>(&self) -> KTable<Windowed<K>, i64>
    where
        V: Nullable<V2>,
    {
        KTable::of(self.fold::<V2, _, _>(prefix::AGGREGATE, counts, Count))
    }
}

impl<K, V> KGroupedTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
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
        self.fold(prefix::TABLE_AGGREGATE, counts, Count)
    }
}

fn counts<V>(_: &Slot<V>) -> Slot<i64> {
    Slot::given(Some(long()))
}

/// Counts records, with or without a value.
pub(super) struct Count;

impl<K, V> Aggregation<K, V, i64> for Count {
    const TAKES_A_NUMBER: bool = true;

    fn initial(&self) -> Result<Option<i64>, BoxError> {
        Ok(Some(0))
    }

    fn add(&self, _key: &K, _value: &V, count: Option<i64>) -> Result<Option<i64>, BoxError> {
        Ok(Some(count.unwrap_or(0) + 1))
    }

    fn merge(&self, _key: &K, one: Option<i64>, other: i64) -> Result<Option<i64>, BoxError> {
        Ok(Some(one.unwrap_or(0) + other))
    }
}

impl<K, V> Reversible<K, V, i64> for Count {
    fn subtract(&self, _key: &K, _value: &V, count: i64) -> Result<Option<i64>, BoxError> {
        Ok(Some(count - 1))
    }
}
