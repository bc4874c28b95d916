//! How the rows of a table are looked up, and whether it sends old values.
//!
//! Both are asked for by operators further down, after the table was made: the answers are flags
//! that the table's node reads when it is lowered. Invariant: a table that is asked for rows or old
//! values, and has no store to take them from, gets one or passes the question on to the table that
//! it was made of.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use streams_core::{
    store::{ChangeBuffer, TimestampedKeyValueStore, TimestampedWindowStore},
    topology::{NodeId, TopologyBuilder},
};

use crate::{graph::Lowering, processors::TableGetter, windows::Windowed};

/// Connects a node to the store that a getter reads.
pub(crate) type Connect = Box<dyn FnOnce(&mut TopologyBuilder, NodeId)>;

/// A getter, and what connects the node that uses it.
pub(crate) type Lookup<K, V> = (TableGetter<K, V>, Connect);

/// The rows of a table.
pub(crate) trait Rows<K, V>: Send + Sync {
    /// Asks for old values, with `force` even if that takes a store. Whether they will be sent.
    /// Java's `enableSendingOldValues`.
    fn send_old_values(&self, force: bool) -> bool;

    /// Whether old values are sent.
    fn sends_old_values(&self) -> bool;

    /// Asks for a store that rows can be looked up in.
    fn materialize(&self);

    /// The lookup, once the store has been added; notes a mistake if it has not.
    fn getter(&self, lowering: &mut Lowering<'_>) -> Option<Lookup<K, V>>;
}

/// A table with a store of its own, or one that gets it when it is asked for rows or old values.
pub(crate) struct StoredRows {
    store: Arc<str>,
    materialized: AtomicBool,
    send_old: AtomicBool,
}

impl StoredRows {
    pub(crate) fn new(store: Arc<str>, materialized: bool) -> Arc<Self> {
        let materialized = AtomicBool::new(materialized);
        Arc::new(Self { store, materialized, send_old: AtomicBool::new(false) })
    }

    /// Whether there is a store.
    pub(crate) fn is_materialized(&self) -> bool {
        self.materialized.load(Relaxed)
    }

    fn ask_for_old(&self, force: bool) -> bool {
        if !force && !self.is_materialized() {
            return false;
        }
        self.materialized.store(true, Relaxed);
        self.send_old.store(true, Relaxed);
        true
    }
}

impl<K: 'static, V: Clone + Send + 'static> Rows<K, V> for StoredRows {
    fn send_old_values(&self, force: bool) -> bool {
        self.ask_for_old(force)
    }

    fn sends_old_values(&self) -> bool {
        self.send_old.load(Relaxed)
    }

    fn materialize(&self) {
        self.materialized.store(true, Relaxed);
    }

    fn getter(&self, lowering: &mut Lowering<'_>) -> Option<Lookup<K, V>> {
        stored(lowering, &self.store)
    }
}

fn stored<K: 'static, V: Clone + Send + 'static>(
    lowering: &mut Lowering<'_>,
    name: &str,
) -> Option<Lookup<K, V>> {
    let store = lowering.store::<TimestampedKeyValueStore<K, V>>(name)?;
    let connect: Connect = Box::new(move |topology, node| topology.connect(node, store));
    Some((TableGetter::store(store), connect))
}

/// A windowed table: its rows are in a window store.
pub(crate) struct WindowRows(pub(crate) Arc<StoredRows>);

impl<K: 'static, V: Clone + Send + 'static> Rows<Windowed<K>, V> for WindowRows {
    fn send_old_values(&self, force: bool) -> bool {
        self.0.ask_for_old(force)
    }

    fn sends_old_values(&self) -> bool {
        self.0.send_old.load(Relaxed)
    }

    fn materialize(&self) {}

    fn getter(&self, lowering: &mut Lowering<'_>) -> Option<Lookup<Windowed<K>, V>> {
        let store = lowering.store::<TimestampedWindowStore<K, V>>(&self.0.store)?;
        let connect: Connect = Box::new(move |topology, node| topology.connect(node, store));
        Some((TableGetter::window_store(store), connect))
    }
}

/// A table made of another one row by row: its rows are in its own store, if it has one, else they
/// are computed from the other's.
pub(crate) struct DerivedRows<K, V, VP, D> {
    pub(crate) parent: Arc<dyn Rows<K, VP>>,
    pub(crate) store: Option<Arc<str>>,
    pub(crate) send_old: AtomicBool,
    pub(crate) derive: D,
    pub(crate) value: std::marker::PhantomData<fn() -> V>,
}

impl<K, V, VP, D> Rows<K, V> for DerivedRows<K, V, VP, D>
where
    K: 'static,
    V: Clone + Send + 'static,
    VP: 'static,
    D: Fn(&TableGetter<K, VP>) -> TableGetter<K, V> + Send + Sync,
{
    fn send_old_values(&self, force: bool) -> bool {
        if self.store.is_some() || self.parent.send_old_values(force) {
            self.send_old.store(true, Relaxed);
        }
        self.sends_old_values()
    }

    fn sends_old_values(&self) -> bool {
        self.send_old.load(Relaxed)
    }

    fn materialize(&self) {
        if self.store.is_none() {
            self.parent.materialize();
        }
    }

    fn getter(&self, lowering: &mut Lowering<'_>) -> Option<Lookup<K, V>> {
        if let Some(store) = &self.store {
            return stored(lowering, store);
        }
        let (getter, connect) = self.parent.getter(lowering)?;
        Some(((self.derive)(&getter), connect))
    }
}

/// The join of two tables: its rows are in its own store, if it has one, else they are computed
/// from those of both.
pub(crate) struct JoinedRows<K, V, VO, D> {
    pub(crate) this: Arc<dyn Rows<K, V>>,
    pub(crate) other: Arc<dyn Rows<K, VO>>,
    pub(crate) store: Option<Arc<str>>,
    pub(crate) send_old: AtomicBool,
    pub(crate) derive: D,
}

impl<K, V, VO, VR, D> Rows<K, VR> for JoinedRows<K, V, VO, D>
where
    K: 'static,
    V: 'static,
    VO: 'static,
    VR: Clone + Send + 'static,
    D: Fn(&TableGetter<K, V>, &TableGetter<K, VO>) -> TableGetter<K, VR> + Send + Sync,
{
    /// The old value of a join is made of those of both sides, which get stores if need be.
    fn send_old_values(&self, _force: bool) -> bool {
        self.this.send_old_values(true);
        self.other.send_old_values(true);
        self.send_old.store(true, Relaxed);
        true
    }

    fn sends_old_values(&self) -> bool {
        self.send_old.load(Relaxed)
    }

    /// Both sides have been asked for theirs already: the join itself looks rows up there.
    fn materialize(&self) {}

    fn getter(&self, lowering: &mut Lowering<'_>) -> Option<Lookup<K, VR>> {
        if let Some(store) = &self.store {
            return stored(lowering, store);
        }
        let (this, connect_this) = self.this.getter(lowering)?;
        let (other, connect_other) = self.other.getter(lowering)?;
        let connect: Connect = Box::new(move |topology, node| {
            connect_this(topology, node);
            connect_other(topology, node);
        });
        Some(((self.derive)(&this, &other), connect))
    }
}

/// A table whose changes are held back: a row that waits is still the one before.
pub(crate) struct SuppressedRows<K, V> {
    pub(crate) parent: Arc<dyn Rows<K, V>>,
    pub(crate) buffer: Arc<str>,
}

impl<K: 'static, V: Clone + Send + 'static> Rows<K, V> for SuppressedRows<K, V> {
    /// The parent sends old values already: the buffer keeps them.
    fn send_old_values(&self, force: bool) -> bool {
        self.parent.send_old_values(force)
    }

    fn sends_old_values(&self) -> bool {
        self.parent.sends_old_values()
    }

    fn materialize(&self) {
        self.parent.materialize();
    }

    fn getter(&self, lowering: &mut Lowering<'_>) -> Option<Lookup<K, V>> {
        let (parent, connect_parent) = self.parent.getter(lowering)?;
        let buffer = lowering.store::<ChangeBuffer<K, V>>(&self.buffer)?;
        let connect: Connect = Box::new(move |topology, node| {
            topology.connect(node, buffer);
            connect_parent(topology, node);
        });
        Some((parent.suppress(buffer), connect))
    }
}
