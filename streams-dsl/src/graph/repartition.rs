//! Repartition topics: from a stream, through a topic, to a stream again.

use std::sync::Arc;

use streams_core::{
    BoxError, Record,
    processor::{Context, Processor, StreamPartitioner, TimestampExtractor},
    topology::{NodeRef, SinkOptions, SourceOptions},
};

use super::{Graph, Lower, Lowering, Mergeable, Role, Slot, naming::is_generated, prefix};
use crate::processors::{Nullable, null_key_filter};

const SUFFIX: &str = "-repartition";

/// The names of a repartition topic and the nodes around it.
#[derive(Clone)]
pub(crate) struct RepartitionNames {
    pub(crate) topic: Arc<str>,
    pub(crate) sink: Arc<str>,
    pub(crate) source: Arc<str>,
}

impl Graph {
    /// The names of a repartition topic, and of the node that filters before it. Three numbers are
    /// taken, used or not.
    pub(crate) fn repartition_names(&mut self, base: &str) -> (RepartitionNames, Arc<str>) {
        let sink = self.new_name(prefix::SINK);
        let filter = self.new_name(prefix::FILTER);
        let source = self.new_name(prefix::SOURCE);
        let topic = repartition_topic(base);
        if is_generated(base) {
            return (RepartitionNames { topic, sink, source }, filter);
        }
        RepartitionNames::of_topic(topic)
    }
}

impl RepartitionNames {
    /// The names that follow from that of the topic.
    pub(super) fn of_topic(topic: Arc<str>) -> (Self, Arc<str>) {
        let named = |suffix: &str| Arc::from(format!("{topic}-{suffix}"));
        let (sink, filter, source) = (named("sink"), named("filter"), named("source"));
        (Self { topic, sink, source }, filter)
    }
}

/// The name of a repartition topic without the application id.
fn repartition_topic(base: &str) -> Arc<str> {
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

    /// What stands in the graph for this topic, so that it may become one with others. Merged, it
    /// keeps the type of the keys above it: nodes of that type may be below it then.
    pub(crate) fn mergeable<KIn>(&self, has_key: fn(&KIn) -> bool) -> Role
    where
        KIn: Send + 'static,
    {
        let (key, value) = (self.key_serde.convert::<KIn>(), self.value_serde.clone());
        let lower = move |names: RepartitionNames, filter: Arc<str>| -> Lower {
            let topic = Repartition::new(names, key.clone(), value.clone());
            Arc::new(move |lowering| topic.lower_keeping(lowering, &filter, has_key))
        };
        Role::Repartition(Mergeable { topic: self.names.topic.clone(), lower: Arc::new(lower) })
    }

    /// Adds the topic and its nodes; the node before the topic takes the null out of the type of
    /// the keys.
    pub(crate) fn lower_unwrapping<KIn>(&self, lowering: &mut Lowering<'_>, filter: &Arc<str>)
    where
        KIn: Nullable<K> + 'static,
    {
        // Where a join below takes records without a key, Java lets them through here, and the node
        // behind the topic drops and counts them. Its type has no nulls any more: they are counted
        // here.
        if lowering.keeps_null_keys() {
            self.lower::<KIn, _>(lowering, filter, || count_null_keys::<KIn, K, V>);
        } else {
            self.lower::<KIn, _>(lowering, filter, null_key_filter());
        }
    }

    /// Adds the topic and its nodes. Records without a key, as `has_key` says, end before the
    /// topic, unless a join below keeps them.
    pub(crate) fn lower_keeping(
        &self,
        lowering: &mut Lowering<'_>,
        filter: &Arc<str>,
        has_key: fn(&K) -> bool,
    ) {
        let keep = lowering.keeps_null_keys();
        let process = move |record: Record<'_, K, V>, context: &mut Context<'_, K, V>| {
            if keep || has_key(record.key) {
                context.forward(record)?;
            }
            Ok(())
        };
        self.lower(lowering, filter, move || process);
    }

    fn lower<KIn: 'static, P: Processor<KIn, V, K, V> + 'static>(
        &self,
        lowering: &mut Lowering<'_>,
        name: &Arc<str>,
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
        lowering.topology().add_repartition_topic(topic, self.partitions);
        let mut options = SinkOptions::topic(topic, key.clone(), value.clone());
        if let Some(partitioner) = self.partitioner.clone().or_else(|| {
            let by_key = lowering.partitioner(&self.key_serde)?;
            Some(Arc::new(move |topic: &str, key: &K, _: &V, count| by_key(topic, key, count)) as _)
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

/// The timestamp on an internal topic, whatever extractor the application uses for its own.
fn own_timestamp<K, V>() -> TimestampExtractor<K, V> {
    Arc::new(|ask| {
        let timestamp = ask.record.timestamp;
        if timestamp < 0 {
            return Err(format!("a record of an internal topic has timestamp {timestamp}").into());
        }
        Ok(timestamp)
    })
}

fn count_null_keys<KIn: Nullable<K>, K, V>(
    record: Record<'_, KIn, V>,
    context: &mut Context<'_, K, V>,
) -> Result<(), BoxError> {
    match record.key.as_value() {
        Some(key) => context.forward(record.with_key(key))?,
        None => context.drop_record("the key is null"),
    }
    Ok(())
}
