//! The operators that see one record of a stream at a time and keep nothing.
//!
//! Nulls pass through all of them: the closures see keys and values in the types of the stream.

use std::{marker::PhantomData, sync::Arc};

use streams_core::processor::Processor;

use crate::{
    KStream,
    plan::{Drawn, DrawnStream, Lowering, Operator, Role, Sketch, Slot, Step},
};

/// The parts of a record that an operator keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    /// Forwards them as they are, or not.
    Records,
    /// Forwards others under the same keys.
    Keys,
    /// Forwards their values under other keys.
    Values,
    /// Forwards others.
    Nothing,
}

/// A processor that is all there is to an operator.
pub(super) trait Stateless<K, V, K2, V2>: Processor<K, V, K2, V2> + 'static {
    /// Prefix of the generated name of its node.
    const PREFIX: &'static str;
    /// The parts of a record that it keeps.
    const KEEPS: Keeps;
}

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// The stream behind an operator, whose processors `supplier` makes.
    #[track_caller]
    pub(super) fn apply<P, K2, V2>(
        &self,
        supplier: impl Fn() -> P + Send + Sync + 'static,
    ) -> KStream<K2, V2>
    where
        P: Stateless<K, V, K2, V2>,
        K2: Send + 'static,
        V2: Send + 'static,
    {
        let supplier = Arc::new(supplier);
        KStream::of(self.step().then(Applied { supplier, types: PhantomData }))
    }
}

/// An operator below streams of `K` and `V`.
struct Applied<S, P, K, V, K2, V2> {
    supplier: Arc<S>,
    types: PhantomData<Types<P, K, V, K2, V2>>,
}

type Types<P, K, V, K2, V2> = fn(K, V) -> (P, K2, V2);

impl<S, P, K, V, K2, V2> Operator for Applied<S, P, K, V, K2, V2>
where
    S: Fn() -> P + Send + Sync + 'static,
    P: Stateless<K, V, K2, V2>,
    K: Send + 'static,
    V: Send + 'static,
    K2: Send + 'static,
    V2: Send + 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let above = sketch.stream::<K, V>(step)?;
        let name = sketch.name(step, P::PREFIX);
        let role = match P::KEEPS {
            Keeps::Records => Role::KeepsRecords,
            Keeps::Keys => Role::Other,
            Keeps::Values | Keeps::Nothing => Role::ChangesKey,
        };
        let (supplier, node_name) = (self.supplier.clone(), name.clone());
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, V>();
            let supplier = supplier.clone();
            let node = lowering.processor(&node_name, move || supplier(), &parents);
            lowering.forwards::<K2, V2>(node);
        };
        let node = sketch.add(&name, role, &[above.node], step.caller, part);
        let keeps_keys = matches!(P::KEEPS, Keeps::Records | Keeps::Keys);
        let keeps_values = matches!(P::KEEPS, Keeps::Records | Keeps::Values);
        let stream = DrawnStream::<K2, V2> {
            node,
            name,
            key_serde: if keeps_keys { above.key_serde.convert() } else { Slot::unknown() },
            value_serde: if keeps_values { above.value_serde.convert() } else { Slot::unknown() },
            sources: above.sources,
            repartition_required: above.repartition_required || !keeps_keys,
        };
        Some(stream.of(step))
    }
}
