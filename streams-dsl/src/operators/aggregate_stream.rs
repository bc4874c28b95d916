//! Folds the records of a grouped stream into the rows of a table, with or without windows. Java's
//! `KStreamAggregate` and `KStreamReduce`.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
    topology::NodeRef,
};

use super::{
    Nullable,
    aggregation::Aggregation,
    row_store::{RowStore, RowStoreRef},
};
use crate::{
    KGroupedStream, Unwindowed,
    change::Change,
    options::{Materialized, Named},
    plan::{
        Drawn, DrawnGroup, DrawnTable, GraphNodeId, Lowering, Name, Operator, Output, Repartition,
        Role, Rows, RowsOf, SharedTopic, Sketch, Slot, Sources, Step, StepRef, TableStore,
    },
};

/// Windows that records can be put into. Implemented by the kinds of windows.
pub(crate) trait Windowing: Folds {
    /// Returns whether these windows can be used.
    ///
    /// # Errors
    /// `Topology` if not.
    fn check(&self) -> streams_core::Result;
}

/// Windows that take records without a value, too.
pub(crate) trait WindowingNulls: Windowing {}

/// Windows that never become one, of those that take records without a value.
pub(crate) trait WindowingByTime: WindowingNulls {}

/// The parts of an aggregation that differ between no windows and each kind of them.
pub(crate) trait Folds: Clone + Send + Sync + 'static {
    /// The keys of the table that is made of a group with keys `K`.
    type Key<K: Row>: Row;

    /// The store of the rows, once it is added to a topology.
    type Store<K: Row, VA: Row>: Copy + 'static;

    /// Properties of the node that passes must know.
    fn role(&self) -> Role;

    /// Least time for which the rows of a window are kept.
    fn least_retention(&self) -> Duration;

    /// The serde of the store's keys, as far as it follows from that of the table. It does not from
    /// that of windowed keys.
    fn inner_key<K: Row>(&self, _key: &Slot<Self::Key<K>>) -> Slot<K> {
        Slot::unknown()
    }

    /// The serde of the table's keys, as far as it follows from that of the store.
    fn outer_key<K: Row>(&self, key: &Slot<K>) -> Slot<Self::Key<K>>;

    /// Access to the rows.
    fn rows<K: Row, VA: Row>(&self, store: &TableStore<K, VA>) -> Arc<dyn Rows<Self::Key<K>, VA>>;

    /// Adds the store, for a node of this name.
    fn add_store<K: Row, VA: Row>(
        &self,
        store: &TableStore<K, VA>,
        retention: Duration,
        lowering: &mut Lowering<'_>,
        node: &str,
    ) -> Self::Store<K, VA>;

    /// Adds the node that folds into a store, of this name and below these.
    fn lower<K, KIn, V, V2, VA, A>(
        &self,
        lowering: &mut Lowering<'_>,
        node: (&Name, &[NodeRef<KIn, V>]),
        store: (&Name, Self::Store<K, VA>),
        aggregation: Arc<A>,
    ) where
        K: Row,
        KIn: Nullable<K> + 'static,
        V: Nullable<V2> + 'static,
        V2: 'static,
        VA: Row,
        A: Aggregation<K, V2, VA>;
}

/// Bounds of keys and values of tables.
pub(crate) trait Row: Clone + Send + 'static {}

impl<T: Clone + Send + 'static> Row for T {}

#[expect(private_bounds, reason = "the kinds of windows are those of this crate")]
impl<K, V, S, W> KGroupedStream<K, V, S, W>
where
    K: Row,
    V: Send + 'static,
    S: Nullable<K> + Send + 'static,
    W: Folds,
{
    /// The table that an aggregation gives, with keys `W::Key<K>` and values `VA`. `values` makes
    /// the serde of the aggregates from that of the values, as far as it follows.
    #[track_caller]
    pub(super) fn fold<V2, VA, A>(
        &self,
        prefix: &'static str,
        values: fn(&Slot<V>) -> Slot<VA>,
        aggregation: A,
    ) -> StepRef
    where
        V: Nullable<V2>,
        V2: 'static,
        VA: Row,
        A: Aggregation<K, V2, VA>,
    {
        let (windows, aggregation) = (self.windows().clone(), Arc::new(aggregation));
        let types = PhantomData::<fn(S, V2)>;
        self.step().then(Fold {
            prefix,
            windows,
            values,
            aggregation,
            types,
            key: PhantomData::<fn(K)>,
        })
    }
}

struct Fold<W, A, K, V, S, V2, VA> {
    prefix: &'static str,
    windows: W,
    values: fn(&Slot<V>) -> Slot<VA>,
    aggregation: Arc<A>,
    types: PhantomData<fn(S, V2)>,
    key: PhantomData<fn(K)>,
}

impl<W, A, K, V, S, V2, VA> Operator for Fold<W, A, K, V, S, V2, VA>
where
    W: Folds,
    K: Row,
    V: Nullable<V2> + Send + 'static,
    S: Nullable<K> + Send + 'static,
    V2: 'static,
    VA: Row,
    A: Aggregation<K, V2, VA>,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let group = sketch.output::<DrawnGroup<K, V>>(step.inputs.first())?;
        let values = (self.values)(&group.value_serde);
        let takes_a_number = A::TAKES_A_NUMBER;
        let kept = Kept::draw(
            &self.windows,
            (self.prefix, takes_a_number),
            (&group.key_serde, &values),
            step,
            sketch,
        );
        let name = sketch.name(step, self.prefix);
        let repartition_key = group.key_serde.clone().or(&kept.key_serde);
        let (parent, sources) =
            gather::<K, V, S>(&group, &kept.store.name, repartition_key, step, sketch);
        let (windows, aggregation, node_name) =
            (self.windows.clone(), self.aggregation.clone(), name.clone());
        let (store, retention) = (kept.store.clone(), kept.retention);
        let part = move |lowering: &mut Lowering<'_>| {
            let added = windows.add_store(&store, retention, lowering, &node_name);
            let added = (&store.name, added);
            lower_fold::<W, K, V, S, V2, VA, A>(
                &windows,
                lowering,
                &node_name,
                added,
                &aggregation,
            );
        };
        let node = sketch.add(&name, self.windows.role(), &[parent], step.caller, part);
        sketch.rows(node, RowsOf::Store);
        Some(kept.table(&self.windows, node, sources).of(step))
    }
}

/// Adds the node that folds the records of a group, whatever keys they have there: behind a
/// repartition topic keys have their plain type, unless that topic is shared.
pub(super) fn lower_fold<W, K, V, S, V2, VA, A>(
    windows: &W,
    lowering: &mut Lowering<'_>,
    node: &Name,
    store: (&Name, W::Store<K, VA>),
    aggregation: &Arc<A>,
) where
    W: Folds,
    K: Row,
    V: Nullable<V2> + Send + 'static,
    S: Nullable<K> + Send + 'static,
    V2: 'static,
    VA: Row,
    A: Aggregation<K, V2, VA>,
{
    let aggregation = aggregation.clone();
    if lowering.parents_forward::<K, V>() {
        let parents = lowering.parents::<K, V>();
        windows.lower::<K, K, V, V2, VA, A>(lowering, (node, &parents), store, aggregation);
    } else {
        let parents = lowering.parents::<S, V>();
        windows.lower::<K, S, V, V2, VA, A>(lowering, (node, &parents), store, aggregation);
    }
}

/// The store in which an aggregation keeps its rows, and their retention.
pub(super) struct Kept<W: Folds, K: Row, VA: Row> {
    pub(super) store: TableStore<K, VA>,
    pub(super) retention: Duration,
    /// The serde of the store's keys.
    pub(super) key_serde: Slot<K>,
    given_key: Slot<W::Key<K>>,
    value_serde: Slot<VA>,
}

impl<W: Folds, K: Row, VA: Row> Kept<W, K, VA> {
    /// Reads the step's options; `keys` and `values` are the serdes if they name none.
    pub(super) fn draw(
        windows: &W,
        (prefix, takes_a_number): (&str, bool),
        (keys, values): (&Slot<K>, &Slot<VA>),
        step: &Step,
        sketch: &mut Sketch<'_>,
    ) -> Self {
        let given = step.options.stored::<Materialized<W::Key<K>, VA>>();
        if takes_a_number && given.as_ref().is_some_and(|given| given.name.is_none()) {
            sketch.names.new_store_name(prefix);
        }
        let materialized = given.unwrap_or_default();
        let given_key =
            Slot::given(materialized.key_serde.clone()).or(&Slot::given(step.options.key_serde()));
        let key_serde = windows.inner_key(&given_key).or(keys);
        let value_serde = Slot::given(materialized.value_serde.clone())
            .or(&Slot::given(step.options.value_serde()))
            .or(values);
        sketch.check_name(step, materialized.name.as_ref());
        let store = sketch.names.store(materialized.name.as_ref(), prefix);
        let least = windows.least_retention();
        let retention = materialized.retention.unwrap_or(least);
        if retention < least {
            let text = format!(
                "store `{store}` keeps rows for {retention:?}, which is less than the {least:?} of its windows' size \
                 and grace period"
            );
            sketch.problem(step.caller, text);
        }
        let store = TableStore::new(store, materialized.of_keys(), &key_serde, &value_serde);
        Self { store, retention, key_serde, given_key, value_serde }
    }

    /// The table of these rows.
    pub(super) fn table(
        self,
        windows: &W,
        node: GraphNodeId,
        sources: Sources,
    ) -> DrawnTable<W::Key<K>, VA> {
        let key_serde = self.given_key.or(&windows.outer_key(&self.key_serde));
        let rows = windows.rows::<K, VA>(&self.store);
        DrawnTable { node, key_serde, value_serde: self.value_serde, sources, rows }
    }
}

/// The node from which the records of a group come by key, with its sources: the group itself, or
/// the node below a repartition topic, which aggregations share if the group has a name.
pub(super) fn gather<K, V, S>(
    group: &DrawnGroup<K, V>,
    store: &Name,
    key_serde: Slot<K>,
    step: &Step,
    sketch: &mut Sketch<'_>,
) -> (GraphNodeId, Sources)
where
    K: Send + 'static,
    V: Send + 'static,
    S: Nullable<K> + Send + 'static,
{
    if !group.repartition_required {
        return (group.node, group.sources.clone());
    }
    let base = group.name.as_ref().map_or_else(|| store.clone(), Named::shared);
    let (names, filter) = sketch.repartition_names(&base);
    let who = SharedTopic::OfGroup(group.step);
    let shared = match group.name {
        Some(_) => sketch.shared_topic(who, Some(group.node)),
        None => None,
    };
    let (node, source) = shared.unwrap_or_else(|| {
        let topic = Repartition::new(names, key_serde, group.value_serde.clone());
        let (node, source) = topic.draw_unwrapping::<S>(sketch, filter, (group.node, step.caller));
        sketch.share_topic(who, node, source.clone());
        (node, source)
    });
    (node, [source].into())
}

impl Folds for Unwindowed {
    type Key<K: Row> = K;
    type Store<K: Row, VA: Row> = RowStoreRef<K, VA>;

    fn role(&self) -> Role {
        Role::Other
    }

    fn least_retention(&self) -> Duration {
        Duration::ZERO
    }

    fn inner_key<K: Row>(&self, key: &Slot<K>) -> Slot<K> {
        key.clone()
    }

    fn outer_key<K: Row>(&self, key: &Slot<K>) -> Slot<K> {
        key.clone()
    }

    fn rows<K: Row, VA: Row>(&self, store: &TableStore<K, VA>) -> Arc<dyn Rows<K, VA>> {
        store.rows()
    }

    fn add_store<K: Row, VA: Row>(
        &self,
        store: &TableStore<K, VA>,
        _retention: Duration,
        lowering: &mut Lowering<'_>,
        node: &str,
    ) -> RowStoreRef<K, VA> {
        RowStoreRef::add(store, lowering, node)
    }

    fn lower<K, KIn, V, V2, VA, A>(
        &self,
        lowering: &mut Lowering<'_>,
        (node, parents): (&Name, &[NodeRef<KIn, V>]),
        (_, store): (&Name, RowStoreRef<K, VA>),
        aggregation: Arc<A>,
    ) where
        K: Row,
        KIn: Nullable<K> + 'static,
        V: Nullable<V2> + 'static,
        V2: 'static,
        VA: Row,
        A: Aggregation<K, V2, VA>,
    {
        match store {
            RowStoreRef::Latest(store) => {
                lowering.table_of(
                    node,
                    parents,
                    Some(store),
                    folders::<_, K, V2, VA, A>(aggregation),
                );
            }
            RowStoreRef::Versions(store) => {
                lowering.table_of(
                    node,
                    parents,
                    Some(store),
                    folders::<_, K, V2, VA, A>(aggregation),
                );
            }
        }
    }
}

/// Makes the processors that fold into a store.
fn folders<S, K, V, VA, A>(
    aggregation: Arc<A>,
) -> impl Fn(Output<S>) -> Folder<S, K, V, VA, A> + Send + Sync
where
    A: Aggregation<K, V, VA>,
{
    move |output| Folder { output, aggregation: aggregation.clone(), types: PhantomData }
}

/// Folds the records of each key into its row, and forwards the change at the greater of
/// the record's and the row's timestamp. A record without a key or a value is dropped. An aggregate
/// that ends as `None` deletes the row.
///
/// If old values are sent and the store is not cached, the first change of a key has the
/// aggregation's initial value as the old one, where it has one: Java's quirk, on which results
/// below depend. A cached store gives no old value there.
///
/// In a store of versions a row whose key was deleted may be older than that: such a change is not
/// the latest, and a row that is older than the history is not kept, and not forwarded.
struct Folder<S, K, V, VA, A> {
    output: Output<S>,
    aggregation: Arc<A>,
    types: PhantomData<fn(K, V) -> VA>,
}

impl<S, KIn, VIn, K, V, VA, A> Processor<KIn, VIn, K, Change<VA>> for Folder<S, K, V, VA, A>
where
    S: RowStore<K, VA>,
    KIn: Nullable<K>,
    VIn: Nullable<V>,
    K: 'static,
    V: 'static,
    VA: Row,
    A: Aggregation<K, V, VA>,
{
    fn process(
        &mut self,
        record: Record<'_, KIn, VIn>,
        context: &mut Context<'_, K, Change<VA>>,
    ) -> Result<(), BoxError> {
        let (Some(key), Some(value)) = (record.key.as_value(), record.value.as_value()) else {
            context.drop_record("its key or value is null");
            return Ok(());
        };
        let Output { store: Some(store), send_old } = self.output else { return Ok(()) };
        let aggregation = &self.aggregation;
        let store = context.store(store)?;
        let forwards = !store.holds_back();
        let folded = store.fold(key, |stored| {
            let (aggregate, timestamp) = match stored {
                Some((value, timestamp)) => (Some(value.clone()), record.timestamp.max(timestamp)),
                None => (aggregation.initial()?, record.timestamp),
            };
            let old = if forwards && send_old { aggregate.clone() } else { None };
            let new = aggregation.add(key, value, aggregate)?;
            let change = forwards.then(|| (Change::new(new.clone(), old), timestamp));
            Ok((new, timestamp, change))
        })?;
        if let Some((Some((change, timestamp)), is_latest)) = folded {
            let change = change.latest(is_latest);
            context.forward(Record::new(key, &change, timestamp, record.headers))?;
        }
        Ok(())
    }

    fn flush(&mut self, context: &mut Context<'_, K, Change<VA>>) -> Result<(), BoxError> {
        S::forward_held_back(self.output, context)
    }
}
