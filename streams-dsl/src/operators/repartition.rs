//! `repartition`: through an internal topic, and back.

use std::marker::PhantomData;

use super::Nullable;
use crate::{
    KStream,
    options::{Named, Repartitioned},
    plan::{Drawn, DrawnStream, Operator, Repartition, Sketch, Slot, Step, prefix},
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// Sends the stream through an internal topic, so that records of one key are in one partition.
    /// Java's `repartition`.
    ///
    /// Grouping and joining do that by themselves where the key may have changed. Records without a
    /// key end before the topic, unless a left join below keeps them; they are not counted as
    /// dropped. [`named`](Self::named) and [`with_serdes`](Self::with_serdes) are of the topic.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let lines = builder.stream::<String, String>("lines").select_key(|_, line| line.clone());
    /// lines.repartition(Repartitioned::partitions(4)).named("by-line").to("out");
    /// let text = builder.build()?.describe();
    /// assert!(text.contains("Sink: by-line-repartition-sink (topic: by-line-repartition)"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    #[must_use]
    pub fn repartition<K2: 'static>(&self, repartitioned: Repartitioned<K, V>) -> Self
    where
        K: Nullable<K2>,
    {
        let through = ThroughTopic::<K, V, K2> { repartitioned, key: PhantomData };
        Self::of(self.step().then(through))
    }
}

struct ThroughTopic<K, V, K2> {
    repartitioned: Repartitioned<K, V>,
    key: PhantomData<fn(K2)>,
}

impl<K, V, K2> Operator for ThroughTopic<K, V, K2>
where
    K: Nullable<K2> + Send + 'static,
    V: Send + 'static,
    K2: 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let above = sketch.stream::<K, V>(step)?;
        let Repartitioned { partitions, partitioner } = self.repartitioned.clone();
        let given = step.options.name.as_ref().map(Named::shared);
        let base = given.unwrap_or_else(|| sketch.names.new_name(prefix::REPARTITION));
        if partitions.is_some_and(|partitions| partitions <= 0) {
            let text = format!("repartition topic `{base}` needs at least one partition");
            sketch.problem(step.caller, text);
        }
        let key_serde = Slot::given(step.options.key_serde()).or(&above.key_serde);
        let value_serde = Slot::given(step.options.value_serde()).or(&above.value_serde);
        let (names, filter) = sketch.repartition_names(&base);
        let topic = Repartition {
            partitions,
            partitioner,
            ..Repartition::new(names, key_serde.clone(), value_serde.clone())
        };
        let has_key = |key: &K| key.as_value().is_some();
        let above = (above.node, step.caller);
        let (node, source) = topic.draw_keeping(sketch, filter, above, (has_key, false));
        let sources = [source.clone()].into();
        let repartition_required = false;
        let name = source;
        let stream =
            DrawnStream { node, name, key_serde, value_serde, sources, repartition_required };
        Some(stream.of(step))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Repartitioned, tests::effect};

    #[test]
    fn records_with_a_key_come_through_the_topic() {
        let out = effect(
            |b| {
                let lines = b.stream::<Option<String>, String>("in");
                lines.repartition::<String>(Repartitioned::default()).named("again").to("out");
            },
            &[("in", "a", "x", 1), ("in", "-", "y", 2)],
        );
        assert_eq!(out, ["a=x@1"]);
    }
}
