//! The value of a table's row for a node that joins the table: Java's `KTableValueGetter`.

use std::sync::Arc;

use streams_core::{
    BoxError,
    processor::StoreAccess,
    store::{ChangeBuffer, StoreRef, TimestampedKeyValueStore, TimestampedWindowStore},
};

use crate::windows::Windowed;

/// Receives the row: its value and timestamp in milliseconds, or `None`.
type Visit<'a, V> = dyn FnMut(Option<(&V, i64)>) -> Result<(), BoxError> + 'a;

type Get<K, V> =
    dyn Fn(&mut StoreAccess<'_>, &K, &mut Visit<'_, V>) -> Result<(), BoxError> + Send + Sync;

/// Looks up the row of a key: in the table's own store or, for a table that has none, by applying
/// its operators to the row of the table that it was made of. The store must be connected to the
/// node that asks.
///
/// The row is lent, not copied: a join reads it where it is.
pub(crate) struct TableGetter<K, V>(Arc<Get<K, V>>);

impl<K: 'static, V: 'static> TableGetter<K, V> {
    /// The rows of a table's store.
    pub(crate) fn store(store: StoreRef<TimestampedKeyValueStore<K, V>>) -> Self
    where
        V: Clone + Send,
    {
        Self(Arc::new(move |stores, key, visit| {
            let row = stores.store(store)?.get(key)?;
            visit(row.map(|row| (&row.value, row.timestamp)))
        }))
    }

    /// The rows for which the predicate holds or, with `not`, does not hold.
    pub(crate) fn filter<F>(&self, predicate: Arc<F>, not: bool) -> Self
    where
        F: Fn(&K, &V) -> Result<bool, BoxError> + Send + Sync + 'static,
    {
        let parent = self.clone();
        Self(Arc::new(move |stores, key, visit| {
            (parent.0)(stores, key, &mut |row| match row {
                Some((value, _)) if predicate(key, value)? != not => visit(row),
                _ => visit(None),
            })
        }))
    }

    /// The rows with their values mapped; `None` from the mapper is no row.
    pub(crate) fn map_values<V2, F>(&self, mapper: Arc<F>) -> TableGetter<K, V2>
    where
        F: Fn(&K, &V) -> Result<Option<V2>, BoxError> + Send + Sync + 'static,
    {
        let parent = self.clone();
        TableGetter(Arc::new(move |stores, key, visit| {
            (parent.0)(stores, key, &mut |row| {
                let Some((value, timestamp)) = row else { return visit(None) };
                let mapped = mapper(key, value)?;
                visit(mapped.as_ref().map(|value| (value, timestamp)))
            })
        }))
    }

    /// The rows that have gone on: of a row whose changes are held back that is the value before, whose timestamp is
    /// not known and -1, as in Java.
    pub(crate) fn suppress(&self, buffer: StoreRef<ChangeBuffer<K, V>>) -> Self
    where
        V: Clone + Send,
    {
        let parent = self.clone();
        Self(Arc::new(move |stores, key, visit| {
            if let Some(prior) = stores.store(buffer)?.prior_value(key)? {
                return visit(prior.map(|value| (value, -1)));
            }
            (parent.0)(stores, key, visit)
        }))
    }

    /// The rows of two tables joined: there is one where both have one, with the later timestamp.
    pub(crate) fn join<VO, VR, F>(
        &self,
        other: &TableGetter<K, VO>,
        joiner: Arc<F>,
    ) -> TableGetter<K, VR>
    where
        V: Clone,
        VO: 'static,
        F: Fn(&K, &V, &VO) -> Result<VR, BoxError> + Send + Sync + 'static,
    {
        let (this, other) = (self.clone(), other.clone());
        TableGetter(Arc::new(move |stores, key, visit| {
            // Only one store can lend a row at a time.
            let row =
                this.with(stores, key, |row| Ok(row.map(|(value, at)| (value.clone(), at))))?;
            let Some((value, timestamp)) = row else { return visit(None) };
            (other.0)(stores, key, &mut |row| {
                let Some((other, other_timestamp)) = row else { return visit(None) };
                let joined = joiner(key, &value, other)?;
                visit(Some((&joined, timestamp.max(other_timestamp))))
            })
        }))
    }

    /// Runs `read` on the row of `key`, its value and its timestamp in milliseconds, or on `None`.
    ///
    /// # Errors
    /// What `read` or an operator of the table returns, or that the row can't be read.
    pub(crate) fn with<R>(
        &self,
        stores: &mut StoreAccess<'_>,
        key: &K,
        read: impl FnOnce(Option<(&V, i64)>) -> Result<R, BoxError>,
    ) -> Result<R, BoxError> {
        let mut read = Some(read);
        let mut result = None;
        (self.0)(stores, key, &mut |row| {
            if let Some(read) = read.take() {
                result = Some(read(row)?);
            }
            Ok(())
        })?;
        result.ok_or_else(|| "the row of a table was not looked up".into())
    }
}

impl<K: 'static, V: Clone + Send + 'static> TableGetter<Windowed<K>, V> {
    /// The rows of a windowed table's store.
    pub(crate) fn window_store(store: StoreRef<TimestampedWindowStore<K, V>>) -> Self {
        Self(Arc::new(move |stores, windowed, visit| {
            let row = stores.store(store)?.fetch(&windowed.key, windowed.window.start)?;
            visit(row.map(|row| (&row.value, row.timestamp)))
        }))
    }
}

impl<K, V> Clone for TableGetter<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
