//! `stream`: topics as a stream.

use std::any::TypeId;

use streams_core::topology::SourceOptions;

use crate::{
    options::Consumed,
    plan::{Drawn, DrawnStream, Lowering, Operator, Role, Sketch, Slot, Step, prefix},
};

/// Topics that are read as a stream.
pub(crate) struct SourceTopics<K, V>(pub(crate) Consumed<K, V>);

impl<K: Send + 'static, V: Send + 'static> Operator for SourceTopics<K, V> {
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let Consumed { topics, pattern, reset, .. } = self.0.clone();
        match &pattern {
            Some(pattern) => sketch.check_pattern(step, pattern),
            None => sketch.check_topics(step, &topics),
        }
        let name = sketch.name(step, prefix::SOURCE);
        let role = Role::Source { topics, pattern, reset, types: TypeId::of::<(K, V)>() };
        let key_serde =
            Slot::given(step.options.key_serde()).or(&Slot::given(self.0.key_serde.clone()));
        let value_serde =
            Slot::given(step.options.value_serde()).or(&Slot::given(self.0.value_serde.clone()));
        let (consumed, source) = (self.0.clone(), name.clone());
        let serdes = (key_serde.clone(), value_serde.clone());
        let part = move |lowering: &mut Lowering<'_>| {
            let options = read(&consumed, &serdes, lowering, &source);
            let node = match &consumed.pattern {
                Some(pattern) => lowering.pattern_source(&source, pattern, options),
                None => lowering.source(&source, &consumed.topics, options),
            };
            if let Some(node) = node {
                lowering.forwards(node);
            }
        };
        let node = sketch.add(&name, role, &[], step.caller, part);
        let sources = [name.clone()].into();
        let repartition_required = false;
        let stream = DrawnStream::<K, V> {
            node,
            name,
            key_serde,
            value_serde,
            sources,
            repartition_required,
        };
        Some(stream.of(step))
    }
}

/// Options by which the source node of this name reads its topics.
pub(crate) fn read<K: Send + 'static, V: Send + 'static>(
    consumed: &Consumed<K, V>,
    (key_serde, value_serde): &(Slot<K>, Slot<V>),
    lowering: &mut Lowering<'_>,
    source: &str,
) -> SourceOptions<K, V> {
    let key = lowering.serde(key_serde, source, "key");
    let value = lowering.serde(value_serde, source, "value");
    let mut options = match &consumed.pattern {
        Some(pattern) => SourceOptions::pattern(pattern, key, value),
        None => SourceOptions::new(consumed.topics.clone(), key, value),
    };
    if let Some(reset) = consumed.reset {
        options = options.with_offset_reset(reset);
    }
    if let Some(extractor) = &consumed.extractor {
        options = options.with_timestamp_extractor(extractor.clone());
    }
    options
}

#[cfg(test)]
mod tests {
    use crate::{Consumed, tests::effect};

    #[test]
    fn topics_that_match_are_read_as_one_stream() {
        let out = effect(
            |b| {
                let streams = b.stream::<String, String>(Consumed::pattern("in-[a-z]+"));
                streams.to("out");
            },
            &[("in-a", "a", "x", 1), ("in-b", "b", "y", 2)],
        );
        assert_eq!(out, ["a=x@1", "b=y@2"]);
    }

    #[test]
    fn topics_are_read_as_one_stream() {
        let out = effect(
            |b| {
                b.stream::<String, String>(Consumed::topics(["in", "in2"])).named("both").to("out");
            },
            &[("in", "a", "x", 1), ("in2", "b", "y", 2)],
        );
        assert_eq!(out, ["a=x@1", "b=y@2"]);
    }
}
