//! `process`: a processor of the user's, anywhere in a stream.

use std::{panic::Location, sync::Arc};

use streams_core::processor::Processor;

use super::{KStream, Placed};
use crate::{
    ConnectedStores,
    graph::{GraphNodeId, Role, Slot, prefix},
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// Puts a processor into the stream; `supplier` makes one for each task. Java's `process`.
    ///
    /// It may forward any number of records of any key, so that grouping or joining what comes of
    /// it repartitions it; [`process_values`](Self::process_values) avoids that.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let upper = || {
    ///     |record: Record<'_, String, String>, context: &mut Context<'_, String, String>| {
    ///         let shout = record.value.to_uppercase();
    ///         context.forward(record.with_value(&shout)).map_err(BoxError::from)
    ///     }
    /// };
    /// builder.stream::<String, String>("lines").process(upper).to("shouts");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-PROCESSOR-0000000001"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn process<P, K2, V2>(
        &self,
        supplier: impl Fn() -> P + Send + Sync + 'static,
    ) -> KStream<K2, V2>
    where
        P: Processor<K, V, K2, V2> + 'static,
        K2: Send + 'static,
        V2: Send + 'static,
    {
        self.process_with((), move |()| supplier())
    }

    /// As [`process`](Self::process), with stores: `supplier` gets a reference to each.
    ///
    /// ```
    /// use streams_dsl::{prelude::*, store::{KeyValueStore, StoreRef}};
    ///
    /// /// Forwards how often a key was seen.
    /// struct Counter(StoreRef<KeyValueStore<String, i64>>);
    ///
    /// impl Processor<String, String, String, i64> for Counter {
    ///     fn process(
    ///         &mut self,
    ///         record: Record<'_, String, String>,
    ///         context: &mut Context<'_, String, i64>,
    ///     ) -> Result<(), BoxError> {
    ///         let store = context.store(self.0)?;
    ///         let count = store.get(record.key)?.copied().unwrap_or(0) + 1;
    ///         store.put(record.key, Some(count))?;
    ///         Ok(context.forward(record.with_value(&count))?)
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// let counts = Stores::key_value("counts", string(), long());
    /// let counts = builder.add_state_store(counts);
    /// builder.stream::<String, String>("lines").process_with(&counts, Counter).to("counted");
    /// assert!(builder.build()?.describe().contains("KSTREAM-PROCESSOR-0000000001 (stores: [counts])"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn process_with<P, K2, V2, S: ConnectedStores>(
        &self,
        stores: S,
        supplier: impl Fn(S::Refs) -> P + Send + Sync + 'static,
    ) -> KStream<K2, V2>
    where
        P: Processor<K, V, K2, V2> + 'static,
        K2: Send + 'static,
        V2: Send + 'static,
    {
        let placed = self.next_processor(prefix::PROCESSOR);
        let node = self.add_user_processor(&placed, stores, supplier);
        self.rekeyed(placed, node, Slot::unknown())
    }

    /// The name of the next node; a number is taken only if it is generated.
    #[track_caller]
    pub(super) fn next_processor(&self, prefix: &str) -> Placed {
        let place = Location::caller();
        let mut graph = self.graph.lock();
        graph.check_name(place, self.next_name.as_ref());
        let name = match &self.next_name {
            Some(name) => name.shared(),
            None => graph.new_name(prefix),
        };
        Placed { name, place }
    }

    /// Adds a node with stores.
    pub(super) fn add_user_processor<P, K2: 'static, V2: 'static, S: ConnectedStores>(
        &self,
        placed: &Placed,
        stores: S,
        supplier: impl Fn(S::Refs) -> P + Send + Sync + 'static,
    ) -> GraphNodeId
    where
        P: Processor<K, V, K2, V2> + 'static,
    {
        let stores = stores.finder();
        let (name, supplier) = (placed.name.clone(), Arc::new(supplier));
        let lower = move |lowering: &mut crate::graph::Lowering<'_>| {
            let parents = lowering.parents::<K, V>();
            let Some(refs) = stores.find(lowering) else { return };
            let supplier = supplier.clone();
            let node = lowering.processor(&name, move || supplier(refs), &parents);
            stores.connect(lowering, node.id(), refs);
            lowering.forwards::<K2, V2>(node);
        };
        self.graph.lock().add(&placed.name, Role::Other, &[self.node], placed.place, lower)
    }
}
