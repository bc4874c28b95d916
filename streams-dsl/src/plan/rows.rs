//! Access to the rows of a table: Java's `KTableValueGetter`.

use std::{sync::Arc, time::Duration};

use streams_core::{
    BoxError,
    processor::StoreAccess,
    store::{StoreRef, TimestampedKeyValueStore, VersionedKeyValueStore},
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

    /// For how long rows can be looked up as they were at a time, if they are versioned.
    fn history(&self) -> Option<Duration> {
        None
    }

    /// Whether rows can be looked up as they were at a time.
    fn are_versioned(&self) -> bool {
        self.history().is_some()
    }
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

/// Rows in a store of versions.
pub(crate) struct VersionedRows(pub(crate) Name, pub(crate) Duration);

impl<K: 'static, V: Clone + Send + 'static> Rows<K, V> for VersionedRows {
    fn getter(&self, lowering: &mut Lowering<'_>) -> Option<Lookup<K, V>> {
        let store = lowering.store::<VersionedKeyValueStore<K, V>>(&self.0)?;
        let connect: Connect = Box::new(move |topology, node| topology.connect(node, store));
        let getter = TableGetter::asking(move |stores, key, asked, visit| {
            let store = stores.store(store)?;
            let version = match asked {
                Asked::AsOf(time) => store.get_as_of(key, time)?,
                Asked::Latest | Asked::Followed => store.get(key)?,
            };
            visit(version.as_ref().map(|version| (&version.value, version.timestamp)))
        });
        Some((getter, connect))
    }

    fn history(&self) -> Option<Duration> {
        Some(self.1)
    }
}

/// Callback that sees a row: its value and timestamp, if there is one.
pub(crate) type Visit<'a, V> = dyn FnMut(Option<(&V, i64)>) -> Result<(), BoxError> + 'a;

/// The row of a key that is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    /// The row now.
    Latest,
    /// The row that there was at a time, in milliseconds, if rows are versioned; else the row now.
    AsOf(i64),
    /// The row now, of which a row of another table is made, which is to follow each change: a
    /// cache that holds the row back is to forward its deletion, too.
    Followed,
}

type Get<K, V> = dyn Fn(&mut StoreAccess<'_>, &K, Asked, &mut Visit<'_, V>) -> Result<(), BoxError>
    + Send
    + Sync;

/// Looks a row up and shows it.
pub(crate) struct TableGetter<K, V>(Arc<Get<K, V>>);

impl<K: 'static, V: 'static> TableGetter<K, V> {
    /// A lookup of one's own, which is told which row is wanted.
    pub(crate) fn asking(
        get: impl Fn(&mut StoreAccess<'_>, &K, Asked, &mut Visit<'_, V>) -> Result<(), BoxError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self(Arc::new(get))
    }

    /// A lookup of one's own, of latest rows.
    pub(crate) fn new(
        get: impl Fn(&mut StoreAccess<'_>, &K, &mut Visit<'_, V>) -> Result<(), BoxError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self::asking(move |stores, key, _, visit| get(stores, key, visit))
    }

    /// Rows of a key-value store.
    pub(crate) fn store(store: StoreRef<TimestampedKeyValueStore<K, V>>) -> Self
    where
        V: Clone + Send,
    {
        Self::asking(move |stores, key, asked, visit| {
            let store = stores.store(store)?;
            let row = match asked {
                Asked::Followed => store.get_followed(key)?,
                Asked::Latest | Asked::AsOf(_) => store.get(key)?,
            };
            visit(row.map(|row| (&row.value, row.timestamp)))
        })
    }

    /// Shows a row of `key` to `visit`.
    pub(crate) fn get(
        &self,
        stores: &mut StoreAccess<'_>,
        key: &K,
        asked: Asked,
        visit: &mut Visit<'_, V>,
    ) -> Result<(), BoxError> {
        (self.0)(stores, key, asked, visit)
    }

    /// Returns the result of `read` for a row of `key`.
    pub(crate) fn with<R>(
        &self,
        stores: &mut StoreAccess<'_>,
        key: &K,
        asked: Asked,
        read: impl FnOnce(Option<(&V, i64)>) -> Result<R, BoxError>,
    ) -> Result<R, BoxError> {
        let mut read = Some(read);
        let mut result = None;
        self.get(stores, key, asked, &mut |row| {
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
