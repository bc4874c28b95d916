//! Stores that the user adds to a builder, and how processors get at them.

use std::{fmt, marker::PhantomData, sync::Arc};

use streams_core::{
    store::{StateStore, StoreRef},
    topology::{NodeId, TopologyBuilder},
};

use crate::plan::Lowering;

/// A store that was added to a [`StreamsBuilder`](crate::StreamsBuilder), for the processors that
/// are to use it.
pub struct StoreHandle<S> {
    name: Arc<str>,
    store: PhantomData<fn() -> S>,
}

impl<S> StoreHandle<S> {
    pub(crate) const fn new(name: Arc<str>) -> Self {
        Self { name, store: PhantomData }
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<S> Clone for StoreHandle<S> {
    fn clone(&self) -> Self {
        Self::new(self.name.clone())
    }
}

impl<S> fmt::Debug for StoreHandle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreHandle({})", self.name)
    }
}

/// The stores of a processor: `&handle`, or a tuple of up to four of them. The processor's supplier
/// gets a reference for each, in the same shape: a [`StoreRef`] for a [`StoreHandle`], and a
/// [`GlobalStoreRef`](streams_core::store::GlobalStoreRef), which only reads, for a
/// [`GlobalKTable`](crate::GlobalKTable) or a [`GlobalStoreHandle`](crate::GlobalStoreHandle).
pub trait ConnectedStores {
    /// References that the supplier receives.
    type Refs: Copy + Send + Sync + 'static;

    /// Finds the stores in the topology that is being built.
    #[doc(hidden)]
    fn finder(self) -> FindStores<Self::Refs>;
}

type Find<R> = Box<dyn Fn(&mut Lowering<'_>) -> Option<R> + Send + Sync>;
type Connect<R> = Box<dyn Fn(&mut TopologyBuilder, NodeId, R) + Send + Sync>;

/// Finds stores, and connects nodes to them.
#[doc(hidden)]
pub struct FindStores<R> {
    find: Find<R>,
    connect: Connect<R>,
}

impl<R: 'static> FindStores<R> {
    /// Finds what any node may read without being connected to it.
    pub(crate) fn unconnected(
        find: impl Fn(&mut Lowering<'_>) -> Option<R> + Send + Sync + 'static,
    ) -> Self {
        Self { find: Box::new(find), connect: Box::new(|_, _, _| {}) }
    }

    pub(crate) fn find(&self, lowering: &mut Lowering<'_>) -> Option<R> {
        (self.find)(lowering)
    }

    pub(crate) fn connect(&self, topology: &mut TopologyBuilder, node: NodeId, refs: R) {
        (self.connect)(topology, node, refs);
    }
}

impl<R> fmt::Debug for FindStores<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FindStores")
    }
}

impl ConnectedStores for () {
    type Refs = ();

    fn finder(self) -> FindStores<()> {
        FindStores::unconnected(|_| Some(()))
    }
}

impl<S: StateStore> ConnectedStores for &StoreHandle<S> {
    type Refs = StoreRef<S>;

    fn finder(self) -> FindStores<StoreRef<S>> {
        let name = self.name.clone();
        FindStores {
            find: Box::new(move |lowering| lowering.store(&name)),
            connect: Box::new(|topology, node, store| topology.connect(node, store)),
        }
    }
}

macro_rules! tuple {
    ($($stores:ident $at:tt),+) => {
        impl<$($stores: ConnectedStores),+> ConnectedStores for ($($stores,)+) {
            type Refs = ($($stores::Refs,)+);

            fn finder(self) -> FindStores<Self::Refs> {
                let find = ($(self.$at.finder(),)+);
                let find = Arc::new(find);
                let connect = find.clone();
                FindStores {
                    find: Box::new(move |lowering| Some(($(find.$at.find(lowering)?,)+))),
                    connect: Box::new(move |topology, node, refs| {
                        $(connect.$at.connect(topology, node, refs.$at);)+
                    }),
                }
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
