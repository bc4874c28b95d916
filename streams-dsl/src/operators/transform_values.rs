//! `transform_values` of a table: Java's `KTableTransformValues`.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor, StoreAccess},
};

use super::{
    Nullable,
    row_by_row::own_store_name,
    table_rows::{RowOutput, forward_pending, put_and_forward},
};
use crate::{
    ConnectedStores, KTable,
    change::Change,
    options::Materialized,
    plan::{
        Connect, Drawn, DrawnTable, Lookup, Lowering, Operator, Role, Rows, RowsOf, Sketch, Slot,
        Step, StoredRows, TableGetter, TableStore, prefix,
    },
    store_handle::FindStores,
};

impl<K, V> KTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// A table whose values are made of those of this one, and of what is in stores. Java's
    /// `transformValues`.
    ///
    /// Unlike [`map_values`](Self::map_values), the transformer also sees deleted rows, as `None`,
    /// and says what becomes of them; where it returns an `Option`, `None` is no row, and the types
    /// must be named, as `transform_values::<String, _>`. It is given each change, and is asked
    /// again for the value before where something below needs that and for each row that is looked
    /// up, unless the table has a store: it must not depend on how often it is called.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let prices = builder.table::<String, i64>("prices");
    /// let labels = prices.transform_values(|item, price: Option<&i64>| match price {
    ///     Some(price) => format!("{item}: {price}"),
    ///     None => format!("{item}: not for sale"),
    /// });
    /// labels.to_stream().to("labels");
    /// assert!(builder.build()?.describe().contains("Processor: KTABLE-TRANSFORMVALUES-0000000003"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn transform_values<V2, R>(
        &self,
        transformer: impl Fn(&K, Option<&V>) -> R + Send + Sync + 'static,
    ) -> KTable<K, V2>
    where
        V2: Clone + Send + 'static,
        R: Nullable<V2>,
    {
        self.try_transform_values(move |key, value| Ok::<_, BoxError>(transformer(key, value)))
    }

    /// Like [`transform_values`](Self::transform_values), with a closure that can fail: its errors
    /// go to the processing exception handler.
    #[track_caller]
    pub fn try_transform_values<V2, R, Failure>(
        &self,
        transformer: impl Fn(&K, Option<&V>) -> Result<R, Failure> + Send + Sync + 'static,
    ) -> KTable<K, V2>
    where
        V2: Clone + Send + 'static,
        R: Nullable<V2>,
        Failure: Into<BoxError>,
    {
        self.transform_values_with((), move |(), key, value, _| {
            transformer(key, value).map_err(Into::into)
        })
    }

    /// Like [`transform_values`](Self::transform_values), with stores: the transformer gets a
    /// reference to each, and what opens them. Java's `transformValues` with a
    /// `ValueTransformerWithKey`, whose state is in these stores.
    ///
    /// ```
    /// use streams_dsl::{prelude::*, processor::StoreAccess, store::{KeyValueStore, StoreRef}};
    ///
    /// type Seen = StoreRef<KeyValueStore<String, i64>>;
    ///
    /// let builder = StreamsBuilder::new();
    /// let seen = builder.add_state_store(Stores::key_value("seen", string(), long()));
    /// let prices = builder.table::<String, i64>("prices");
    /// let highest = |seen: Seen, item: &String, price: Option<&i64>, stores: &mut StoreAccess<'_>| {
    ///     let seen = stores.store(seen)?;
    ///     let highest = seen.get(item)?.copied().max(price.copied());
    ///     seen.put(item, highest)?;
    ///     Ok(highest)
    /// };
    /// prices.transform_values_with::<i64, _, _>(&seen, highest).to_stream().to("highest");
    /// assert!(builder.build()?.describe().contains("KTABLE-TRANSFORMVALUES-0000000003 (stores: [seen])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn transform_values_with<V2, R, S: ConnectedStores>(
        &self,
        stores: S,
        transformer: impl Fn(S::Refs, &K, Option<&V>, &mut StoreAccess<'_>) -> Result<R, BoxError>
        + Send
        + Sync
        + 'static,
    ) -> KTable<K, V2>
    where
        V2: Clone + Send + 'static,
        R: Nullable<V2>,
    {
        let transformer = move |refs, key: &K, value: Option<&V>, stores: &mut StoreAccess<'_>| {
            transformer(refs, key, value, stores).map(Nullable::into_value)
        };
        let transform = Transform {
            stores: Arc::new(stores.finder()),
            transformer: Arc::new(transformer),
            types: PhantomData::<fn(K, V) -> V2>,
        };
        KTable::of(self.step().then(transform))
    }
}

struct Transform<R, F, K, V, V2> {
    stores: Arc<FindStores<R>>,
    transformer: Arc<F>,
    types: PhantomData<fn(K, V) -> V2>,
}

impl<R, F, K, V, V2> Operator for Transform<R, F, K, V, V2>
where
    R: Copy + Send + Sync + 'static,
    F: Fn(R, &K, Option<&V>, &mut StoreAccess<'_>) -> Result<Option<V2>, BoxError>
        + Send
        + Sync
        + 'static,
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
    V2: Clone + Send + 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let above = sketch.table::<K, V>(step)?;
        let materialized = step.options.stored::<Materialized<K, V2>>();
        let prefix = prefix::TABLE_TRANSFORM_VALUES;
        let store_name = own_store_name(sketch, step, materialized.as_ref(), prefix);
        let name = sketch.name(step, prefix);
        let materialized = materialized.unwrap_or_default();
        let key_serde = Slot::given(materialized.key_serde.clone())
            .or(&Slot::given(step.options.key_serde()))
            .or(&above.key_serde);
        let value_serde = Slot::given(materialized.value_serde.clone())
            .or(&Slot::given(step.options.value_serde()));
        let rows: Arc<dyn Rows<K, V2>> = match &store_name {
            Some(store) => Arc::new(StoredRows(store.clone())),
            None => Arc::new(TransformedRows {
                above: above.rows,
                stores: self.stores.clone(),
                transformer: self.transformer.clone(),
            }),
        };
        let store =
            store_name.map(|store| TableStore::new(store, materialized, &key_serde, &value_serde));
        let rows_of = if store.is_some() { RowsOf::Store } else { RowsOf::Parent(above.node) };
        let (node_name, finder) = (name.clone(), self.stores.clone());
        let transformer = self.transformer.clone();
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, Change<V>>();
            let Some(refs) = finder.find(lowering) else { return };
            let store = store.as_ref().map(|store| store.key_value(lowering, &node_name));
            let transformer = transformer.clone();
            let make = move |output| Transformer { output, refs, transform: transformer.clone() };
            lowering.table(&node_name, &parents, store, make);
            if let Some(node) = lowering.node_named(&node_name) {
                finder.connect(lowering.topology(), node, refs);
            }
        };
        let node = sketch.add(&name, Role::Other, &[above.node], step.caller, part);
        sketch.rows(node, rows_of);
        let sources = above.sources;
        Some(DrawnTable { node, key_serde, value_serde, sources, rows }.of(step))
    }
}

/// Rows that are transformed when they are looked up.
struct TransformedRows<R, F, K, V> {
    above: Arc<dyn Rows<K, V>>,
    stores: Arc<FindStores<R>>,
    transformer: Arc<F>,
}

impl<R, F, K, V, V2> Rows<K, V2> for TransformedRows<R, F, K, V>
where
    R: Copy + Send + Sync + 'static,
    F: Fn(R, &K, Option<&V>, &mut StoreAccess<'_>) -> Result<Option<V2>, BoxError>
        + Send
        + Sync
        + 'static,
    K: 'static,
    V: Clone + 'static,
    V2: 'static,
{
    fn getter(&self, lowering: &mut Lowering<'_>) -> Option<Lookup<K, V2>> {
        let (above, connect_above) = self.above.getter(lowering)?;
        let refs = self.stores.find(lowering)?;
        let (finder, transformer) = (self.stores.clone(), self.transformer.clone());
        let getter = TableGetter::asking(move |stores, key, asked, visit| {
            // The transformer may open a store, so that none can lend it the row.
            let own = |row: Option<(&V, i64)>| Ok(row.map(|(row, at)| (row.clone(), at)));
            let row = above.with(stores, key, asked, own)?;
            let value = transformer(refs, key, row.as_ref().map(|row| &row.0), stores)?;
            // A row that is made of nothing has no time, as in Java.
            let timestamp = row.map_or(NO_TIMESTAMP, |row| row.1);
            visit(value.as_ref().map(|value| (value, timestamp)))
        });
        let connect: Connect = Box::new(move |topology, node| {
            connect_above(topology, node);
            finder.connect(topology, node, refs);
        });
        Some((getter, connect))
    }

    fn history(&self) -> Option<Duration> {
        self.above.history()
    }
}

/// Java's `ConsumerRecord.NO_TIMESTAMP`.
const NO_TIMESTAMP: i64 = -1;

/// Makes a change of each change.
struct Transformer<R, F, K, V2> {
    output: RowOutput<K, V2>,
    refs: R,
    transform: Arc<F>,
}

impl<R, F, K, V, V2> Processor<K, Change<V>, K, Change<V2>> for Transformer<R, F, K, V2>
where
    R: Copy + Send + Sync,
    F: Fn(R, &K, Option<&V>, &mut StoreAccess<'_>) -> Result<Option<V2>, BoxError> + Send + Sync,
    K: 'static,
    V2: Clone + Send + 'static,
{
    fn process(
        &mut self,
        record: Record<'_, K, Change<V>>,
        context: &mut Context<'_, K, Change<V2>>,
    ) -> Result<(), BoxError> {
        let transform = |value: Option<&V>, context: &mut Context<'_, K, Change<V2>>| {
            (self.transform)(self.refs, record.key, value, &mut context.stores())
        };
        let new = transform(record.value.new.as_ref(), context)?;
        let send_old = self.output.send_old;
        let Some(store) = self.output.store else {
            let old = if send_old { transform(record.value.old.as_ref(), context)? } else { None };
            let change = Change::new(new, old).latest(record.value.is_latest);
            return Ok(context.forward(record.with_value(&change))?);
        };
        let rows = context.store(store)?;
        let old = if send_old && !rows.caching() { rows.get(record.key)? } else { None };
        let change = Change::new(new, old.map(|row| row.value.clone()));
        let place = (record.key, record.timestamp, record.headers);
        put_and_forward(store, place, change, context)
    }

    fn flush(&mut self, context: &mut Context<'_, K, Change<V2>>) -> Result<(), BoxError> {
        forward_pending(self.output, context)
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    /// A transformed table without a store is transformed again for a join that looks a row up.
    #[test]
    fn a_transformed_row_that_has_no_store_is_looked_up_by_a_join() {
        let builder = StreamsBuilder::new();
        let items = builder.table::<String, String>("items");
        let items = items.stored(Materialized::named("items").in_memory());
        let labels = items.transform_values(|item, value| {
            format!("{item}-{}", value.map_or("none", String::as_str))
        });
        let orders = builder.stream::<String, String>("orders");
        orders.join(&labels, |order, label| format!("{order} {label}")).to("out");
        let topology = builder.build().unwrap();
        let driver =
            TopologyTestDriver::new(&topology, StreamsConfig::new("app", "localhost:9092"))
                .unwrap();
        let mut items = driver.input_topic("items", string(), string());
        let mut orders = driver.input_topic("orders", string(), string());
        let out = driver.output_topic("out", string(), string());
        orders.pipe_input("a".into(), "1".into(), 0).unwrap();
        items.pipe_input("a".into(), "x".into(), 1).unwrap();
        orders.pipe_input("a".into(), "2".into(), 2).unwrap();
        let joined: Vec<_> =
            out.read_key_values_to_list().unwrap().into_iter().map(|row| row.1).collect();
        assert_eq!(joined, ["1 a-none", "2 a-x"]);
    }
}
