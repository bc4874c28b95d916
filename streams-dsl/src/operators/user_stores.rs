//! `add_global_store` and `add_state_store`: stores of the program's own.

use std::{
    convert::Infallible,
    marker::PhantomData,
    sync::{Arc, Mutex, PoisonError},
};

use streams_core::{
    processor::Processor,
    store::{KeyValueStore, StateStore, StoreBuilder, StoreRef},
};

use super::source::read;
use crate::{
    options::Consumed,
    plan::{Drawn, Lowering, Name, Operator, Role, Sketch, Slot, Step, prefix},
};

/// A builder that threads may share: the closures of the plan must be.
struct SharedStore<S>(Arc<Mutex<StoreBuilder<S>>>);

impl<S: StateStore> SharedStore<S> {
    fn new(store: StoreBuilder<S>) -> Self {
        Self(Arc::new(Mutex::new(store)))
    }

    fn get(&self) -> StoreBuilder<S> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<S> Clone for SharedStore<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A topic that fills a global store by a processor.
pub(crate) struct GlobalStoreTopic<KS, VS, K, V, P, F> {
    consumed: Consumed<K, V>,
    store: SharedStore<KeyValueStore<KS, VS>>,
    supplier: Arc<F>,
    processor: PhantomData<fn() -> P>,
}

impl<KS, VS, K, V, P, F> GlobalStoreTopic<KS, VS, K, V, P, F>
where
    KS: 'static,
    VS: Clone + Send + 'static,
{
    /// The store, what fills it, and the processor.
    pub(crate) fn new(
        store: StoreBuilder<KeyValueStore<KS, VS>>,
        consumed: Consumed<K, V>,
        supplier: F,
    ) -> Self {
        let (store, supplier) = (SharedStore::new(store), Arc::new(supplier));
        Self { consumed, store, supplier, processor: PhantomData }
    }
}

impl<KS, VS, K, V, P, F> Operator for GlobalStoreTopic<KS, VS, K, V, P, F>
where
    KS: 'static,
    VS: Clone + Send + 'static,
    K: Send + 'static,
    V: Send + 'static,
    P: Processor<K, V, Infallible, Infallible> + 'static,
    F: Fn(StoreRef<KeyValueStore<KS, VS>>) -> P + Send + Sync + 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let Consumed { topics, pattern, .. } = &self.consumed;
        sketch.check_one_topic(step, "a global store", (topics, pattern.as_deref()));
        let given = step.options.name.as_ref();
        let source = sketch.names.suffixed_or_new(given, "-source", prefix::SOURCE);
        let name = sketch.name(step, prefix::TABLE_SOURCE);
        let (node, store, supplier) = (name.clone(), self.store.clone(), self.supplier.clone());
        let consumed = self.consumed.clone();
        let part = move |lowering: &mut Lowering<'_>| {
            let keys = Slot::given(consumed.key_serde.clone());
            let values = Slot::given(consumed.value_serde.clone());
            let options = read(&consumed, &(keys, values), lowering, &source);
            let (names, supplier) = ((&source, &node), supplier.clone());
            let supplier = move |store| supplier(store);
            lowering.add_global_store(names, &consumed.topics, options, store.get(), supplier);
        };
        sketch.add(&name, Role::Other, &[], step.caller, part);
        None
    }
}

/// A store that processors are given.
pub(crate) struct UserStore<S>(SharedStore<S>);

impl<S: StateStore> UserStore<S> {
    pub(crate) fn new(store: StoreBuilder<S>) -> Self {
        Self(SharedStore::new(store))
    }
}

impl<S: StateStore> Operator for UserStore<S> {
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let store = self.0.clone();
        let name: Name = store.get().name().into();
        let part = move |lowering: &mut Lowering<'_>| lowering.add_user_store(store.get());
        sketch.add(&name, Role::Other, &[], step.caller, part);
        None
    }
}
