//! The stores that an aggregation by key keeps its rows in.

use streams_core::{
    BoxError,
    processor::Context,
    store::{StateStore, StoreRef, TimestampedKeyValueStore, VersionPut, VersionedKeyValueStore},
};

use super::table_rows::{forward_pending, row};
use crate::{
    change::Change,
    plan::{Lowering, Output, TableStore},
};

/// A store of rows by key: with one version of each, or with all of its history. Java's
/// `KeyValueStoreWrapper`.
pub(super) trait RowStore<K, V>: StateStore + Sized {
    /// Returns whether changes are held back until the commit.
    fn holds_back(&self) -> bool;

    /// Puts the value and timestamp that `fold` makes of the latest row of a key. Returns what else
    /// it made, and whether the row is the latest now; `None` if the store takes no row of that
    /// time any more.
    ///
    /// # Errors
    /// That of `fold`, or of the store: nothing is put then.
    fn fold<R>(
        &mut self,
        key: &K,
        fold: impl FnOnce(Option<(&V, i64)>) -> Result<(Option<V>, i64, R), BoxError>,
    ) -> Result<Option<(R, bool)>, BoxError>;

    /// Forwards the changes that were held back.
    ///
    /// # Errors
    /// That of the store, or of a node below.
    fn forward_held_back(
        output: Output<Self>,
        context: &mut Context<'_, K, Change<V>>,
    ) -> Result<(), BoxError>;
}

impl<K: 'static, V: Clone + Send + 'static> RowStore<K, V> for TimestampedKeyValueStore<K, V> {
    fn holds_back(&self) -> bool {
        self.caching()
    }

    fn fold<R>(
        &mut self,
        key: &K,
        fold: impl FnOnce(Option<(&V, i64)>) -> Result<(Option<V>, i64, R), BoxError>,
    ) -> Result<Option<(R, bool)>, BoxError> {
        let result = self.update(key, |stored| {
            let (new, timestamp, result) = fold(stored.map(|row| (&row.value, row.timestamp)))?;
            Ok::<_, BoxError>((row(new, timestamp), result))
        })?;
        Ok(Some((result, true)))
    }

    fn forward_held_back(
        output: Output<Self>,
        context: &mut Context<'_, K, Change<V>>,
    ) -> Result<(), BoxError> {
        forward_pending(output, context)
    }
}

impl<K: 'static, V: Clone + Send + 'static> RowStore<K, V> for VersionedKeyValueStore<K, V> {
    fn holds_back(&self) -> bool {
        false
    }

    fn fold<R>(
        &mut self,
        key: &K,
        fold: impl FnOnce(Option<(&V, i64)>) -> Result<(Option<V>, i64, R), BoxError>,
    ) -> Result<Option<(R, bool)>, BoxError> {
        let latest = self.get(key)?;
        let (new, timestamp, result) =
            fold(latest.as_ref().map(|version| (&version.value, version.timestamp)))?;
        Ok(match self.put(key, new, timestamp)? {
            VersionPut::TooOld => None,
            put => Some((result, put == VersionPut::Latest)),
        })
    }

    fn forward_held_back(
        _output: Output<Self>,
        _context: &mut Context<'_, K, Change<V>>,
    ) -> Result<(), BoxError> {
        Ok(())
    }
}

/// The store of an aggregation by key, added to a topology.
pub(crate) enum RowStoreRef<K, V> {
    /// One that knows the latest version of each row.
    Latest(StoreRef<TimestampedKeyValueStore<K, V>>),
    /// One that knows the versions of a history.
    Versions(StoreRef<VersionedKeyValueStore<K, V>>),
}

impl<K: 'static, V: Clone + Send + 'static> RowStoreRef<K, V> {
    /// Adds the store that is described, for a node of this name.
    pub(super) fn add(store: &TableStore<K, V>, lowering: &mut Lowering<'_>, node: &str) -> Self {
        if let Some(versions) = store.versioned(lowering, node) {
            return Self::Versions(lowering.add_store(versions));
        }
        let latest = store.key_value(lowering, node);
        Self::Latest(lowering.add_store(latest))
    }
}

impl<K, V> Clone for RowStoreRef<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for RowStoreRef<K, V> {}
