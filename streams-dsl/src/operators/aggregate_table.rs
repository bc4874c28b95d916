//! Folds the rows of a grouped table into the rows of another one: Java's `KTableAggregate` and
//! `KTableReduce`.

use std::{marker::PhantomData, sync::Arc};

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use super::{
    aggregation::Reversible,
    row_store::{RowStore, RowStoreRef},
};
use crate::{
    KGroupedTable, KTable,
    change::{Change, changed},
    options::{Materialized, Named},
    plan::{
        Drawn, DrawnGroup, DrawnTable, GraphNodeId, Lowering, Name, Operator, Output, Repartition,
        RepartitionNames, Role, RowsOf, SharedTopic, Sketch, Slot, Step, TableStore, prefix,
    },
};

impl<K, V> KGroupedTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// The table that an aggregation gives. `values` makes the serde of the aggregates from that of
    /// the values, as far as it follows.
    #[track_caller]
    pub(super) fn fold<VA, A>(
        &self,
        prefix: &'static str,
        values: fn(&Slot<V>) -> Slot<VA>,
        aggregation: A,
    ) -> KTable<K, VA>
    where
        VA: Clone + Send + 'static,
        A: Reversible<K, V, VA>,
    {
        let (aggregation, key) = (Arc::new(aggregation), PhantomData::<fn(K)>);
        KTable::of(self.step().then(Fold { prefix, values, aggregation, key }))
    }
}

struct Fold<A, K, V, VA> {
    prefix: &'static str,
    values: fn(&Slot<V>) -> Slot<VA>,
    aggregation: Arc<A>,
    key: PhantomData<fn(K)>,
}

impl<A, K, V, VA> Operator for Fold<A, K, V, VA>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
    VA: Clone + Send + 'static,
    A: Reversible<K, V, VA>,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let group = sketch.output::<DrawnGroup<K, V>>(step.inputs.first())?;
        let materialized = step.options.stored::<Materialized<K, VA>>().unwrap_or_default();
        let key_serde = Slot::given(materialized.key_serde.clone())
            .or(&Slot::given(step.options.key_serde()))
            .or(&group.key_serde);
        let value_serde = Slot::given(materialized.value_serde.clone())
            .or(&Slot::given(step.options.value_serde()))
            .or(&(self.values)(&group.value_serde));
        sketch.check_name(step, materialized.name.as_ref());
        let store = sketch.names.store(materialized.name.as_ref(), prefix::TABLE_AGGREGATE);
        let given = step.options.name.as_ref();
        let sink = sketch.names.suffixed_or_new(given, "-sink", prefix::SINK);
        let source = sketch.names.suffixed_or_new(given, "-source", prefix::SOURCE);
        let name = sketch.name(step, self.prefix);
        let (parent, source) = gather(&group, &store, (sink, source), step, sketch);
        let store = TableStore::new(store, materialized, &key_serde, &value_serde);
        let rows = store.rows();
        let (aggregation, node_name) = (self.aggregation.clone(), name.clone());
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, Change<V>>();
            let (name, aggregation) = (&node_name, aggregation.clone());
            match RowStoreRef::add(&store, lowering, name) {
                RowStoreRef::Latest(store) => {
                    lowering.table_of(
                        name,
                        &parents,
                        Some(store),
                        folders::<_, K, VA, A>(aggregation),
                    );
                }
                RowStoreRef::Versions(store) => {
                    lowering.table_of(
                        name,
                        &parents,
                        Some(store),
                        folders::<_, K, VA, A>(aggregation),
                    );
                }
            }
        };
        let node = sketch.add(&name, Role::Other, &[parent], step.caller, part);
        sketch.rows(node, RowsOf::Store);
        let sources = [source].into();
        Some(DrawnTable { node, key_serde, value_serde, sources, rows }.of(step))
    }
}

/// Draws the repartition topic before an aggregation, which others share if the group has a name.
/// Its node and source.
fn gather<K, V>(
    group: &DrawnGroup<K, V>,
    store: &Name,
    (sink, source): (Name, Name),
    step: &Step,
    sketch: &mut Sketch<'_>,
) -> (GraphNodeId, Name)
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    let who = SharedTopic::OfGroup(group.step);
    if group.name.is_some()
        && let Some(shared) = sketch.shared_topic(who, Some(group.node))
    {
        return shared;
    }
    let base = group.name.as_ref().map_or(&**store, Named::as_str);
    let topic = format!("{base}-repartition").into();
    let names = RepartitionNames { topic, sink, source: source.clone() };
    let (keys, values) = (group.key_serde.clone(), group.value_serde.clone());
    let part = move |lowering: &mut Lowering<'_>| {
        let parents = lowering.parents::<K, Change<V>>();
        let split = lowering.settings().split_changes;
        let changes = values.map(move |values| changed(values, split));
        Repartition::new(names.clone(), keys.clone(), changes).lower_topic(lowering, &parents);
    };
    let node = sketch.add(&source, Role::Other, &[group.node], step.caller, part);
    sketch.share_topic(who, node, source.clone());
    (node, source)
}

/// Makes the processors that fold into a store.
fn folders<S, K, VA, A>(
    aggregation: Arc<A>,
) -> impl Fn(Output<S>) -> Folder<S, K, VA, A> + Send + Sync
where
    A: Send + Sync + 'static,
{
    move |output| Folder { output, aggregation: aggregation.clone(), types: PhantomData }
}

/// Takes the old value of each change out of the row of its group and puts the new one in, and
/// forwards the change of the group. Timestamps are the greater of the record's and the row's.
struct Folder<S, K, VA, A> {
    output: Output<S>,
    aggregation: Arc<A>,
    types: PhantomData<fn(K) -> VA>,
}

impl<S, K, VA, A> Folder<S, K, VA, A>
where
    VA: Clone,
{
    /// The aggregate and its timestamp after a change.
    fn apply<V>(
        &self,
        record: Record<'_, K, Change<V>>,
        stored: Option<(&VA, i64)>,
    ) -> Result<(Option<VA>, i64), BoxError>
    where
        A: Reversible<K, V, VA>,
    {
        let mut aggregate = stored.map(|(value, _)| value.clone());
        let mut timestamp = record.timestamp;
        let latest = stored.map_or(timestamp, |(_, stored)| timestamp.max(stored));
        if let Some(old) = &record.value.old
            && let Some(current) = aggregate.take()
        {
            aggregate = self.aggregation.subtract(record.key, old, current)?;
            timestamp = latest;
        }
        if let Some(new) = &record.value.new {
            aggregate = self.aggregation.add(record.key, new, aggregate)?;
            timestamp = latest;
        }
        Ok((aggregate, timestamp))
    }
}

impl<S, K, V, VA, A> Processor<K, Change<V>, K, Change<VA>> for Folder<S, K, VA, A>
where
    S: RowStore<K, VA>,
    K: 'static,
    VA: Clone + Send + 'static,
    A: Reversible<K, V, VA>,
{
    fn process(
        &mut self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K, Change<VA>>,
    ) -> Result<(), BoxError> {
        let Output { store: Some(store), send_old } = self.output else { return Ok(()) };
        let store = context.store(store)?;
        let forwards = !store.holds_back();
        let folded = store.fold(record.key, |stored| {
            let (new, timestamp) = self.apply(record, stored)?;
            let old = stored.filter(|_| forwards && send_old).map(|(value, _)| value.clone());
            let change = forwards.then(|| (Change::new(new.clone(), old), timestamp));
            Ok((new, timestamp, change))
        })?;
        if let Some((Some((change, timestamp)), is_latest)) = folded {
            let change = change.latest(is_latest);
            context.forward(record.with_value(&change).with_timestamp(timestamp))?;
        }
        Ok(())
    }

    fn flush(&mut self, context: &mut Context<'_, K, Change<VA>>) -> Result<(), BoxError> {
        S::forward_held_back(self.output, context)
    }
}
