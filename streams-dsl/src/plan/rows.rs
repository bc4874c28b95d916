//! How the rows of a table are looked up: Java's `KTableValueGetter`.

use std::sync::Arc;

use streams_core::{
    BoxError,
    processor::StoreAccess,
    store::{StoreRef, TimestampedKeyValueStore},
    topology::{NodeId, TopologyBuilder},
};

use super::{Lowering, Name};

/// Connects a node to the stores that a getter reads.
pub(crate) type Connect = Box<dyn FnOnce(&mut TopologyBuilder, NodeId)>;

/// A getter, and what connects the node that uses it.
pub(crate) type Lookup<K, V> = (TableGetter<K, V>, Connect);

/// The rows of a table, for those that look them up.
pub(crate) trait Rows<K, V>: Send + Sync {
    /// The lookup, once the store has been added; notes a mistake if it has not.
    fn getter(&self, lowering: &mut Lowering<'_>) -> Option<Lookup<K, V>>;
}

/// Rows in a key-value store of the table's own.
pub(crate) struct StoredRows(pub(crate) Name);

impl<K: 'static, V: Clone + Send + 'static> Rows<K, V> for StoredRows {
    fn getter(&self, lowering: &mut Lowering<'_>) -> Option<Lookup<K, V>> {
        let store = lowering.store::<TimestampedKeyValueStore<K, V>>(&self.0)?;
        let connect: Connect = Box::new(move |topology, node| topology.connect(node, store));
        Some((TableGetter::store(store), connect))
    }
}

/// What is shown a row: its value and timestamp, if it is there.
pub(crate) type Visit<'a, V> = dyn FnMut(Option<(&V, i64)>) -> Result<(), BoxError> + 'a;

type Get<K, V> =
    dyn Fn(&mut StoreAccess<'_>, &K, &mut Visit<'_, V>) -> Result<(), BoxError> + Send + Sync;

/// Looks a row up and shows it.
pub(crate) struct TableGetter<K, V>(Arc<Get<K, V>>);

impl<K: 'static, V: 'static> TableGetter<K, V> {
    /// A lookup of one's own.
    pub(crate) fn new(
        get: impl Fn(&mut StoreAccess<'_>, &K, &mut Visit<'_, V>) -> Result<(), BoxError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self(Arc::new(get))
    }

    /// Rows of a key-value store.
    pub(crate) fn store(store: StoreRef<TimestampedKeyValueStore<K, V>>) -> Self
    where
        V: Clone + Send,
    {
        Self::new(move |stores, key, visit| {
            let row = stores.store(store)?.get(key)?;
            visit(row.map(|row| (&row.value, row.timestamp)))
        })
    }

    /// Shows the row of `key` to `visit`.
    pub(crate) fn get(
        &self,
        stores: &mut StoreAccess<'_>,
        key: &K,
        visit: &mut Visit<'_, V>,
    ) -> Result<(), BoxError> {
        (self.0)(stores, key, visit)
    }

    /// What `read` makes of the row.
    pub(crate) fn with<R>(
        &self,
        stores: &mut StoreAccess<'_>,
        key: &K,
        read: impl FnOnce(Option<(&V, i64)>) -> Result<R, BoxError>,
    ) -> Result<R, BoxError> {
        let mut read = Some(read);
        let mut result = None;
        self.get(stores, key, &mut |row| {
            if let Some(read) = read.take() {
                result = Some(read(row)?);
            }
            Ok(())
        })?;
        result.ok_or_else(|| "the row of a table was not looked up".into())
    }
}

impl<K, V> Clone for TableGetter<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
