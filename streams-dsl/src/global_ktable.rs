//! `GlobalKTable`: a table of which every instance has all rows.

use std::{fmt, marker::PhantomData, sync::Arc};

use streams_core::store::{GlobalStoreRef, TimestampedKeyValueStore};

use crate::{
    ConnectedStores,
    graph::{Lowering, Place, Role, SharedGraph, prefix},
    ktable::{RowTopic, TableStore},
    options::{Consumed, Materialized},
    processors,
    store_handle::FindStores,
};

/// The store behind a global table.
type Store<K, V> = TimestampedKeyValueStore<K, V>;

/// A table of which every instance has all rows, from all partitions of its topic. Java's `GlobalKTable`.
///
/// A stream looks rows up by any key that it can make of a record, with [`KStream::join_global`] and
/// [`KStream::left_join_global`]: neither side is repartitioned, and their topics need not have equal numbers of
/// partitions. In return each instance keeps the whole topic, which should be compacted, and so not too big.
///
/// The rows are read by a thread of their own: up to the end of the topic before the instance starts, and then as they
/// come. They are not synchronised with the streams by their timestamps, as those of a [`KTable`](crate::KTable) are:
/// a record sees the rows that its instance has read when it is processed. An update of the table by itself gives no
/// result.
///
/// A processor that was given `&table` by [`KStream::process_with`] reads the rows too.
///
/// ```
/// use streams_dsl::{prelude::*, store::{GlobalStoreRef, TimestampedKeyValueStore}};
///
/// /// Forwards whether there is a rate for a currency.
/// struct Known(GlobalStoreRef<TimestampedKeyValueStore<String, f64>>);
///
/// impl Processor<String, String, String, bool> for Known {
///     fn process(
///         &mut self,
///         record: Record<'_, String, String>,
///         context: &mut Context<'_, String, bool>,
///     ) -> Result<(), BoxError> {
///         let known = context.global_store(self.0)?.get(record.value)?.is_some();
///         Ok(context.forward(record.with_value(&known))?)
///     }
/// }
///
/// let builder = StreamsBuilder::new();
/// let rates = builder.global_table::<String, f64>("rates");
/// builder.stream::<String, String>("asked").process_with(&rates, Known).to("known");
/// assert!(builder.build()?.describe().contains("Sub-topology: 0 for global store"));
/// # Ok::<(), streams_dsl::Error>(())
/// ```
///
/// [`KStream::join_global`]: crate::KStream::join_global
/// [`KStream::left_join_global`]: crate::KStream::left_join_global
/// [`KStream::process_with`]: crate::KStream::process_with
pub struct GlobalKTable<K, V> {
    graph: SharedGraph,
    store: Arc<str>,
    is_named: bool,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> GlobalKTable<K, V> {
    /// The name of its store, if that is the user's: then it can be queried by this name.
    pub fn queryable_store_name(&self) -> Option<&str> {
        self.is_named.then_some(&self.store)
    }

    pub(crate) const fn graph(&self) -> &SharedGraph {
        &self.graph
    }
}

impl<K, V> GlobalKTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// A global table of a topic. Numbers are taken for the store, if it has no name, the source and the processor.
    pub(crate) fn source(
        graph: &SharedGraph,
        consumed: Consumed<K, V>,
        materialized: Materialized<K, V>,
        place: Place,
    ) -> Self {
        let topic = RowTopic::new(graph, consumed, &materialized, place);
        let mut locked = graph.lock();
        locked.check_name(place, materialized.name.as_ref());
        let store = match &materialized.name {
            Some(name) => name.shared(),
            None => locked.new_store_name(&topic.store_prefix()),
        };
        let source = locked.suffixed_or_new(topic.name.as_ref(), "-source", prefix::SOURCE);
        let name = locked.name_or_new(topic.name.as_ref(), prefix::TABLE_SOURCE);
        let is_named = materialized.name.is_some();
        let table =
            TableStore::new(store.clone(), materialized, &topic.key_serde, &topic.value_serde);
        let node_name = name.clone();
        locked.add(&name, Role::Other, &[], place, move |lowering| {
            let options = topic.options(lowering, &source);
            let store = table.key_value(lowering, &node_name);
            let supplier = processors::global_ktable_source;
            lowering.add_global_store(
                (&source, &node_name),
                &topic.topics,
                options,
                store,
                supplier,
            );
        });
        drop(locked);
        Self { graph: graph.clone(), store, is_named, types: PhantomData }
    }

    /// The store, once it has been added; notes a mistake if it has not.
    pub(crate) fn find(
        &self,
    ) -> impl Fn(&mut Lowering<'_>) -> Option<GlobalStoreRef<Store<K, V>>> + Send + Sync + use<K, V>
    {
        let store = self.store.clone();
        move |lowering| lowering.global_store(&store)
    }
}

impl<K, V> ConnectedStores for &GlobalKTable<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    type Refs = GlobalStoreRef<Store<K, V>>;

    fn finder(self) -> FindStores<Self::Refs> {
        FindStores::unconnected(self.find())
    }
}

impl<K, V> Clone for GlobalKTable<K, V> {
    fn clone(&self) -> Self {
        let (graph, store) = (self.graph.clone(), self.store.clone());
        Self { graph, store, is_named: self.is_named, types: PhantomData }
    }
}

impl<K, V> fmt::Debug for GlobalKTable<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GlobalKTable({})", self.store)
    }
}
