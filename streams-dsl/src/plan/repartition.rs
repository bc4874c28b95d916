//! Repartition topics: from a stream, through a topic, to a stream again.

use std::{marker::PhantomData, sync::Arc};

use streams_core::{
    Record,
    processor::{Context, Processor, StreamPartitioner, TimestampExtractor},
    topology::{NodeRef, SinkOptions, SourceOptions},
};

use super::{
    Caller, GraphNodeId, Lowering, Name, Part, Role, Sketch, Slot,
    names::{is_generated, prefix},
    node::Mergeable,
};
use crate::Nullable;

const SUFFIX: &str = "-repartition";

/// The names of a repartition topic and the nodes around it.
#[derive(Clone)]
pub(crate) struct RepartitionNames {
    pub(crate) topic: Name,
    pub(crate) sink: Name,
    pub(crate) source: Name,
}

impl Sketch<'_> {
    /// The names of a repartition topic, and of the node that filters before it. Three numbers are
    /// taken, used or not.
    pub(crate) fn repartition_names(&mut self, base: &str) -> (RepartitionNames, Name) {
        let sink = self.names.new_name(prefix::SINK);
        let filter = self.names.new_name(prefix::FILTER);
        let source = self.names.new_name(prefix::SOURCE);
        let topic = repartition_topic(base);
        if is_generated(base) {
            return (RepartitionNames { topic, sink, source }, filter);
        }
        RepartitionNames::of_topic(topic)
    }
}

impl RepartitionNames {
    /// The names that follow from that of the topic.
    pub(super) fn of_topic(topic: Name) -> (Self, Name) {
        let named = |suffix: &str| Arc::from(format!("{topic}-{suffix}"));
        let (sink, filter, source) = (named("sink"), named("filter"), named("source"));
        (Self { topic, sink, source }, filter)
    }
}

/// The name of a repartition topic without the application id.
fn repartition_topic(base: &str) -> Name {
    if base.ends_with(SUFFIX) { base.into() } else { format!("{base}{SUFFIX}").into() }
}

/// A repartition topic for records of keys `K` and values `V`.
pub(crate) struct Repartition<K, V> {
    pub(crate) names: RepartitionNames,
    pub(crate) key_serde: Slot<K>,
    pub(crate) value_serde: Slot<V>,
    pub(crate) partitions: Option<i32>,
    pub(crate) partitioner: Option<StreamPartitioner<K, V>>,
}

impl<K: Send + 'static, V: Send + 'static> Repartition<K, V> {
    pub(crate) const fn new(names: RepartitionNames, key: Slot<K>, value: Slot<V>) -> Self {
        Self { names, key_serde: key, value_serde: value, partitions: None, partitioner: None }
    }

    /// Draws the topic and its nodes below `parent`: the node before the topic takes the null out
    /// of the type of the keys. Returns its node and its source.
    pub(crate) fn draw_unwrapping<KIn>(
        self,
        sketch: &mut Sketch<'_>,
        filter: Name,
        (parent, caller): (GraphNodeId, Caller),
    ) -> (GraphNodeId, Name)
    where
        KIn: Nullable<K> + Send + 'static,
    {
        let source = self.names.source.clone();
        let role = self.mergeable::<KIn>(|key| key.as_value().is_some());
        let part = Unwrapping::<KIn, K, V> { topic: self, filter, above: PhantomData };
        (sketch.add(&source, role, &[parent], caller, part), source)
    }

    /// Draws the topic and its nodes below `parent`. Records without a key, as `has_key` says, end
    /// before the topic, unless a join below keeps them. Returns its node and its source.
    pub(crate) fn draw_keeping(
        self,
        sketch: &mut Sketch<'_>,
        filter: Name,
        (parent, caller): (GraphNodeId, Caller),
        (has_key, mergeable): (fn(&K) -> bool, bool),
    ) -> (GraphNodeId, Name) {
        let source = self.names.source.clone();
        let role = if mergeable { self.mergeable::<K>(has_key) } else { Role::Other };
        let part = Keeping { topic: self, filter, has_key };
        (sketch.add(&source, role, &[parent], caller, part), source)
    }

    /// Node of the graph for this topic, which may be merged with others. Merged, it keeps the type
    /// of the keys above it: nodes of that type may be below it then.
    fn mergeable<KIn: Send + 'static>(&self, has_key: fn(&KIn) -> bool) -> Role {
        let (key_serde, value_serde) = (self.key_serde.convert(), self.value_serde.clone());
        let topic = self.names.topic.clone();
        Role::Repartition(Arc::new(ToMerge { topic, key_serde, value_serde, has_key }))
    }

    fn lower<KIn: 'static, P: Processor<KIn, V, K, V> + 'static>(
        &self,
        lowering: &mut Lowering<'_>,
        name: &Name,
        filter: impl Fn() -> P + Send + Sync + 'static,
    ) {
        let parents = lowering.parents::<KIn, V>();
        let filter = lowering.processor(name, filter, &parents);
        self.lower_topic(lowering, &[filter]);
    }

    /// Adds the topic, a sink below `parents` and the source.
    pub(crate) fn lower_topic(&self, lowering: &mut Lowering<'_>, parents: &[NodeRef<K, V>]) {
        let RepartitionNames { topic, sink, source } = &self.names;
        let key = lowering.serde(&self.key_serde, sink, "key");
        let value = lowering.serde(&self.value_serde, sink, "value");
        lowering.note_internal(topic);
        lowering.add_repartition_topic(topic, self.partitions);
        let mut options = SinkOptions::topic(topic, key.clone(), value.clone());
        if let Some(partitioner) = self.partitioner.clone().or_else(|| {
            let by_key = lowering.partitioner(&self.key_serde)?;
            let by_key = move |topic: &str, key: &K, _: &V, count| by_key(topic, key, count).into();
            Some(Arc::new(by_key) as _)
        }) {
            options = options.with_partitioner(partitioner);
        }
        lowering.sink(sink, options, parents);
        let topics = [topic.to_string()];
        let options = SourceOptions::new(topics.clone(), key, value);
        let options = options.with_timestamp_extractor(own_timestamp());
        if let Some(node) = lowering.source(source, &topics, options) {
            lowering.forwards(node);
        }
    }
}

/// A topic behind a node that takes the null out of the type of the keys.
struct Unwrapping<KIn, K, V> {
    topic: Repartition<K, V>,
    filter: Name,
    above: PhantomData<fn(KIn)>,
}

impl<KIn, K, V> Part for Unwrapping<KIn, K, V>
where
    KIn: Nullable<K> + 'static,
    K: Send + 'static,
    V: Send + 'static,
{
    fn lower(&self, lowering: &mut Lowering<'_>) {
        // Where a join below takes records without a key, Java lets them through here, and the node
        // behind the topic drops and counts them. Its type has no nulls any more: they are counted
        // here.
        let counts = lowering.keeps_null_keys();
        let process = move |record: Record<'_, KIn, V>, context: &mut Context<'_, K, V>| {
            match record.key.as_value() {
                Some(key) => context.forward(record.with_key(key))?,
                None if counts => context.drop_record("the key is null"),
                None => {}
            }
            Ok(())
        };
        self.topic.lower(lowering, &self.filter, move || process);
    }
}

/// A topic behind a node that keeps the type of the keys.
struct Keeping<K, V> {
    topic: Repartition<K, V>,
    filter: Name,
    has_key: fn(&K) -> bool,
}

impl<K: Send + 'static, V: Send + 'static> Part for Keeping<K, V> {
    fn lower(&self, lowering: &mut Lowering<'_>) {
        let (keep, has_key) = (lowering.keeps_null_keys(), self.has_key);
        let process = move |record: Record<'_, K, V>, context: &mut Context<'_, K, V>| {
            if keep || has_key(record.key) {
                context.forward(record)?;
            }
            Ok(())
        };
        self.topic.lower(lowering, &self.filter, move || process);
    }
}

/// Properties of a topic before it is merged with others.
struct ToMerge<K, V> {
    topic: Name,
    key_serde: Slot<K>,
    value_serde: Slot<V>,
    has_key: fn(&K) -> bool,
}

impl<K: Send + 'static, V: Send + 'static> Mergeable for ToMerge<K, V> {
    fn topic(&self) -> &Name {
        &self.topic
    }

    fn below_change_of_key(&self, names: RepartitionNames, filter: Name) -> Arc<dyn Part> {
        let topic = Repartition::new(names, self.key_serde.clone(), self.value_serde.clone());
        Arc::new(Keeping { topic, filter, has_key: self.has_key })
    }
}

/// The timestamp on an internal topic, whatever extractor the application uses for its own.
pub(crate) fn own_timestamp<K, V>() -> TimestampExtractor<K, V> {
    Arc::new(|ask| {
        let timestamp = ask.record.timestamp;
        if timestamp < 0 {
            return Err(format!("a record of an internal topic has timestamp {timestamp}").into());
        }
        Ok(timestamp)
    })
}
