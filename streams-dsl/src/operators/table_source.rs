//! `table`: a topic's records as updates of rows. Java's `KTableSource`.

use streams_core::{
    BoxError, Error, Record,
    processor::{Context, Processor},
    store::{TimestampedKeyValueStore, VersionPut, VersionedKeyValueStore},
    topology::NodeRef,
};

use super::{
    Nullable,
    row_topic::RowTopic,
    table_rows::{RowOutput, forward_pending, row},
};
use crate::{
    change::Change,
    options::{Consumed, Materialized},
    plan::{
        Drawn, DrawnTable, GraphNodeId, Lowering, Name, Operator, Output, Role, RowsOf, Sketch,
        Slot, Sources, Step, TableStore, prefix,
    },
};

/// A topic that is read as a table.
pub(crate) struct TableTopic<K, V>(pub(crate) Consumed<K, V>);

impl<K, V> Operator for TableTopic<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let materialized = step.options.stored::<Materialized<K, V>>().unwrap_or_default();
        let topic = RowTopic::new(&self.0, &materialized, step, sketch);
        let (key_serde, value_serde) = (topic.key_serde.clone(), topic.value_serde.clone());
        let prefix = topic.store_prefix();
        let rows =
            UpdatedRows::new(sketch, step, materialized, &prefix, (&key_serde, &value_serde));
        let given = step.options.name.as_ref();
        let source = sketch.names.suffixed_or_new(given, "-source", prefix::SOURCE);
        let name = sketch.name(step, prefix::TABLE_SOURCE);
        let (source_name, node_name, part_rows) = (source.clone(), name.clone(), rows.clone());
        let part = move |lowering: &mut Lowering<'_>| {
            let options = topic.options(lowering, &source_name);
            if let Some(source) = lowering.source(&source_name, &topic.topics, options) {
                let topic = topic.topics.first().map(String::as_str);
                part_rows.lower(lowering, &node_name, &[source], topic);
            }
        };
        let node = sketch.add(&name, Role::Other, &[], step.caller, part);
        let table = rows.table(sketch, node, [source].into(), (key_serde, value_serde));
        Some(table.of(step))
    }
}

/// Rows that records update, in a store if something needs one or the program named one.
pub(super) struct UpdatedRows<K, V> {
    store: TableStore<K, V>,
    is_stored: bool,
}

impl<K, V> Clone for UpdatedRows<K, V> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), is_stored: self.is_stored }
    }
}

impl<K, V> UpdatedRows<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// Takes the name of the store: that of `materialized`, else a generated one.
    pub(super) fn new(
        sketch: &mut Sketch<'_>,
        step: &Step,
        materialized: Materialized<K, V>,
        prefix: &str,
        (key_serde, value_serde): (&Slot<K>, &Slot<V>),
    ) -> Self {
        sketch.check_name(step, materialized.name.as_ref());
        let name = sketch.names.store(materialized.name.as_ref(), prefix);
        let is_stored = materialized.name.is_some();
        Self { store: TableStore::new(name, materialized, key_serde, value_serde), is_stored }
    }

    /// The table as the steps below see it.
    pub(super) fn table(
        &self,
        sketch: &mut Sketch<'_>,
        node: GraphNodeId,
        sources: Sources,
        (key_serde, value_serde): (Slot<K>, Slot<V>),
    ) -> DrawnTable<K, V> {
        sketch.rows(node, if self.is_stored { RowsOf::Store } else { RowsOf::StoreIfNeeded });
        let rows = self.store.rows();
        DrawnTable { node, key_serde, value_serde, sources, rows }
    }

    /// Adds the node and, if anything needs it, the store; `topic` is what the rows can be restored
    /// from, if all that is read from it is a row.
    pub(super) fn lower<KIn, VIn>(
        &self,
        lowering: &mut Lowering<'_>,
        name: &Name,
        parents: &[NodeRef<KIn, VIn>],
        topic: Option<&str>,
    ) where
        KIn: Nullable<K> + 'static,
        VIn: Nullable<V> + 'static,
    {
        // Its changelog keeps what a topic that is compacted does not: it is never restored from
        // its source.
        if let Some(store) = self.store.versioned(lowering, name) {
            lowering.table(name, parents, Some(store), |output| VersionedSource { output });
            return;
        }
        let is_stored = self.is_stored || lowering.needs_store();
        let store = is_stored.then(|| self.store.key_value(lowering, name));
        let store = lowering.table(name, parents, store, |output| KTableSource::<K, V> { output });
        if let Some(store) = store
            && let Some(topic) = topic.filter(|_| lowering.settings().reuse_source_topics)
        {
            lowering.topology().use_source_as_changelog(store, topic);
        }
    }
}

/// Takes each record as a new value of its key's row, or as its deletion. A record without a key is
/// dropped.
struct KTableSource<K, V> {
    output: RowOutput<K, V>,
}

impl<K: 'static, V: Clone + Send + 'static> KTableSource<K, V> {
    /// Writes the row. The change that must be forwarded now, if any.
    fn put(
        &self,
        store: &mut TimestampedKeyValueStore<K, V>,
        key: &K,
        new: Option<V>,
        timestamp: i64,
    ) -> Result<Option<Change<V>>, BoxError> {
        if store.caching() {
            store.put(key, row(new, timestamp))?;
            return Ok(None);
        }
        let old = if self.output.send_old {
            store.update(key, |old| {
                let old = old.map(|old| old.value.clone());
                Ok::<_, Error>((row(new.clone(), timestamp), old))
            })?
        } else {
            store.put(key, row(new.clone(), timestamp))?;
            None
        };
        Ok(Some(Change::new(new, old)))
    }
}

impl<KIn, VIn, K, V> Processor<KIn, VIn, K, Change<V>> for KTableSource<K, V>
where
    KIn: Nullable<K>,
    VIn: Nullable<V>,
    K: 'static,
    V: Clone + Send + 'static,
{
    fn process(
        &mut self,
        record: Record<'_, KIn, VIn>,
        context: &mut Context<'_, K, Change<V>>,
    ) -> Result<(), BoxError> {
        let Some(key) = record.key.as_value() else {
            context.drop_record("its key is null");
            return Ok(());
        };
        let new = record.value.as_value().cloned();
        let change = match self.output.store {
            Some(store) => self.put(context.store(store)?, key, new, record.timestamp)?,
            None => Some(Change::new(new, None)),
        };
        if let Some(change) = change {
            context.forward(Record::new(key, &change, record.timestamp, record.headers))?;
        }
        Ok(())
    }

    fn flush(&mut self, context: &mut Context<'_, K, Change<V>>) -> Result<(), BoxError> {
        forward_pending(self.output, context)
    }
}

/// Puts each record as the version of its key's row from its timestamp on. A record without a key,
/// or one that is older than the history, is dropped.
struct VersionedSource<K, V> {
    output: Output<VersionedKeyValueStore<K, V>>,
}

impl<KIn, VIn, K, V> Processor<KIn, VIn, K, Change<V>> for VersionedSource<K, V>
where
    KIn: Nullable<K>,
    VIn: Nullable<V>,
    K: 'static,
    V: Clone + Send + 'static,
{
    fn process(
        &mut self,
        record: Record<'_, KIn, VIn>,
        context: &mut Context<'_, K, Change<V>>,
    ) -> Result<(), BoxError> {
        let Some(key) = record.key.as_value() else {
            context.drop_record("its key is null");
            return Ok(());
        };
        let Output { store: Some(store), send_old } = self.output else { return Ok(()) };
        let store = context.store(store)?;
        let old = if send_old { store.get(key)?.map(|version| version.value) } else { None };
        let new = record.value.as_value().cloned();
        let put = store.put(key, new.clone(), record.timestamp)?;
        if put != VersionPut::TooOld {
            let change = Change::new(new, old).latest(put == VersionPut::Latest);
            context.forward(Record::new(key, &change, record.timestamp, record.headers))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn a_record_without_a_value_deletes_the_row() {
        let out = effect(
            |b| {
                b.table::<String, String>("in").stored("rows").to_stream().to("out");
            },
            &[("in", "a", "x", 1), ("in", "-", "x", 2), ("in", "a", "-", 3)],
        );
        assert_eq!(out, ["a=x@1", "a=-@3"]);
    }
}
