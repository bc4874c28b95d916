//! `join_global` and `left_join_global`: each record looks a row up by a key that is made of it.

use std::sync::Arc;

use streams_core::BoxError;

use super::KStream;
use crate::{
    GlobalKTable,
    graph::{Lowering, Role, Slot, prefix},
    processors::{self, Nullable},
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// Joins each record with the row that the global table has at that time for the key that
    /// `mapper` makes of the record. Java's `join` with a `GlobalKTable`.
    ///
    /// The result keeps the record's own key, its timestamp and its headers. Neither side is
    /// repartitioned, for each instance has all rows. Only records of the stream give results: an
    /// update of the table does not, and is not synchronised with them by its timestamp.
    ///
    /// A record without a row, a value or a mapped key is left out; the latter two are counted as
    /// dropped. Its own key may be null. A mapper that can't always make a key returns an `Option`.
    /// Where the stream's values are `Option`s, the type of the mapper's second argument says what
    /// is joined. [`named`](Self::named) names the node.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let titles = builder.global_table::<String, String>("titles");
    /// // Who has seen which page.
    /// let visits = builder.stream::<String, String>("visits");
    /// visits
    ///     .join_global(&titles, |_, page| page.clone(), |page, title| format!("{title} ({page})"))
    ///     .to("titled-visits");
    /// let text = builder.build()?.describe();
    /// assert!(text.contains("Processor: KSTREAM-LEFTJOIN-0000000004 (stores: [])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn join_global<KG, VG, KM, V2, VR>(
        &self,
        table: &GlobalKTable<KG, VG>,
        mapper: impl Fn(&K, &V2) -> KM + Send + Sync + 'static,
        joiner: impl Fn(&V2, &VG) -> VR + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        KG: Clone + Send + 'static,
        VG: Clone + Send + 'static,
        KM: Nullable<KG>,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
    {
        self.join_global_with_key(table, mapper, move |_, value, row| joiner(value, row))
    }

    /// As [`join_global`](Self::join_global), with a joiner that sees the stream's key too.
    #[track_caller]
    pub fn join_global_with_key<KG, VG, KM, V2, VR>(
        &self,
        table: &GlobalKTable<KG, VG>,
        mapper: impl Fn(&K, &V2) -> KM + Send + Sync + 'static,
        joiner: impl Fn(&K, &V2, &VG) -> VR + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        KG: Clone + Send + 'static,
        VG: Clone + Send + 'static,
        KM: Nullable<KG>,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
    {
        let joiner =
            move |key: &K, value: &V2, row: &VG| Ok::<_, BoxError>(joiner(key, value, row));
        self.try_join_global_with_key(table, move |key, value| Ok(mapper(key, value)), joiner)
    }

    /// As [`join_global`](Self::join_global), with a mapper and a joiner that can fail.
    #[track_caller]
    pub fn try_join_global<KG, VG, KM, V2, VR, E>(
        &self,
        table: &GlobalKTable<KG, VG>,
        mapper: impl Fn(&K, &V2) -> Result<KM, E> + Send + Sync + 'static,
        joiner: impl Fn(&V2, &VG) -> Result<VR, E> + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        KG: Clone + Send + 'static,
        VG: Clone + Send + 'static,
        KM: Nullable<KG>,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
        E: Into<BoxError>,
    {
        self.try_join_global_with_key(table, mapper, move |_, value, row| joiner(value, row))
    }

    /// As [`join_global`](Self::join_global), with a mapper and a joiner that can fail, and a joiner
    /// that sees the stream's key too.
    #[track_caller]
    pub fn try_join_global_with_key<KG, VG, KM, V2, VR, E>(
        &self,
        table: &GlobalKTable<KG, VG>,
        mapper: impl Fn(&K, &V2) -> Result<KM, E> + Send + Sync + 'static,
        joiner: impl Fn(&K, &V2, &VG) -> Result<VR, E> + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        KG: Clone + Send + 'static,
        VG: Clone + Send + 'static,
        KM: Nullable<KG>,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
        E: Into<BoxError>,
    {
        let joiner = move |key: &K, value: &V2, row: Option<&VG>| match row {
            Some(row) => joiner(key, value, row).map(Some),
            None => Ok(None),
        };
        self.join_global_table(table, mapper, joiner, false)
    }

    /// Joins each record with the row that the global table has at that time for the key that
    /// `mapper` makes of the record, or with `None`. Java's `leftJoin` with a `GlobalKTable`.
    ///
    /// As [`join_global`](Self::join_global), but a record without a row or a mapped key is kept.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let names = builder.global_table::<i64, String>("names");
    /// let visits = builder.stream::<Option<String>, String>("visits");
    /// // Guests have no number.
    /// let visitor = |_: &Option<String>, visit: &String| visit.parse::<i64>().ok();
    /// visits
    ///     .left_join_global(&names, visitor, |_, name| name.cloned().unwrap_or("a guest".to_owned()))
    ///     .to("visitors");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-LEFTJOIN-0000000004"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn left_join_global<KG, VG, KM, V2, VR>(
        &self,
        table: &GlobalKTable<KG, VG>,
        mapper: impl Fn(&K, &V2) -> KM + Send + Sync + 'static,
        joiner: impl Fn(&V2, Option<&VG>) -> VR + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        KG: Clone + Send + 'static,
        VG: Clone + Send + 'static,
        KM: Nullable<KG>,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
    {
        self.left_join_global_with_key(table, mapper, move |_, value, row| joiner(value, row))
    }

    /// As [`left_join_global`](Self::left_join_global), with a joiner that sees the stream's key
    /// too.
    #[track_caller]
    pub fn left_join_global_with_key<KG, VG, KM, V2, VR>(
        &self,
        table: &GlobalKTable<KG, VG>,
        mapper: impl Fn(&K, &V2) -> KM + Send + Sync + 'static,
        joiner: impl Fn(&K, &V2, Option<&VG>) -> VR + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        KG: Clone + Send + 'static,
        VG: Clone + Send + 'static,
        KM: Nullable<KG>,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
    {
        let joiner =
            move |key: &K, value: &V2, row: Option<&VG>| Ok::<_, BoxError>(joiner(key, value, row));
        self.try_left_join_global_with_key(table, move |key, value| Ok(mapper(key, value)), joiner)
    }

    /// As [`left_join_global`](Self::left_join_global), with a mapper and a joiner that can fail.
    #[track_caller]
    pub fn try_left_join_global<KG, VG, KM, V2, VR, E>(
        &self,
        table: &GlobalKTable<KG, VG>,
        mapper: impl Fn(&K, &V2) -> Result<KM, E> + Send + Sync + 'static,
        joiner: impl Fn(&V2, Option<&VG>) -> Result<VR, E> + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        KG: Clone + Send + 'static,
        VG: Clone + Send + 'static,
        KM: Nullable<KG>,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
        E: Into<BoxError>,
    {
        self.try_left_join_global_with_key(table, mapper, move |_, value, row| joiner(value, row))
    }

    /// As [`left_join_global`](Self::left_join_global), with a mapper and a joiner that can fail,
    /// and a joiner that sees the stream's key too.
    #[track_caller]
    pub fn try_left_join_global_with_key<KG, VG, KM, V2, VR, E>(
        &self,
        table: &GlobalKTable<KG, VG>,
        mapper: impl Fn(&K, &V2) -> Result<KM, E> + Send + Sync + 'static,
        joiner: impl Fn(&K, &V2, Option<&VG>) -> Result<VR, E> + Send + Sync + 'static,
    ) -> KStream<K, VR>
    where
        KG: Clone + Send + 'static,
        VG: Clone + Send + 'static,
        KM: Nullable<KG>,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
        E: Into<BoxError>,
    {
        let joiner = move |key: &K, value: &V2, row: Option<&VG>| joiner(key, value, row).map(Some);
        self.join_global_table(table, mapper, joiner, true)
    }

    /// The joiner says with `None` that nothing comes of a record.
    #[track_caller]
    fn join_global_table<KG, VG, KM, V2, VR, E>(
        &self,
        table: &GlobalKTable<KG, VG>,
        mapper: impl Fn(&K, &V2) -> Result<KM, E> + Send + Sync + 'static,
        joiner: impl Fn(&K, &V2, Option<&VG>) -> Result<Option<VR>, E> + Send + Sync + 'static,
        left: bool,
    ) -> KStream<K, VR>
    where
        KG: Clone + Send + 'static,
        VG: Clone + Send + 'static,
        KM: Nullable<KG>,
        V: Nullable<V2>,
        V2: 'static,
        VR: Send + 'static,
        E: Into<BoxError>,
    {
        let mapper = Arc::new(move |key: &K, value: &V2| {
            mapper(key, value).map(Nullable::into_value).map_err(Into::into)
        });
        let joiner = Arc::new(move |key: &K, value: &V2, row: Option<&VG>| {
            joiner(key, value, row).map_err(Into::into)
        });
        // Java's prefix for both kinds.
        let placed = self.next_node(prefix::LEFT_JOIN);
        if !self.graph.is(table.graph()) {
            let text = "a stream can't be joined with a global table of another builder";
            self.graph.lock().problem(placed.place, text);
        }
        let (name, find) = (placed.name.clone(), table.find());
        let lower = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, V>();
            let Some(table) = find(lowering) else { return };
            let (mapper, joiner) = (mapper.clone(), joiner.clone());
            let supplier = processors::kstream_global_ktable_join(table, mapper, joiner, left);
            let node = lowering.processor(&name, supplier, &parents);
            lowering.forwards::<K, VR>(node);
        };
        let role = if left { Role::KeepsNullKeys } else { Role::Other };
        let node = self.graph.lock().add(&placed.name, role, &[self.node], placed.place, lower);
        self.with_values(placed, node, Slot::unknown())
    }
}
