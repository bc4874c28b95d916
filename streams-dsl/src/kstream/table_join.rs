//! `join` and `left_join` with a table: each record looks up the row of its key.

use std::{panic::Location, sync::Arc};

use streams_core::BoxError;

use super::{KStream, Repartitioned};
use crate::{
    graph::{Lowering, Place, Repartition, Role, Slot, prefix},
    ktable::KTable,
    options::{Joined, Named},
    processors::{self, Nullable, TableKey},
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// Joins each record with the row that the table has for its key at that time. Java's `join`
    /// with a `KTable`.
    ///
    /// A record without a row, a key or a value is left out; the latter two are counted as dropped.
    /// Only records of the stream give results: an update of the table does not. Both sides need
    /// equal numbers of partitions; a stream whose key may have changed is repartitioned first.
    /// Where the stream's values are `Option`s, the type of the joiner's first argument says what
    /// is joined.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let customers = builder.table::<String, String>("customers");
    /// let orders = builder.stream::<String, i64>("orders");
    /// orders.join(&customers, |amount, name| format!("{name}: {amount}")).to("enriched");
    /// let text = builder.build()?.describe();
    /// assert!(text.contains("KSTREAM-JOIN-0000000004 (stores: [customers-STATE-STORE-0000000000])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn join<KT, VT, V2, VR>(
        &self,
        table: &KTable<KT, VT>,
        joiner: impl Fn(&V2, &VT) -> VR + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        KT: TableKey<K> + Clone + Send + 'static,
        VT: Clone + Send + 'static,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
    {
        self.join_with(table, joiner, Joined::unnamed())
    }

    /// As [`join`](Self::join), with a name, or serdes for the repartition topic.
    #[track_caller]
    pub fn join_with<KT, VT, V2, VR>(
        &self,
        table: &KTable<KT, VT>,
        joiner: impl Fn(&V2, &VT) -> VR + Send + Sync + 'static,
        joined: impl Into<Joined<K, V>>,
    ) -> KStream<K, VR>
    where
        KT: TableKey<K> + Clone + Send + 'static,
        VT: Clone + Send + 'static,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
    {
        self.try_join_with_key(
            table,
            move |_, value, row| Ok::<_, BoxError>(joiner(value, row)),
            joined,
        )
    }

    /// As [`join`](Self::join), with a joiner that sees the key too.
    #[track_caller]
    pub fn join_with_key<KT, VT, V2, VR>(
        &self,
        table: &KTable<KT, VT>,
        joiner: impl Fn(&K, &V2, &VT) -> VR + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        KT: TableKey<K> + Clone + Send + 'static,
        VT: Clone + Send + 'static,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
    {
        let joiner =
            move |key: &K, value: &V2, row: &VT| Ok::<_, BoxError>(joiner(key, value, row));
        self.try_join_with_key(table, joiner, Joined::unnamed())
    }

    /// As [`join`](Self::join), with a joiner that can fail.
    #[track_caller]
    pub fn try_join<KT, VT, V2, VR, E>(
        &self,
        table: &KTable<KT, VT>,
        joiner: impl Fn(&V2, &VT) -> Result<VR, E> + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        KT: TableKey<K> + Clone + Send + 'static,
        VT: Clone + Send + 'static,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
        E: Into<BoxError>,
    {
        let joiner = move |_: &K, value: &V2, row: &VT| joiner(value, row);
        self.try_join_with_key(table, joiner, Joined::unnamed())
    }

    /// As [`join_with`](Self::join_with), with a joiner that sees the key too and can fail.
    #[track_caller]
    pub fn try_join_with_key<KT, VT, V2, VR, E>(
        &self,
        table: &KTable<KT, VT>,
        joiner: impl Fn(&K, &V2, &VT) -> Result<VR, E> + Send + Sync + 'static,
        joined: impl Into<Joined<K, V>>,
    ) -> KStream<K, VR>
    where
        KT: TableKey<K> + Clone + Send + 'static,
        VT: Clone + Send + 'static,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
        E: Into<BoxError>,
    {
        let joiner = move |key: &K, value: &V2, row: Option<&VT>| match row {
            Some(row) => joiner(key, value, row).map(Some).map_err(Into::into),
            None => Ok(None),
        };
        self.join_table(table, joiner, joined.into(), false)
    }

    /// Joins each record with the row that the table has for its key at that time, or with `None`.
    /// Java's `leftJoin` with a `KTable`.
    ///
    /// As [`join`](Self::join), but a record without a row or a key is kept.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let customers = builder.table::<String, String>("customers");
    /// let orders = builder.stream::<Option<String>, i64>("orders");
    /// let enriched = orders.left_join(&customers, |amount, name: Option<&String>| {
    ///     format!("{}: {amount}", name.map_or("unknown", String::as_str))
    /// });
    /// enriched.to("enriched");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-LEFTJOIN-0000000004"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn left_join<KT, VT, V2, VR>(
        &self,
        table: &KTable<KT, VT>,
        joiner: impl Fn(&V2, Option<&VT>) -> VR + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        KT: TableKey<K> + Clone + Send + 'static,
        VT: Clone + Send + 'static,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
    {
        self.left_join_with(table, joiner, Joined::unnamed())
    }

    /// As [`left_join`](Self::left_join), with a name, or serdes for the repartition topic.
    #[track_caller]
    pub fn left_join_with<KT, VT, V2, VR>(
        &self,
        table: &KTable<KT, VT>,
        joiner: impl Fn(&V2, Option<&VT>) -> VR + Send + Sync + 'static,
        joined: impl Into<Joined<K, V>>,
    ) -> KStream<K, VR>
    where
        KT: TableKey<K> + Clone + Send + 'static,
        VT: Clone + Send + 'static,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
    {
        let joiner = move |_: &K, value: &V2, row: Option<&VT>| Ok(Some(joiner(value, row)));
        self.join_table(table, joiner, joined.into(), true)
    }

    /// As [`left_join`](Self::left_join), with a joiner that sees the key too.
    #[track_caller]
    pub fn left_join_with_key<KT, VT, V2, VR>(
        &self,
        table: &KTable<KT, VT>,
        joiner: impl Fn(&K, &V2, Option<&VT>) -> VR + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        KT: TableKey<K> + Clone + Send + 'static,
        VT: Clone + Send + 'static,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
    {
        let joiner = move |key: &K, value: &V2, row: Option<&VT>| Ok(Some(joiner(key, value, row)));
        self.join_table(table, joiner, Joined::unnamed(), true)
    }

    /// As [`left_join`](Self::left_join), with a joiner that can fail.
    #[track_caller]
    pub fn try_left_join<KT, VT, V2, VR, E>(
        &self,
        table: &KTable<KT, VT>,
        joiner: impl Fn(&V2, Option<&VT>) -> Result<VR, E> + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        KT: TableKey<K> + Clone + Send + 'static,
        VT: Clone + Send + 'static,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
        E: Into<BoxError>,
    {
        let joiner = move |_: &K, value: &V2, row: Option<&VT>| joiner(value, row);
        self.try_left_join_with_key(table, joiner, Joined::unnamed())
    }

    /// As [`left_join_with`](Self::left_join_with), with a joiner that sees the key too and can
    /// fail.
    #[track_caller]
    pub fn try_left_join_with_key<KT, VT, V2, VR, E>(
        &self,
        table: &KTable<KT, VT>,
        joiner: impl Fn(&K, &V2, Option<&VT>) -> Result<VR, E> + Send + Sync + 'static,
        joined: impl Into<Joined<K, V>>,
    ) -> KStream<K, VR>
    where
        KT: TableKey<K> + Clone + Send + 'static,
        VT: Clone + Send + 'static,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
        E: Into<BoxError>,
    {
        let joiner = move |key: &K, value: &V2, row: Option<&VT>| {
            joiner(key, value, row).map(Some).map_err(Into::into)
        };
        self.join_table(table, joiner, joined.into(), true)
    }

    /// The joiner says with `None` that nothing comes of a record.
    #[track_caller]
    fn join_table<KT, VT, V2, VR>(
        &self,
        table: &KTable<KT, VT>,
        joiner: impl Fn(&K, &V2, Option<&VT>) -> Result<Option<VR>, BoxError> + Send + Sync + 'static,
        joined: Joined<K, V>,
        left: bool,
    ) -> KStream<K, VR>
    where
        KT: TableKey<K> + Clone + Send + 'static,
        VT: Clone + Send + 'static,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
    {
        let place = Location::caller();
        let joined = Joined { name: joined.name.or_else(|| self.next_name.clone()), ..joined };
        self.graph.lock().check_name(place, joined.name.as_ref());
        let key_serde = Slot::given(joined.key_serde.clone()).or(&self.key_serde);
        let stream = if self.repartition_required {
            self.repartition_for_join::<KT>(&joined, place)
        } else {
            self.clone()
        };
        let mut graph = self.graph.lock();
        if !self.graph.is(table.graph()) {
            graph.problem(place, "a stream can't be joined with a table of another builder");
        }
        let sources: Vec<_> = stream.sources.iter().chain(&**table.sources()).cloned().collect();
        graph.copartition(sources.clone());
        let prefix = if left { prefix::LEFT_JOIN } else { prefix::JOIN };
        let name = graph.name_or_new(joined.name.as_ref(), prefix);
        let rows = table.rows().clone();
        rows.materialize();
        let (node_name, joiner) = (name.clone(), Arc::new(joiner));
        let lower = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, V>();
            let Some((getter, connect)) = rows.getter(lowering) else { return };
            let supplier = processors::kstream_ktable_join(getter, joiner.clone(), left);
            let node = lowering.processor(&node_name, supplier, &parents);
            connect(lowering.topology(), node.id());
            lowering.forwards::<K, VR>(node);
        };
        let role = if left { Role::KeepsNullKeys } else { Role::Other };
        let node = graph.add(&name, role, &[stream.node], place, lower);
        drop(graph);
        let (graph, values) = (self.graph.clone(), Slot::unknown());
        KStream::new(graph, node, name, key_serde, values, sources.into(), false)
    }

    /// This stream behind a repartition topic: the one that an earlier join made, unless this one
    /// is named.
    fn repartition_for_join<KT: TableKey<K> + 'static>(
        &self,
        joined: &Joined<K, V>,
        place: Place,
    ) -> Self {
        let base = joined.name.as_ref().map_or_else(|| self.name.clone(), Named::shared);
        let key_serde = Slot::given(joined.key_serde.clone()).or(&self.key_serde);
        let value_serde = Slot::given(joined.value_serde.clone()).or(&self.value_serde);
        let mut graph = self.graph.lock();
        let (names, filter) = graph.repartition_names(&base);
        let mut shared = self.join_repartition.lock();
        let topic = match &*shared {
            Some(topic) if base == self.name => topic.clone(),
            _ => {
                let source = names.source.clone();
                let repartition = Repartition::new(names, key_serde.clone(), value_serde.clone());
                let has_key = |key: &K| KT::of(key).is_some();
                let role = repartition.mergeable(has_key);
                let lower = move |lowering: &mut Lowering<'_>| {
                    repartition.lower_keeping(lowering, &filter, has_key);
                };
                let node = graph.add(&source, role, &[self.node], place, lower);
                shared.insert(Repartitioned { node, source }).clone()
            }
        };
        let Repartitioned { node, source } = topic;
        let sources = [source.clone()].into();
        Self::new(self.graph.clone(), node, source, key_serde, value_serde, sources, false)
    }
}
