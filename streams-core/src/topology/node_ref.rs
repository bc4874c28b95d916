//! References to nodes of a topology under construction.

use std::{fmt, marker::PhantomData};

/// A node, without the types that it forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) usize);

/// A node that forwards records of keys `K` and values `V`: an edge joins only equal types.
pub struct NodeRef<K, V> {
    pub(crate) index: usize,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> NodeRef<K, V> {
    pub(crate) const fn new(index: usize) -> Self {
        Self { index, types: PhantomData }
    }

    /// The node, without its types.
    pub const fn id(self) -> NodeId {
        NodeId(self.index)
    }
}

impl<K, V> Clone for NodeRef<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for NodeRef<K, V> {}

impl<K, V> fmt::Debug for NodeRef<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeRef({})", self.index)
    }
}
