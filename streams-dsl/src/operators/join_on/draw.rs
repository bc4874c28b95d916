//! The nodes of a join by foreign key, in Java's order of numbers.

use std::{marker::PhantomData, sync::Arc};

use streams_core::{
    BoxError,
    processor::StreamPartitioner,
    serde::{SerdeRef, bytes, option},
    store::Stores,
    topology::{SinkOptions, SourceOptions},
};

use super::{
    Pseudonym,
    answer::{Answerer, Receiver, Subscriptions, Teller},
    resolve::Resolver,
    subscribe::{Hasher, Subscriber},
};
use crate::{
    change::Change,
    foreign_key::{Response, ResponseSerde, Subscription, SubscriptionSerde},
    operators::table_source::UpdatedRows,
    options::{Materialized, TableJoined},
    plan::{
        Drawn, DrawnTable, GraphNodeId, Lowering, Name, Need, Operator, Role, Sketch, Slot, Step,
        own_timestamp, prefix,
    },
};

/// The closures that the program gave.
pub(super) struct Functions<E, F> {
    pub(super) extractor: Arc<E>,
    pub(super) joiner: Arc<F>,
    pub(super) left: bool,
}

impl<E, F> Clone for Functions<E, F> {
    fn clone(&self) -> Self {
        Self { extractor: self.extractor.clone(), joiner: self.joiner.clone(), left: self.left }
    }
}

type Types<K, V, KO, VO, VR> = fn(K, V, KO, VO) -> VR;

pub(super) struct ForeignKeyJoin<E, F, K, V, KO, VO, VR> {
    pub(super) functions: Functions<E, F>,
    pub(super) types: PhantomData<Types<K, V, KO, VO, VR>>,
}

/// The names of all nodes and topics.
#[derive(Clone)]
struct Names {
    subscription_topic: Name,
    subscribe: Name,
    subscription_sink: Name,
    subscription_source: Name,
    store: Name,
    receive: Name,
    answer: Name,
    tell: Name,
    response_topic: Name,
    response_sink: Name,
    response_source: Name,
    resolve: Name,
    result: Name,
}

impl Names {
    fn new(step: &Step, sketch: &mut Sketch<'_>) -> Self {
        let given = step.options.name.as_ref();
        let mut name = |suffix, prefix| sketch.names.suffixed_or_new(given, suffix, prefix);
        let topic = |name: Name| Name::from(format!("{name}-topic"));
        // Numbers are taken in this order.
        Self {
            subscription_topic: topic(name("-subscription-registration", prefix::FK_SUBSCRIBE)),
            subscribe: name("-subscription-registration-processor", prefix::FK_SUBSCRIBE),
            subscription_sink: name("-subscription-registration-sink", prefix::TABLE_SINK),
            subscription_source: name("-subscription-registration-source", prefix::TABLE_SOURCE),
            store: name("-subscription-store", prefix::FK_STORE),
            receive: name("-subscription-receive", prefix::FK_PROCESSOR),
            answer: name("-subscription-join-foreign", prefix::FK_PROCESSOR),
            tell: name("-foreign-join-subscription", prefix::FK_PROCESSOR),
            response_topic: topic(name("-subscription-response", prefix::FK_RESPONSE)),
            response_sink: name("-subscription-response-sink", prefix::TABLE_SINK),
            response_source: name("-subscription-response-source", prefix::TABLE_SOURCE),
            resolve: name("-subscription-response-resolver", prefix::FK_RESOLVER),
            result: name("-result", prefix::FK_OUTPUT),
        }
    }
}

impl<E, F, K, V, KO, VO, VR> Operator for ForeignKeyJoin<E, F, K, V, KO, VO, VR>
where
    E: Fn(&K, &V) -> Result<Option<KO>, BoxError> + Send + Sync + 'static,
    F: Fn(&V, Option<&VO>) -> Result<Option<VR>, BoxError> + Send + Sync + 'static,
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
    KO: Clone + Send + 'static,
    VO: Clone + Send + 'static,
    VR: Clone + Send + 'static,
{
    fn draw(&self, step: &Step, sketch: &mut Sketch<'_>) -> Option<Drawn> {
        let this = sketch.table::<K, V>(step)?;
        let other = sketch.output::<DrawnTable<KO, VO>>(step.inputs.get(1))?;
        let joined = step.options.table_joined::<TableJoined<K, KO>>().unwrap_or_default();
        sketch.need(Need::OldValues(other.node));
        sketch.need(Need::OldValues(this.node));
        sketch.need(Need::Rows(this.node));
        sketch.need(Need::Rows(other.node));
        let names = Names::new(step, sketch);
        let materialized = step.options.stored::<Materialized<K, VR>>().unwrap_or_default();
        let key_serde = Slot::given(materialized.key_serde.clone())
            .or(&Slot::given(step.options.key_serde()))
            .or(&this.key_serde);
        let value_serde = Slot::given(materialized.value_serde.clone())
            .or(&Slot::given(step.options.value_serde()));
        let serdes = (&key_serde, &value_serde);
        let rows = UpdatedRows::new(sketch, step, materialized, prefix::FK_OUTPUT, serdes);
        let functions = self.functions.clone();
        let join =
            Drawing { functions, names, this, other, joined, step, types: PhantomData::<VR> };
        let source = join.draw_subscriptions(sketch);
        let source = join.draw_responses(source, sketch);
        let resolver = join.draw_resolver(source, sketch);
        let Drawing { names, this, .. } = join;
        let (result, part_rows) = (names.result.clone(), rows.clone());
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, Option<VR>>();
            part_rows.lower::<K, Option<VR>>(lowering, &result, &parents, None);
        };
        let node = sketch.add(&names.result, Role::Other, &[resolver], step.caller, part);
        let sources: Vec<_> = this.sources.iter().cloned().chain([names.response_source]).collect();
        Some(rows.table(sketch, node, sources.into(), (key_serde, value_serde)).of(step))
    }
}

/// A join while it is drawn.
struct Drawing<'s, E, F, K, V, KO, VO, VR> {
    functions: Functions<E, F>,
    names: Names,
    this: DrawnTable<K, V>,
    other: DrawnTable<KO, VO>,
    joined: TableJoined<K, KO>,
    step: &'s Step,
    types: PhantomData<VR>,
}

impl<E, F, K, V, KO, VO, VR> Drawing<'_, E, F, K, V, KO, VO, VR>
where
    E: Fn(&K, &V) -> Result<Option<KO>, BoxError> + Send + Sync + 'static,
    F: Fn(&V, Option<&VO>) -> Result<Option<VR>, BoxError> + Send + Sync + 'static,
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
    KO: Clone + Send + 'static,
    VO: Clone + Send + 'static,
    VR: Clone + Send + 'static,
{
    /// Adds a node.
    fn add(
        &self,
        name: &Name,
        parents: &[GraphNodeId],
        sketch: &mut Sketch<'_>,
        part: impl Fn(&mut Lowering<'_>) + Send + Sync + 'static,
    ) -> GraphNodeId {
        sketch.add(name, Role::Other, parents, self.step.caller, part)
    }

    /// The node that subscribes, and the topic that it writes to. Returns the source of that topic.
    fn draw_subscriptions(&self, sketch: &mut Sketch<'_>) -> GraphNodeId {
        let (names, functions) = (self.names.clone(), self.functions.clone());
        let (keys, values) = (self.this.key_serde.clone(), self.this.value_serde.clone());
        let foreign_keys = self.other.key_serde.clone();
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, Change<V>>();
            let topic = &names.subscription_topic;
            let keys = lowering.pseudonym(&keys, &names.subscribe, "key", (topic, "pk"));
            let foreign_keys =
                lowering.pseudonym(&foreign_keys, &names.subscribe, "foreign key", (topic, "fk"));
            let values = lowering.pseudonym(&values, &names.subscribe, "value", (topic, "vh"));
            let functions = functions.clone();
            let supplier = move || Subscriber {
                extractor: functions.extractor.clone(),
                left: functions.left,
                keys: keys.clone(),
                foreign_keys: foreign_keys.clone(),
                hasher: Hasher::new(values.clone()),
                buffers: Default::default(),
            };
            let node = lowering.processor(&names.subscribe, supplier, &parents);
            lowering.forwards::<Option<KO>, Subscription>(node);
        };
        let subscribe = self.add(&self.names.subscribe, &[self.this.node], sketch, part);

        let (names, keys) = (self.names.clone(), self.other.key_serde.clone());
        let partitioner = self.joined.other_partitioner.clone();
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<Option<KO>, Subscription>();
            let (topic, sink) = (&names.subscription_topic, &names.subscription_sink);
            lowering.note_internal(topic);
            lowering.add_repartition_topic(topic, None);
            let key = option(lowering.serde(&keys, sink, "key"));
            let mut options = SinkOptions::topic(topic, key, Arc::new(SubscriptionSerde));
            if let Some(by_key) = partitioner.clone().or_else(|| lowering.partitioner(&keys)) {
                let partitioner: StreamPartitioner<Option<KO>, Subscription> =
                    Arc::new(move |topic, key, _, count| {
                        key.as_ref().and_then(|key| by_key(topic, key, count)).into()
                    });
                options = options.with_partitioner(partitioner);
            }
            lowering.sink(sink, options, &parents);
        };
        let sink = self.add(&self.names.subscription_sink, &[subscribe], sketch, part);

        let (names, keys) = (self.names.clone(), self.other.key_serde.clone());
        let part = move |lowering: &mut Lowering<'_>| {
            let source = &names.subscription_source;
            let key = option(lowering.serde(&keys, source, "key"));
            let topics = [names.subscription_topic.to_string()];
            let options = SourceOptions::new(topics.clone(), key, Arc::new(SubscriptionSerde));
            let options = options.with_timestamp_extractor(own_timestamp());
            if let Some(node) = lowering.source(source, &topics, options) {
                lowering.forwards::<Option<KO>, Subscription>(node);
            }
        };
        let source = self.add(&self.names.subscription_source, &[sink], sketch, part);
        let own = self.names.subscription_source.clone();
        sketch.copartition(self.other.sources.iter().cloned().chain([own]).collect());
        source
    }

    /// The nodes that keep and answer subscriptions, below `source`, and the topic that they write
    /// to. Returns the source of that topic.
    fn draw_responses(&self, source: GraphNodeId, sketch: &mut Sketch<'_>) -> GraphNodeId {
        let (names, foreign_keys) = (self.names.clone(), self.other.key_serde.clone());
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<Option<KO>, Subscription>();
            let store = Stores::timestamped_key_value(
                names.store.clone(),
                bytes(),
                Arc::new(SubscriptionSerde) as SerdeRef<Subscription>,
            );
            let store = store.with_headers_logged();
            let in_memory = lowering.settings().in_memory_stores;
            let store = lowering.add_store(if in_memory { store.in_memory() } else { store });
            let topic = (&*names.subscription_topic, "fk");
            let foreign_keys =
                lowering.pseudonym(&foreign_keys, &names.receive, "foreign key", topic);
            let supplier = move || Receiver {
                store,
                foreign_keys: foreign_keys.clone(),
                buffers: Default::default(),
            };
            let node = lowering.processor(&names.receive, supplier, &parents);
            lowering.topology().connect(node.id(), store);
            lowering.forwards::<Option<KO>, Subscription>(node);
        };
        let receive = self.add(&self.names.receive, &[source], sketch, part);

        let (names, keys) = (self.names.clone(), self.this.key_serde.clone());
        let rows = self.other.rows.clone();
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<Option<KO>, Subscription>();
            let Some((rows, connect)) = rows.getter(lowering) else { return };
            let topic = (&*names.subscription_topic, "pk");
            let keys = lowering.pseudonym(&keys, &names.answer, "key", topic);
            let supplier = move || Answerer { rows: rows.clone(), keys: keys.clone() };
            let node = lowering.processor(&names.answer, supplier, &parents);
            connect(lowering.topology(), node.id());
            lowering.forwards::<K, Response<VO>>(node);
        };
        let answer = self.add(&self.names.answer, &[receive], sketch, part);

        let (names, keys) = (self.names.clone(), self.this.key_serde.clone());
        let foreign_keys = self.other.key_serde.clone();
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<KO, Change<VO>>();
            let Some(store) = lowering.store::<Subscriptions>(&names.store) else { return };
            let topic = &*names.subscription_topic;
            let keys = lowering.pseudonym(&keys, &names.tell, "key", (topic, "pk"));
            let foreign_keys =
                lowering.pseudonym(&foreign_keys, &names.tell, "foreign key", (topic, "fk"));
            let supplier = move || Teller {
                store,
                keys: keys.clone(),
                foreign_keys: foreign_keys.clone(),
                buffer: Vec::new(),
            };
            let node = lowering.processor(&names.tell, supplier, &parents);
            lowering.topology().connect(node.id(), store);
            lowering.forwards::<K, Response<VO>>(node);
        };
        let tell = self.add(&self.names.tell, &[self.other.node], sketch, part);
        self.draw_response_topic(&[answer, tell], sketch)
    }

    /// The topic of the answers. Returns its source.
    fn draw_response_topic(&self, parents: &[GraphNodeId], sketch: &mut Sketch<'_>) -> GraphNodeId {
        let (names, keys) = (self.names.clone(), self.this.key_serde.clone());
        let (values, partitioner) =
            (self.other.value_serde.clone(), self.joined.partitioner.clone());
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, Response<VO>>();
            let (topic, sink) = (&names.response_topic, &names.response_sink);
            lowering.note_internal(topic);
            lowering.add_repartition_topic(topic, None);
            let key = lowering.serde(&keys, sink, "key");
            let value = Arc::new(ResponseSerde(lowering.serde(&values, sink, "foreign value")));
            // A subscription says where its row is; Java's before 3.4 do not, and leave it to the
            // key.
            let partitioner: StreamPartitioner<K, Response<VO>> = match partitioner.clone() {
                Some(by_key) => {
                    Arc::new(move |topic, key, _, count| by_key(topic, key, count).into())
                }
                None => Arc::new(|_, _, response, _| response.partition.into()),
            };
            let options = SinkOptions::topic(topic, key, value).with_partitioner(partitioner);
            lowering.sink(sink, options, &parents);
        };
        let sink = self.add(&self.names.response_sink, parents, sketch, part);

        let (names, keys) = (self.names.clone(), self.this.key_serde.clone());
        let values = self.other.value_serde.clone();
        let part = move |lowering: &mut Lowering<'_>| {
            let source = &names.response_source;
            let key = lowering.serde(&keys, source, "key");
            let value = Arc::new(ResponseSerde(lowering.serde(&values, source, "foreign value")));
            let topics = [names.response_topic.to_string()];
            let options = SourceOptions::new(topics.clone(), key, value);
            let options = options.with_timestamp_extractor(own_timestamp());
            if let Some(node) = lowering.source(source, &topics, options) {
                lowering.forwards::<K, Response<VO>>(node);
            }
        };
        let source = self.add(&self.names.response_source, &[sink], sketch, part);
        let own = self.names.response_source.clone();
        sketch.copartition(self.this.sources.iter().cloned().chain([own]).collect());
        source
    }

    /// The node that joins answers with rows, below `source`.
    fn draw_resolver(&self, source: GraphNodeId, sketch: &mut Sketch<'_>) -> GraphNodeId {
        let (names, functions) = (self.names.clone(), self.functions.clone());
        let (rows, values) = (self.this.rows.clone(), self.this.value_serde.clone());
        let part = move |lowering: &mut Lowering<'_>| {
            let parents = lowering.parents::<K, Response<VO>>();
            let Some((rows, connect)) = rows.getter(lowering) else { return };
            let topic = (&*names.subscription_topic, "vh");
            let values = lowering.pseudonym(&values, &names.resolve, "value", topic);
            let functions = functions.clone();
            let supplier = move || Resolver {
                rows: rows.clone(),
                hasher: Hasher::new(values.clone()),
                joiner: functions.joiner.clone(),
                left: functions.left,
            };
            let node = lowering.processor(&names.resolve, supplier, &parents);
            connect(lowering.topology(), node.id());
            lowering.forwards::<K, Option<VR>>(node);
        };
        self.add(&self.names.resolve, &[source], sketch, part)
    }
}

impl Lowering<'_> {
    /// Serde that writes and reads `what` at node `name` under the name of a topic and a suffix.
    fn pseudonym<T: 'static>(
        &mut self,
        slot: &Slot<T>,
        name: &str,
        what: &str,
        (topic, suffix): (&str, &str),
    ) -> Pseudonym<T> {
        Pseudonym::new(self.serde(slot, name, what), topic, suffix)
    }
}
