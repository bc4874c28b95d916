//! The operators that make a table of another one row by row.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use super::table_rows::{RowOutput, forward_pending, put_and_forward};
use crate::{
    KTable,
    change::Change,
    options::{Materialized, Named},
    plan::{
        Drawn, DrawnTable, Lookup, Lowering, Name, Need, Operator, Role, Rows, RowsOf, Sketch,
        Slot, Step, StoredRows, TableGetter, TableStore,
    },
};

/// An operator that makes one row of another: said once, for changes as they come and for rows that
/// are looked up.
pub(super) trait RowByRow<K, V>: Send + Sync + 'static {
    /// The values of the table that it makes.
    type Value: Clone + Send + 'static;

    /// Prefix of the generated name of its node.
    const PREFIX: &'static str;

    /// True if the operator may leave rows out. Then it takes old values if they cost nothing: rows
    /// that were never there need no tombstones.
    const LEAVES_OUT: bool;

    /// The row that it makes of another, if it makes one.
    fn row(&self, key: &K, value: &V) -> Result<Option<Self::Value>, BoxError>;
}

impl<K, V> KTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// The table that an operator makes, row by row.
    #[track_caller]
    pub(super) fn apply<O: RowByRow<K, V>>(&self, operator: O) -> KTable<K, O::Value> {
        let operator = Arc::new(operator);
        KTable::of(self.step().then(Applied { operator, types: PhantomData }))
    }
}

struct Applied<O, K, V> {
    operator: Arc<O>,
    types: PhantomData<fn(K, V)>,
}

impl<O, K, V> Operator for Applied<O, K, V>
where
    O: RowByRow<K, V>,
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let above = sketch.table::<K, V>(step)?;
        let materialized = step.options.stored::<Materialized<K, O::Value>>();
        let store_name = own_store_name(sketch, step, materialized.as_ref(), O::PREFIX);
        let name = sketch.name(step, O::PREFIX);
        let materialized = materialized.unwrap_or_default();
        let key_serde = Slot::given(materialized.key_serde.clone())
            .or(&Slot::given(step.options.key_serde()))
            .or(&above.key_serde);
        let value_serde = Slot::given(materialized.value_serde.clone())
            .or(&Slot::given(step.options.value_serde()));
        let value_serde =
            if O::LEAVES_OUT { value_serde.or(&above.value_serde.convert()) } else { value_serde };
        let is_versioned = above.rows.are_versioned();
        let rows: Arc<dyn Rows<K, O::Value>> = match &store_name {
            Some(store) => Arc::new(StoredRows(store.clone())),
            None => Arc::new(DerivedRows { operator: self.operator.clone(), above: above.rows }),
        };
        let store =
            store_name.map(|store| TableStore::new(store, materialized, &key_serde, &value_serde));
        let rows_of = if store.is_some() { RowsOf::Store } else { RowsOf::Parent(above.node) };
        let (node_name, operator) = (name.clone(), self.operator.clone());
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, Change<V>>();
            let store = store.as_ref().map(|store| store.key_value(lowering, &node_name));
            let operator = operator.clone();
            lowering.table(&node_name, &parents, store, move |output| RowProcessor {
                operator: operator.clone(),
                output,
                is_versioned,
                above: PhantomData::<fn(V)>,
            });
        };
        let node = sketch.add(&name, Role::Other, &[above.node], step.caller, part);
        sketch.rows(node, rows_of);
        if O::LEAVES_OUT {
            sketch.need(Need::OldValuesIfAny { of: above.node, by: node });
        }
        let sources = above.sources;
        Some(DrawnTable { node, key_serde, value_serde, sources, rows }.of(step))
    }
}

/// The name of the store that was asked for. Without one there is no store, and yet it takes a
/// number, as in Java.
pub(super) fn own_store_name<K: 'static, V: 'static>(
    sketch: &mut Sketch<'_>,
    step: &Step,
    materialized: Option<&Materialized<K, V>>,
    prefix: &str,
) -> Option<Name> {
    let materialized = materialized?;
    sketch.check_name(step, materialized.name.as_ref());
    if materialized.name.is_none() {
        sketch.names.new_store_name(prefix);
    }
    materialized.name.as_ref().map(Named::shared)
}

/// Rows that are made of another table's when they are looked up.
struct DerivedRows<O, K, V> {
    operator: Arc<O>,
    above: Arc<dyn Rows<K, V>>,
}

impl<O, K, V> Rows<K, O::Value> for DerivedRows<O, K, V>
where
    O: RowByRow<K, V>,
    K: 'static,
    V: 'static,
{
    fn getter(&self, lowering: &mut Lowering<'_>) -> Option<Lookup<K, O::Value>> {
        let (above, connect) = self.above.getter(lowering)?;
        let operator = self.operator.clone();
        let getter = TableGetter::asking(move |stores, key, asked, visit| {
            above.get(stores, key, asked, &mut |row| {
                let Some((value, timestamp)) = row else { return visit(None) };
                let row = operator.row(key, value)?;
                visit(row.as_ref().map(|value| (value, timestamp)))
            })
        });
        Some((getter, connect))
    }

    fn history(&self) -> Option<Duration> {
        self.above.history()
    }
}

/// Makes a change of each change. Java's `KTableFilter` and `KTableMapValues`.
struct RowProcessor<O, K, V, V2> {
    operator: Arc<O>,
    output: RowOutput<K, V2>,
    /// True if the table above is versioned: then its old value is not what was there before, if
    /// the new one is late.
    is_versioned: bool,
    above: PhantomData<fn(V)>,
}

impl<O, K, V> RowProcessor<O, K, V, O::Value>
where
    O: RowByRow<K, V>,
    K: 'static,
{
    fn row(&self, key: &K, value: Option<&V>) -> Result<Option<O::Value>, BoxError> {
        value.map_or(Ok(None), |value| self.operator.row(key, value))
    }

    /// The row before this change, if old values are sent.
    fn old(
        &self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K, Change<O::Value>>,
    ) -> Result<Option<O::Value>, BoxError> {
        if !self.output.send_old {
            return Ok(None);
        }
        let Some(store) = self.output.store else {
            return self.row(record.key, record.value.old.as_ref());
        };
        let store = context.store(store)?;
        // A cached store finds the old values itself when it is flushed.
        if store.caching() && !O::LEAVES_OUT {
            return Ok(None);
        }
        Ok(store.get(record.key)?.map(|row| row.value.clone()))
    }
}

impl<O, K, V> Processor<K, Change<V>, K, Change<O::Value>> for RowProcessor<O, K, V, O::Value>
where
    O: RowByRow<K, V>,
    K: 'static,
    V: 'static,
{
    fn process(
        &mut self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K, Change<O::Value>>,
    ) -> Result<(), BoxError> {
        let new = self.row(record.key, record.value.new.as_ref())?;
        let change = Change::new(new, self.old(record, context)?);
        let was_never_there = O::LEAVES_OUT && self.output.send_old && !self.is_versioned;
        if was_never_there && change.new.is_none() && change.old.is_none() {
            return Ok(());
        }
        if let Some(store) = self.output.store {
            let place = (record.key, record.timestamp, record.headers);
            return put_and_forward(store, place, change, context);
        }
        let change = change.latest(record.value.is_latest);
        Ok(context.forward(record.with_value(&change))?)
    }

    fn flush(&mut self, context: &mut Context<'_, K, Change<O::Value>>) -> Result<(), BoxError> {
        forward_pending(self.output, context)
    }
}
