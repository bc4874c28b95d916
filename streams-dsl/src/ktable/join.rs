//! `join`: two tables as one.

use std::sync::{Arc, atomic::AtomicBool};

use streams_core::BoxError;

use super::{
    KTable, TableParts, TableStore,
    rows::{JoinedRows, Rows},
};
use crate::{
    change::Change,
    graph::{Lowering, Role, Slot, prefix},
    options::Materialized,
    processors::{self, TableGetter},
};

impl<K, V> KTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// Joins the rows of both tables that have the same key. Java's inner `join`.
    ///
    /// There is a row where both tables have one; a change of either side updates it, at the later
    /// of the two rows' timestamps, and a deletion on either side deletes it. Both tables get a
    /// store, if they have none, and must have the same number of partitions.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let names = builder.table::<String, String>("names");
    /// let towns = builder.table::<String, String>("towns");
    /// names.join(&towns, |name, town| format!("{name} of {town}")).to_stream().to("addresses");
    /// assert!(builder.build()?.describe().contains("Processor: KTABLE-MERGE-0000000006"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn join<VO, VR>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(&V, &VO) -> VR + Send + Sync + 'static,
    ) -> KTable<K, VR>
    where
        VO: Clone + Send + 'static,
        VR: Clone + Send + 'static,
    {
        self.do_join(other, move |_, value, other| Ok(joiner(value, other)), None)
    }

    /// As [`join`](Self::join), into the store that `materialized` describes.
    #[track_caller]
    #[must_use]
    pub fn join_as<VO, VR>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(&V, &VO) -> VR + Send + Sync + 'static,
        materialized: impl Into<Materialized<K, VR>>,
    ) -> KTable<K, VR>
    where
        VO: Clone + Send + 'static,
        VR: Clone + Send + 'static,
    {
        let joiner = move |_: &K, value: &V, other: &VO| Ok(joiner(value, other));
        self.do_join(other, joiner, Some(materialized.into()))
    }

    /// As [`join`](Self::join), with a joiner that sees the key too and can fail.
    #[track_caller]
    #[must_use]
    pub fn try_join_with_key<VO, VR, E>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(&K, &V, &VO) -> Result<VR, E> + Send + Sync + 'static,
    ) -> KTable<K, VR>
    where
        VO: Clone + Send + 'static,
        VR: Clone + Send + 'static,
        E: Into<BoxError>,
    {
        let joiner =
            move |key: &K, value: &V, other: &VO| joiner(key, value, other).map_err(Into::into);
        self.do_join(other, joiner, None)
    }

    #[track_caller]
    fn do_join<VO, VR>(
        &self,
        other: &KTable<K, VO>,
        joiner: impl Fn(&K, &V, &VO) -> Result<VR, BoxError> + Send + Sync + 'static,
        materialized: Option<Materialized<K, VR>>,
    ) -> KTable<K, VR>
    where
        VO: Clone + Send + 'static,
        VR: Clone + Send + 'static,
    {
        let (name, store, place) = self.next_node(prefix::TABLE_JOIN_MERGE, materialized.as_ref());
        let given = self.next_name.as_ref();
        let mut sources = self.sources.to_vec();
        sources.extend(other.sources.iter().filter(|name| !self.sources.contains(name)).cloned());
        let sides = {
            let mut graph = self.graph.lock();
            if !self.graph.is(&other.graph) {
                graph.problem(place, "a table can't be joined with one of another builder");
            }
            graph.copartition(sources.clone());
            [
                graph.suffixed_or_new(given, "-join-this", prefix::TABLE_JOIN_THIS),
                graph.suffixed_or_new(given, "-join-other", prefix::TABLE_JOIN_OTHER),
            ]
        };
        self.rows.materialize();
        other.rows.materialize();
        let materialized = materialized.unwrap_or_default();
        let key_serde = Slot::given(materialized.key_serde.clone()).or(&self.key_serde);
        let value_serde = Slot::given(materialized.value_serde.clone());
        let joiner = Arc::new(joiner);
        let derive = {
            let joiner = joiner.clone();
            move |this: &TableGetter<K, V>, other: &TableGetter<K, VO>| {
                this.join(other, joiner.clone())
            }
        };
        let rows = Arc::new(JoinedRows {
            this: self.rows.clone(),
            other: other.rows.clone(),
            store: store.clone(),
            send_old: AtomicBool::new(false),
            derive,
        });
        let store = store.map(|name| TableStore::new(name, materialized, &key_serde, &value_serde));
        let join = LowerJoin { names: (name.clone(), sides), rows: rows.clone(), store, joiner };
        let lower = move |lowering: &mut Lowering<'_>| join.lower(lowering);
        let parents = if self.node == other.node || !self.graph.is(&other.graph) {
            vec![self.node]
        } else {
            vec![self.node, other.node]
        };
        let node = self.graph.lock().add(&name, Role::Other, &parents, place, lower);
        let (graph, sources) = (self.graph.clone(), sources.into());
        KTable::new(TableParts { graph, node, name, key_serde, value_serde, sources, rows })
    }
}

/// A join as it is added to a topology: a node a side, and one where they meet.
struct LowerJoin<K, V, VO, VR, D, F> {
    /// The node where the sides meet, and those of the sides.
    names: (Arc<str>, [Arc<str>; 2]),
    rows: Arc<JoinedRows<K, V, VO, D>>,
    store: Option<TableStore<K, VR>>,
    joiner: Arc<F>,
}

impl<K, V, VO, VR, D, F> LowerJoin<K, V, VO, VR, D, F>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
    VO: Clone + Send + 'static,
    VR: Clone + Send + 'static,
    D: Fn(&TableGetter<K, V>, &TableGetter<K, VO>) -> TableGetter<K, VR> + Send + Sync,
    F: Fn(&K, &V, &VO) -> Result<VR, BoxError> + Send + Sync + 'static,
{
    fn lower(&self, lowering: &mut Lowering<'_>) {
        let (name, [this_name, other_name]) = &self.names;
        let this_parent = lowering.parent::<K, Change<V>>(0);
        let other_parent = lowering.parent::<K, Change<VO>>(1);
        let Some((this_rows, connect_this)) = self.rows.this.getter(lowering) else { return };
        let Some((other_rows, connect_other)) = self.rows.other.getter(lowering) else { return };
        let send_old = Rows::<K, VR>::sends_old_values(&*self.rows);
        let joiner = self.joiner.clone();
        let supplier =
            processors::ktable_ktable_inner_join::<_, V, _, _>(other_rows, joiner, send_old);
        let this = lowering.processor::<_, _, _, K, Change<VR>>(this_name, supplier, &this_parent);
        let joiner = self.joiner.clone();
        let reversed = Arc::new(move |key: &K, other: &VO, value: &V| joiner(key, value, other));
        let supplier =
            processors::ktable_ktable_inner_join::<_, VO, _, _>(this_rows, reversed, send_old);
        let other =
            lowering.processor::<_, _, _, K, Change<VR>>(other_name, supplier, &other_parent);
        connect_other(lowering.topology(), this.id());
        connect_this(lowering.topology(), other.id());
        let store = self.store.as_ref().map(|store| store.add(lowering, name));
        let supplier = processors::ktable_ktable_join_merge(store, send_old);
        let node = lowering.processor(name, supplier, &[this, other]);
        if let Some(store) = store {
            lowering.topology().connect(node.id(), store);
            lowering.topology().flush_with(store, node.id());
        }
        lowering.forwards::<K, Change<VR>>(node);
    }
}
