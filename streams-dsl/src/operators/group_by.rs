//! `group_by` and `group_by_key`: what an aggregation needs first.

use std::{marker::PhantomData, sync::Arc};

use streams_core::BoxError;

use super::{Nullable, fallible::fallible, select_key::SelectKey};
use crate::{
    KGroupedStream, KStream,
    plan::{Drawn, DrawnGroup, Lowering, Operator, Role, Sketch, Slot, Step, prefix},
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// Groups the records by their key. Java's `groupByKey`.
    ///
    /// If the key may have changed since the records were read, what is made of the groups
    /// repartitions them first. Records without a key are dropped. `K2` is the key without its
    /// null: it must be named where the stream's keys are `Option`s.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("orders").group_by_key().count().to_stream().to("counts");
    /// builder
    ///     .stream::<Option<String>, i64>("clicks")
    ///     .group_by_key::<String>()
    ///     .count()
    ///     .to_stream()
    ///     .to("click-counts");
    /// assert!(builder.build()?.describe().contains("Processor: KSTREAM-AGGREGATE-0000000002"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn group_by_key<K2: 'static>(&self) -> KGroupedStream<K2, V, K>
    where
        K: Nullable<K2>,
    {
        KGroupedStream::of(self.step().then(GroupByKey::<K, V, K2>(PhantomData)))
    }

    fallible! {
        /// Groups the records by what `selector` makes of them; what is made of the groups
        /// repartitions them first. Java's `groupBy`.
        ///
        /// A selector may return an `Option`; records for which it is `None` are left out. Then the
        /// type of the key must be named, as `group_by::<String, _>`.
        ///
        /// ```
        /// use streams_dsl::prelude::*;
        ///
        /// let builder = StreamsBuilder::new();
        /// let orders = builder.stream::<String, String>("orders");
        /// orders.group_by(|_, customer| customer.clone()).count().stored("per-customer");
        /// orders
        ///     .group_by::<String, _>(|_, customer| customer.get(..2).map(str::to_owned))
        ///     .count()
        ///     .stored("per-country");
        /// assert!(builder.build()?.describe().contains("(topic: per-customer-repartition)"));
        /// # Ok::<(), streams_dsl::Error>(())
        /// ```
        pub fn group_by, try_group_by [K2, KR,](&self)
        (selector: (key: &K, value: &V) -> KR) -> KGroupedStream<K2, V, KR>
        where [
            K2: 'static,
            KR: Nullable<K2> + Send + 'static,
        ] {
            let selector = Arc::new(selector);
            let types = PhantomData::<Types<K, V, KR, K2>>;
            KGroupedStream::of(self.step().then(GroupBy { selector, types }))
        }
    }
}

/// A group of what has its key already.
struct GroupByKey<K, V, K2>(PhantomData<fn(K, V) -> K2>);

impl<K, V, K2> Operator for GroupByKey<K, V, K2>
where
    K: Nullable<K2> + Send + 'static,
    V: Send + 'static,
    K2: 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let above = sketch.stream::<K, V>(step)?;
        let group = DrawnGroup::<K2, V> {
            step: step.id,
            node: above.node,
            key_serde: Slot::given(step.options.key_serde()).or(&above.key_serde.convert()),
            value_serde: Slot::given(step.options.value_serde()).or(&above.value_serde),
            sources: above.sources,
            repartition_required: above.repartition_required,
            name: step.options.name.clone(),
        };
        Some(Box::new(group))
    }
}

type Types<K, V, KR, K2> = fn(K, V) -> (KR, K2);

/// A group by a new key.
struct GroupBy<F, K, V, KR, K2> {
    selector: Arc<F>,
    types: PhantomData<Types<K, V, KR, K2>>,
}

impl<F, K, V, KR, K2> Operator for GroupBy<F, K, V, KR, K2>
where
    F: Fn(&K, &V) -> Result<KR, BoxError> + Send + Sync + 'static,
    K: Send + 'static,
    V: Send + 'static,
    KR: Nullable<K2> + Send + 'static,
    K2: 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let above = sketch.stream::<K, V>(step)?;
        let name = sketch.name(step, prefix::KEY_SELECT);
        let (node_name, selector) = (name.clone(), self.selector.clone());
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, V>();
            let selector = selector.clone();
            let supplier = move || SelectKey(selector.clone());
            let node = lowering.processor(&node_name, supplier, &parents);
            lowering.forwards::<KR, V>(node);
        };
        let node = sketch.add(&name, Role::ChangesKey, &[above.node], step.caller, part);
        let group = DrawnGroup::<K2, V> {
            step: step.id,
            node,
            key_serde: Slot::given(step.options.key_serde()),
            value_serde: Slot::given(step.options.value_serde()).or(&above.value_serde),
            sources: above.sources,
            repartition_required: true,
            name: step.options.name.clone(),
        };
        Some(Box::new(group))
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn records_are_grouped_by_what_is_made_of_them() {
        let out = effect(
            |b| {
                let lines = b.stream::<String, String>("in");
                let by_line = lines.group_by(|_, line| line.clone()).count();
                by_line.to_stream().map_values(|n| n.map(|n| n.to_string())).to("out");
                let by_key = lines.group_by_key().count();
                by_key.to_stream().map_values(|n| n.map(|n| format!("{n}!"))).to("out");
            },
            &[("in", "a", "x", 1), ("in", "b", "x", 2)],
        );
        assert_eq!(out, ["a=1!@1", "x=1@1", "b=1!@2", "x=2@2"]);
    }
}
