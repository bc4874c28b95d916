//! `group_by` and `group_by_key`: what an aggregation needs first.

use std::panic::Location;

use streams_core::BoxError;

use super::KStream;
use crate::{
    graph::Slot,
    grouped::{Grouping, KGroupedStream},
    options::Grouped,
    processors::Nullable,
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// Groups the records by their key. Java's `groupByKey`.
    ///
    /// If the key may have changed since the records were read, what is made of the groups
    /// repartitions them first. Records without a key are dropped. `K2` is the key without its
    /// null: it must be named where the stream's keys are `Option`s.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("orders").group_by_key().count().to_stream().to("counts");
    /// builder
    ///     .stream::<Option<String>, i64>("clicks")
    ///     .group_by_key::<String>()
    ///     .count()
    ///     .to_stream()
    ///     .to("click-counts");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-AGGREGATE-0000000002"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn group_by_key<K2: 'static>(&self) -> KGroupedStream<K2, V, K>
    where
        K: Nullable<K2>,
    {
        self.group_by_key_with(Grouped::unnamed())
    }

    /// As [`group_by_key`](Self::group_by_key), with a name for the repartition topic, or serdes.
    #[track_caller]
    pub fn group_by_key_with<K2: 'static>(
        &self,
        grouped: impl Into<Grouped<K2, V>>,
    ) -> KGroupedStream<K2, V, K>
    where
        K: Nullable<K2>,
    {
        let Grouped { name, key_serde, value_serde } = grouped.into();
        self.graph.lock().check_name(Location::caller(), name.as_ref());
        KGroupedStream::new(Grouping {
            graph: self.graph.clone(),
            node: self.node,
            key_serde: Slot::given(key_serde).or(&self.key_serde.convert()),
            value_serde: Slot::given(value_serde).or(&self.value_serde),
            sources: self.sources.clone(),
            repartition_required: self.repartition_required,
            name,
            next_name: self.next_name.clone(),
        })
    }

    /// Groups the records by what `selector` makes of them; what is made of the groups repartitions
    /// them first. Java's `groupBy`.
    ///
    /// A selector may return an `Option`; records for which it is `None` are left out. Then the
    /// type of the key must be named, as `group_by::<String, _>`.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let orders = builder.stream::<String, String>("orders");
    /// orders.group_by(|_, customer| customer.clone()).count_as("per-customer");
    /// orders
    ///     .group_by::<String, _>(|_, customer| customer.get(..2).map(str::to_owned))
    ///     .count_as("per-country");
    /// assert!(builder.build()?.describe().contains("(topic: per-customer-repartition)"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn group_by<K2, KR>(
        &self,
        selector: impl Fn(&K, &V) -> KR + Send + Sync + 'static,
    ) -> KGroupedStream<K2, V, KR>
    where
        K2: 'static,
        KR: Nullable<K2> + Send + 'static,
    {
        self.group_by_with(selector, Grouped::unnamed())
    }

    /// As [`group_by`](Self::group_by), with a name for the repartition topic, or serdes.
    #[track_caller]
    pub fn group_by_with<K2, KR>(
        &self,
        selector: impl Fn(&K, &V) -> KR + Send + Sync + 'static,
        grouped: impl Into<Grouped<K2, V>>,
    ) -> KGroupedStream<K2, V, KR>
    where
        K2: 'static,
        KR: Nullable<K2> + Send + 'static,
    {
        self.do_group_by(move |key, value| Ok(selector(key, value)), grouped.into())
    }

    /// As [`group_by`](Self::group_by), with a selector that can fail.
    #[track_caller]
    pub fn try_group_by<K2, KR, E: Into<BoxError>>(
        &self,
        selector: impl Fn(&K, &V) -> Result<KR, E> + Send + Sync + 'static,
    ) -> KGroupedStream<K2, V, KR>
    where
        K2: 'static,
        KR: Nullable<K2> + Send + 'static,
    {
        let selector = move |key: &K, value: &V| selector(key, value).map_err(Into::into);
        self.do_group_by(selector, Grouped::unnamed())
    }

    #[track_caller]
    fn do_group_by<K2, KR>(
        &self,
        selector: impl Fn(&K, &V) -> Result<KR, BoxError> + Send + Sync + 'static,
        grouped: Grouped<K2, V>,
    ) -> KGroupedStream<K2, V, KR>
    where
        K2: 'static,
        KR: Nullable<K2> + Send + 'static,
    {
        let name = grouped.name.clone().or_else(|| self.next_name.clone());
        let stream = Self { next_name: name.clone(), ..self.clone() };
        stream.do_select_key(selector).group_by_key_with(Grouped { name, ..grouped })
    }
}
