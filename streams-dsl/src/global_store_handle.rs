//! Global stores that the user adds to a builder, and how processors read them.

use std::{fmt, marker::PhantomData, sync::Arc};

use streams_core::store::{GlobalStoreRef, StateStore};

use crate::{ConnectedStores, options::Named, plan::StepRef, store_handle::FindStores};

/// A global store that was added to a [`StreamsBuilder`](crate::StreamsBuilder), for the processors
/// that are to read it.
///
/// Any processor of the topology may, without being connected to it: given to
/// [`process_with`](crate::KStream::process_with), it is a [`GlobalStoreRef`] for
/// [`Context::global_store`](streams_core::processor::Context::global_store).
pub struct GlobalStoreHandle<S> {
    name: Arc<str>,
    step: StepRef,
    store: PhantomData<fn() -> S>,
}

impl<S> GlobalStoreHandle<S> {
    pub(crate) const fn new(name: Arc<str>, step: StepRef) -> Self {
        Self { name, step, store: PhantomData }
    }

    /// Names the nodes that fill the store. Java's name of `Consumed`.
    #[expect(clippy::return_self_not_must_use, reason = "it is an option of what was added before")]
    pub fn named(self, name: impl Into<Named>) -> Self {
        self.step.set_name(name.into());
        self
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<S> Clone for GlobalStoreHandle<S> {
    fn clone(&self) -> Self {
        Self::new(self.name.clone(), self.step.clone())
    }
}

impl<S> fmt::Debug for GlobalStoreHandle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GlobalStoreHandle({})", self.name)
    }
}

impl<S: StateStore> ConnectedStores for &GlobalStoreHandle<S> {
    type Refs = GlobalStoreRef<S>;

    fn finder(self) -> FindStores<GlobalStoreRef<S>> {
        let name = self.name.clone();
        FindStores::unconnected(move |lowering| lowering.global_store(&name))
    }
}
