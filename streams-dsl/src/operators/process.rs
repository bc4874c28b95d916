//! `process`: a processor of the user's, anywhere in a stream.

use std::{marker::PhantomData, sync::Arc};

use streams_core::processor::Processor;

use crate::{
    ConnectedStores, KStream,
    options::Named,
    plan::{Drawn, DrawnStream, Lowering, Operator, Role, Sketch, Slot, Step, prefix},
    store_handle::FindStores,
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// Puts a processor into the stream; `supplier` makes one for each task. Java's `process`.
    ///
    /// It may forward any number of records of any key, so that grouping or joining the result
    /// repartitions it; [`process_values`](Self::process_values) avoids that.
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

    /// Like [`process`](Self::process), with stores: `supplier` gets a reference to each.
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
        self.add_user_processor(stores, supplier, Keys::MayChange)
    }

    /// The stream behind a processor of the user's.
    #[track_caller]
    pub(super) fn add_user_processor<P, K2, V2, S: ConnectedStores>(
        &self,
        stores: S,
        supplier: impl Fn(S::Refs) -> P + Send + Sync + 'static,
        keys: Keys,
    ) -> KStream<K2, V2>
    where
        P: Processor<K, V, K2, V2> + 'static,
        K2: Send + 'static,
        V2: Send + 'static,
    {
        let (stores, supplier) = (Arc::new(stores.finder()), Arc::new(supplier));
        let processing = Processing { stores, supplier, keys, types: PhantomData };
        KStream::of(self.step().then(processing))
    }
}

/// Effect of a user's processor on keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    MayChange,
    Stay,
}

type Types<P, K, V, K2, V2> = fn(K, V) -> (P, K2, V2);

struct Processing<R, F, P, K, V, K2, V2> {
    stores: Arc<FindStores<R>>,
    supplier: Arc<F>,
    keys: Keys,
    types: PhantomData<Types<P, K, V, K2, V2>>,
}

impl<R, F, P, K, V, K2, V2> Operator for Processing<R, F, P, K, V, K2, V2>
where
    R: Copy + Send + Sync + 'static,
    F: Fn(R) -> P + Send + Sync + 'static,
    P: Processor<K, V, K2, V2> + 'static,
    K: Send + 'static,
    V: Send + 'static,
    K2: Send + 'static,
    V2: Send + 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let above = sketch.stream::<K, V>(step)?;
        let keeps_keys = self.keys == Keys::Stay;
        let prefix = if keeps_keys { prefix::PROCESS_VALUES } else { prefix::PROCESSOR };
        // A number is taken only if the name is generated, unlike elsewhere.
        let given = step.options.name.as_ref().map(Named::shared);
        let name = given.unwrap_or_else(|| sketch.names.new_name(prefix));
        let (node_name, stores, supplier) =
            (name.clone(), self.stores.clone(), self.supplier.clone());
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, V>();
            let Some(refs) = stores.find(lowering) else { return };
            let supplier = supplier.clone();
            let node = lowering.processor(&node_name, move || supplier(refs), &parents);
            stores.connect(lowering.topology(), node.id(), refs);
            lowering.forwards::<K2, V2>(node);
        };
        let node = sketch.add(&name, Role::Other, &[above.node], step.caller, part);
        let stream = DrawnStream::<K2, V2> {
            node,
            name,
            key_serde: if keeps_keys { above.key_serde.convert() } else { Slot::unknown() },
            value_serde: Slot::unknown(),
            sources: above.sources,
            repartition_required: above.repartition_required || !keeps_keys,
        };
        Some(stream.of(step))
    }
}
