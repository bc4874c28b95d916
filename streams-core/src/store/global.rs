//! Read access to global stores.

use std::{fmt, marker::PhantomData};

use super::KeyValueStore;
use crate::{Direction, Result};

/// A typed reference to a global store of a topology, made when the store is added to it. Any
/// processor may use it to read the store.
pub struct GlobalStoreRef<S> {
    pub(crate) index: usize,
    store: PhantomData<fn() -> S>,
}

impl<S> GlobalStoreRef<S> {
    pub(crate) const fn new(index: usize) -> Self {
        Self { index, store: PhantomData }
    }
}

impl<S> Clone for GlobalStoreRef<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for GlobalStoreRef<S> {}

impl<S> fmt::Debug for GlobalStoreRef<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GlobalStoreRef({})", self.index)
    }
}

/// A processor's view of a global store, for reading only. Java's read-only decorator of global
/// stores.
///
/// Each call sees the rows of that moment, all of them complete: another thread fills the store.
/// Two calls may therefore see different rows, and neither sees records of the topic that this
/// instance has not read yet.
pub struct GlobalStore<'a, S> {
    store: &'a mut S,
}

impl<'a, S> GlobalStore<'a, S> {
    pub(crate) const fn new(store: &'a mut S) -> Self {
        Self { store }
    }
}

impl<K, V: Clone> GlobalStore<'_, KeyValueStore<K, V>> {
    /// The store's name.
    pub fn name(&self) -> &str {
        self.store.name()
    }

    /// The value of a key.
    ///
    /// # Errors
    /// `Serialization` if the key can't be written, `State` or `Deserialization` if the row can't
    /// be read.
    pub fn get(&mut self, key: &K) -> Result<Option<V>> {
        self.store.get_uncached(key)
    }

    /// All rows, in the order of the serialised keys.
    ///
    /// # Errors
    /// The errors of [`range`](Self::range).
    pub fn all(
        &mut self,
        direction: Direction,
    ) -> Result<impl Iterator<Item = Result<(K, V)>> + use<'_, K, V>> {
        self.store.all(direction)
    }

    /// The rows from `from` to `to`, both included; `None` is unbounded.
    ///
    /// # Errors
    /// `Serialization` if a bound can't be written, `State` if the database fails. Rows that can't
    /// be read are errors of the iterator.
    pub fn range(
        &mut self,
        from: Option<&K>,
        to: Option<&K>,
        direction: Direction,
    ) -> Result<impl Iterator<Item = Result<(K, V)>> + use<'_, K, V>> {
        self.store.range(from, to, direction)
    }

    /// The rows whose serialised key begins with `prefix`.
    ///
    /// # Errors
    /// The errors of [`range`](Self::range).
    pub fn prefix_scan(
        &mut self,
        prefix: &[u8],
    ) -> Result<impl Iterator<Item = Result<(K, V)>> + use<'_, K, V>> {
        self.store.prefix_scan(prefix)
    }

    /// Approximate number of rows.
    ///
    /// # Errors
    /// `State` if the database fails.
    pub fn approximate_num_entries(&self) -> Result<u64> {
        self.store.approximate_num_entries()
    }
}

impl<S> fmt::Debug for GlobalStore<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GlobalStore").finish_non_exhaustive()
    }
}
