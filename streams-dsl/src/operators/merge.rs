//! `merge`: two streams as one. Java's `PassThrough`.

use std::marker::PhantomData;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor},
};

use crate::{
    KStream,
    plan::{Drawn, DrawnStream, Lowering, Operator, Role, Sketch, Step, prefix},
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// The records of this stream and of `other`, in no particular order. Java's `merge`.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let shops = builder.stream::<String, i64>("shop-orders");
    /// shops.merge(&builder.stream("web-orders")).to("orders");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-MERGE-0000000002"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        let what = "a stream can't be merged with one";
        Self::of(self.step().then_with(other.step(), what, Merge::<K, V>(PhantomData)))
    }
}

struct Merge<K, V>(PhantomData<fn(K, V)>);

impl<K: Send + 'static, V: Send + 'static> Operator for Merge<K, V> {
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let this = sketch.stream::<K, V>(step)?;
        let other = sketch.output::<DrawnStream<K, V>>(step.inputs.get(1))?;
        let name = sketch.name(step, prefix::MERGE);
        let node_name = name.clone();
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, V>();
            let node = lowering.processor(&node_name, || PassThrough, &parents);
            lowering.forwards::<K, V>(node);
        };
        let parents = [this.node, other.node];
        let node = sketch.add(&name, Role::Merge, &parents, step.caller, part);
        let new = other.sources.iter().filter(|source| !this.sources.contains(source));
        let sources = this.sources.iter().chain(new).cloned().collect();
        let stream = DrawnStream {
            node,
            name,
            key_serde: this.key_serde.or(&other.key_serde),
            value_serde: this.value_serde.or(&other.value_serde),
            sources,
            repartition_required: this.repartition_required || other.repartition_required,
        };
        Some(stream.of(step))
    }
}

/// Forwards records as they are.
pub(super) struct PassThrough;

impl<K, V> Processor<K, V, K, V> for PassThrough {
    #[inline]
    fn process(
        &mut self,
        record: Record<'_, K, V>,
        context: &mut Context<'_, K, V>,
    ) -> Result<(), BoxError> {
        context.forward(record)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn records_of_both_streams_go_on() {
        let out = effect(
            |b| {
                let lines = b.stream::<String, String>("in");
                lines.merge(&b.stream("in2")).to("out");
            },
            &[("in", "a", "x", 1), ("in2", "b", "y", 2), ("in", "a", "z", 3)],
        );
        assert_eq!(out, ["a=x@1", "b=y@2", "a=z@3"]);
    }
}
