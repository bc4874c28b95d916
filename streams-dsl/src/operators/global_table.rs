//! `global_table`: a topic's records as the rows of a global store. Java's `KTableSource`, as a
//! global table has it.

use std::convert::Infallible;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
    store::{StoreRef, TimestampedKeyValueStore},
};

use super::{row_topic::RowTopic, table_rows::row};
use crate::{
    options::{Consumed, Materialized},
    plan::{Drawn, DrawnGlobal, Lowering, Operator, Role, Sketch, Step, TableStore, prefix},
};

/// A topic that is read as a global table.
pub(crate) struct GlobalTopic<K, V>(pub(crate) Consumed<K, V>);

impl<K, V> Operator for GlobalTopic<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let materialized = step.options.stored::<Materialized<K, V>>().unwrap_or_default();
        let topic = RowTopic::new(&self.0, &materialized, step, sketch);
        sketch.check_name(step, materialized.name.as_ref());
        let store = sketch.names.store(materialized.name.as_ref(), &topic.store_prefix());
        let given = step.options.name.as_ref();
        let source = sketch.names.suffixed_or_new(given, "-source", prefix::SOURCE);
        let name = sketch.name(step, prefix::TABLE_SOURCE);
        let table =
            TableStore::new(store.clone(), materialized, &topic.key_serde, &topic.value_serde);
        let node_name = name.clone();
        let part = move |lowering: &mut Lowering<'_>| {
            let options = topic.options(lowering, &source);
            let store = table.key_value(lowering, &node_name);
            let (names, supplier) = ((&source, &node_name), |store| GlobalTable { store });
            lowering.add_global_store(names, &topic.topics, options, store, supplier);
        };
        sketch.add(&name, Role::Other, &[], step.caller, part);
        sketch.name_store(step, store.clone());
        Some(Box::new(DrawnGlobal { store }))
    }
}

/// Takes each record as a new value of its key's row, or as its deletion. A record without a key is
/// dropped.
struct GlobalTable<K, V> {
    store: StoreRef<TimestampedKeyValueStore<K, V>>,
}

impl<K, V> Processor<Option<K>, Option<V>, Infallible, Infallible> for GlobalTable<K, V>
where
    K: 'static,
    V: Clone + Send + 'static,
{
    fn process(
        &mut self,
        record: Record<'_, Option<K>, Option<V>>,
        context: &mut Context<'_, Infallible, Infallible>,
    ) -> Result<(), BoxError> {
        let Some(key) = record.key else {
            context.drop_record("its key is null");
            return Ok(());
        };
        context.store(self.store)?.put(key, row(record.value.clone(), record.timestamp))?;
        Ok(())
    }
}
