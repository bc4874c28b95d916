//! `to`: the end of a stream, on a topic.

use std::sync::Arc;

use streams_core::topology::SinkOptions;

use crate::{
    KStream, StreamEnd,
    options::{Produced, Target},
    plan::{Drawn, Lowering, Operator, Role, Sketch, Slot, Step, prefix},
};

impl<K: Send + 'static, V: Send + 'static> KStream<K, V> {
    /// Writes the stream to a topic, or to one of several. Java's `to`.
    ///
    /// The topics must exist. A record keeps its timestamp and headers; its partition is that of
    /// its key's hash, and that of the inner key where the key is windowed. A `None` is written as
    /// a null.
    ///
    /// ```
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let lines = builder.stream::<String, String>("lines");
    /// lines.to("copy");
    /// lines.to(Produced::topic("other").with_value_serde(string())).named("out");
    /// assert!(builder.build()?.describe().contains("Sink: out (topic: other)"));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[track_caller]
    pub fn to(&self, produced: impl Into<Produced<K, V>>) -> StreamEnd {
        StreamEnd::of(self.step().then(ToTopic(produced.into())))
    }
}

struct ToTopic<K, V>(Produced<K, V>);

impl<K: Send + 'static, V: Send + 'static> Operator for ToTopic<K, V> {
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let above = sketch.stream::<K, V>(step)?;
        let Produced { target, key_serde, value_serde, partitioner } = self.0.clone();
        let key = Slot::given(key_serde).or(&above.key_serde);
        let value = Slot::given(value_serde).or(&above.value_serde);
        if let Target::Topic(topic) = &target {
            sketch.check_topics(step, std::slice::from_ref(topic));
        }
        let name = sketch.name(step, prefix::SINK);
        let sink = name.clone();
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, V>();
            let key_serde = lowering.serde(&key, &sink, "key");
            let value_serde = lowering.serde(&value, &sink, "value");
            let mut options = match &target {
                Target::Topic(topic) => SinkOptions::topic(topic, key_serde, value_serde),
                Target::By { label, extractor } => {
                    SinkOptions::dynamic(label, extractor.clone(), key_serde, value_serde)
                }
            };
            if let Some(partitioner) = &partitioner {
                options = options.with_partitioner(partitioner.clone());
            } else if let Some(by_key) = lowering.partitioner(&key) {
                let by_key =
                    move |topic: &str, key: &K, _: &V, count| by_key(topic, key, count).into();
                options = options.with_partitioner(Arc::new(by_key));
            }
            lowering.sink(&sink, options, &parents);
        };
        sketch.add(&name, Role::Other, &[above.node], step.caller, part);
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::effect;

    #[test]
    fn a_null_is_written_as_a_null() {
        let out = effect(
            |b| {
                b.stream::<Option<String>, Option<String>>("in").to("out");
            },
            &[("in", "a", "-", 1), ("in", "-", "x", 2)],
        );
        assert_eq!(out, ["a=-@1", "-=x@2"]);
    }
}
