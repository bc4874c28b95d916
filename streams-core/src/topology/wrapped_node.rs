//! A node that is being wrapped.

use std::{any::TypeId, fmt, panic::Location};

use super::{NodeId, TopologyBuilder};
use crate::store::{StateStore, StoreBuilder, StoreRef};

/// A processor node that a [`ProcessorWrapper`](super::ProcessorWrapper) may put code around.
pub struct WrappedNode<'a> {
    pub(super) builder: &'a mut TopologyBuilder,
    pub(super) node: NodeId,
    pub(super) name: &'a str,
    pub(super) caller: &'static Location<'static>,
}

impl fmt::Debug for WrappedNode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappedNode({})", self.name)
    }
}

impl WrappedNode<'_> {
    /// Name of the node.
    pub fn name(&self) -> &str {
        self.name
    }

    /// Adds a store and connects it to the node, for the code around it. If the wrapper added a
    /// store with this name for another node, the two nodes share it, which puts both in one
    /// sub-topology. Java's `stores()` of the supplier.
    pub fn add_state_store<S: StateStore>(&mut self, store: StoreBuilder<S>) -> StoreRef<S> {
        let Self { builder, node, caller, .. } = self;
        let kind = TypeId::of::<S>();
        let known = builder.wrapping.stores.get(store.name()).filter(|(known, _)| *known == kind);
        let index = if let Some((_, index)) = known {
            *index
        } else {
            let name = store.name().into();
            let index = builder.add_store_at(store, false, caller);
            builder.wrapping.stores.insert(name, (kind, index));
            index
        };
        let store = StoreRef::new(index);
        builder.connect(*node, store);
        store
    }
}
