//! Builder of a topology, node by node: the Processor API.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    panic::Location,
    sync::Arc,
};

use super::{
    NodeDef, NodeId, NodeKind, NodeRef, RepartitionDef, SinkOptions, SourceOptions, SourceTopics,
    StoreDef, TaskBuilder, TopicPattern, Topology, TopologyError, TopologyProblem, WrappedNode,
    definition::{BuildNode, BuildProcessor, CopartitionGroup},
    processor_wrapper::Wrapping,
    subtopologies::ConfigCheck,
};
use crate::{
    Error, ErrorKind, Result,
    config::ValidConfig,
    processor::{
        Around, Event, Node, NodeInfo, Processor, ProcessorNode, SinkNode, SinkTopic, SourceNode,
        TaskState,
    },
    store::{GlobalStoreRef, KeyValueStore, StateStore, StoreBuilder, StoreRef},
};

/// Collects the nodes, stores and internal topics of a topology. Java's `Topology` under
/// construction.
///
/// Mistakes (a name used twice, a topic read twice) are reported together by
/// [`build`](Self::build), each with the line of the program that made it.
///
/// ```
/// use streams_core::{
///     BoxError, Record, serde,
///     processor::Context,
///     topology::{SinkOptions, SourceOptions, TopologyBuilder},
/// };
///
/// let mut builder = TopologyBuilder::new();
/// let source = SourceOptions::new(["in"], serde::string(), serde::string());
/// let source = builder.add_source("source", source);
/// let upper = || {
///     |record: Record<'_, String, String>, context: &mut Context<'_, String, String>| {
///         context.forward(record.with_value(&record.value.to_uppercase())).map_err(BoxError::from)
///     }
/// };
/// let upper = builder.add_processor("upper", upper, &[source]);
/// builder.add_sink("sink", SinkOptions::topic("out", serde::string(), serde::string()), &[upper]);
/// assert!(builder.build()?.describe().contains("Processor: upper (stores: [])"));
/// # Ok::<(), streams_core::Error>(())
/// ```
#[derive(Default)]
pub struct TopologyBuilder {
    nodes: Vec<NodeDef>,
    stores: Vec<StoreDef>,
    repartition: BTreeMap<String, RepartitionDef>,
    copartition: Vec<CopartitionGroup>,
    problems: Vec<TopologyProblem>,
    pub(super) wrapping: Wrapping,
    config_check: Option<ConfigCheck>,
}

impl std::fmt::Debug for TopologyBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TopologyBuilder({} nodes, {} stores)", self.nodes.len(), self.stores.len())
    }
}

impl TopologyBuilder {
    /// Creates an empty topology.
    pub fn new() -> Self {
        Self::default()
    }

    #[track_caller]
    fn add(&mut self, name: &str, kind: NodeKind, parents: &[usize]) -> usize {
        let index = self.nodes.len();
        if self.nodes.iter().any(|node| *node.name == *name) {
            self.problem(format!("a node named `{name}` exists already"));
        }
        if parents.is_empty() && !matches!(kind, NodeKind::Source { .. }) {
            self.problem(format!("node `{name}` has no parents, so that no record comes to it"));
        }
        for parent in parents {
            match self.nodes.get_mut(*parent) {
                Some(parent) => parent.children.push(index),
                None => self.problem(format!("a parent of node `{name}` is of another topology")),
            }
        }
        let parents = parents.to_vec();
        let (children, stores) = (Vec::new(), Vec::new());
        self.nodes.push(NodeDef { name: name.into(), kind, parents, children, stores });
        index
    }

    /// Notes a mistake, with the line of the caller, for [`build`](Self::build) to report.
    #[track_caller]
    pub fn problem(&mut self, text: impl std::fmt::Display) {
        self.problems.push(TopologyProblem::at(Location::caller(), text));
    }

    /// Adds a node that reads topics.
    #[track_caller]
    pub fn add_source<K: Send + 'static, V: Send + 'static>(
        &mut self,
        name: &str,
        options: SourceOptions<K, V>,
    ) -> NodeRef<K, V> {
        let SourceOptions { topics, key_serde, value_serde, extractor, reset } = options;
        let topics = match topics {
            Ok(topics) => topics,
            Err(error) => {
                self.problem(error);
                SourceTopics::Named(Vec::new())
            }
        };
        if let Some(problem) = self.overlap(&topics) {
            self.problem(problem);
        }
        let build = Arc::new(move |builder: &mut TaskBuilder<'_>, info: &Arc<NodeInfo>| {
            let node = SourceNode {
                info: info.clone(),
                key_serde: key_serde.clone(),
                value_serde: value_serde.clone(),
                extractor: extractor.clone(),
                children: builder.children::<K, V>(info.id)?,
                heads: Vec::new(),
            };
            Ok(Box::new(node) as Box<dyn crate::processor::Source>)
        });
        NodeRef::new(self.add(name, NodeKind::Source { topics, reset, build }, &[]))
    }

    /// The reason why a source can't read these topics besides those that others read: each topic
    /// has one reader. A topic common to two patterns is noticed only when it exists.
    fn overlap(&self, topics: &SourceTopics) -> Option<String> {
        let sources = self.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Source { topics, .. } => Some((&node.name, topics)),
            _ => None,
        });
        let mut overlaps = sources.filter_map(|(reader, read)| match (read, topics) {
            (SourceTopics::Named(read), SourceTopics::Named(topics)) => {
                let topic = topics.iter().find(|topic| read.contains(topic))?;
                Some(format!("topic {topic} is read by source `{reader}` already"))
            }
            (SourceTopics::Matching(pattern), SourceTopics::Named(topics)) => {
                let topic = self.first_match(topics, pattern)?;
                Some(format!("topic {topic} matches the pattern `{pattern}` of source `{reader}`"))
            }
            (SourceTopics::Named(read), SourceTopics::Matching(pattern)) => {
                let topic = self.first_match(read, pattern)?;
                Some(format!(
                    "pattern `{pattern}` matches topic {topic}, which is read by source `{reader}` already"
                ))
            }
            (SourceTopics::Matching(read), SourceTopics::Matching(pattern)) => (read == pattern)
                .then(|| format!("pattern `{pattern}` is read by source `{reader}` already")),
        });
        overlaps.next()
    }

    /// The first of these topics that a pattern matches, other than internal ones.
    fn first_match<'t>(&self, topics: &'t [String], pattern: &TopicPattern) -> Option<&'t String> {
        let own = |topic: &&String| self.repartition.contains_key(*topic);
        topics.iter().find(|topic| !own(topic) && pattern.matches(topic))
    }

    /// Adds a node of user code below `parents`. `supplier` makes one processor per task.
    #[track_caller]
    pub fn add_processor<P, KIn, VIn, KOut, VOut>(
        &mut self,
        name: &str,
        supplier: impl Fn() -> P + Send + Sync + 'static,
        parents: &[NodeRef<KIn, VIn>],
    ) -> NodeRef<KOut, VOut>
    where
        P: Processor<KIn, VIn, KOut, VOut> + Any,
        KIn: 'static,
        VIn: 'static,
        KOut: 'static,
        VOut: 'static,
    {
        let node = self.add_unwrapped(name, supplier, parents);
        self.wrap(name, node.id());
        node
    }

    /// Adds a node of user code that no wrapper sees.
    #[track_caller]
    fn add_unwrapped<P, KIn, VIn, KOut, VOut>(
        &mut self,
        name: &str,
        supplier: impl Fn() -> P + Send + Sync + 'static,
        parents: &[NodeRef<KIn, VIn>],
    ) -> NodeRef<KOut, VOut>
    where
        P: Processor<KIn, VIn, KOut, VOut> + Any,
        KIn: 'static,
        VIn: 'static,
        KOut: 'static,
        VOut: 'static,
    {
        let build: BuildProcessor = Arc::new(move |builder, info, wrap| {
            let children = builder.children::<KOut, VOut>(info.id)?;
            let (info, processor) = (info.clone(), supplier());
            let node: Box<dyn Node<KIn, VIn>> = match wrap {
                None => Box::new(ProcessorNode::new(info, processor, children)),
                Some(wrap) => {
                    let around = Around { processor: Box::new(processor), wrapped: wrap() };
                    Box::new(ProcessorNode::new(info, around, children))
                }
            };
            Ok(Box::new(node))
        });
        let kind = NodeKind::Processor { build, wrap: None, control: control_node::<KIn, VIn> };
        NodeRef::new(self.add(name, kind, &indexes(parents)))
    }

    /// Asks the wrapper, if there is one, for code around a node.
    #[track_caller]
    fn wrap(&mut self, name: &str, node: NodeId) {
        let Some(wrapper) = self.wrapping.wrapper.clone() else { return };
        let wrapped = &mut WrappedNode { builder: self, node, name, caller: Location::caller() };
        let code = wrapper.wrap(wrapped);
        if let Some(NodeDef { kind: NodeKind::Processor { wrap, .. }, .. }) =
            self.nodes.get_mut(node.0)
        {
            *wrap = code;
        }
    }

    /// Adds a node that writes the records of its parents to a topic.
    #[track_caller]
    pub fn add_sink<K: Send + 'static, V: Send + 'static>(
        &mut self,
        name: &str,
        options: SinkOptions<K, V>,
        parents: &[NodeRef<K, V>],
    ) -> NodeId {
        let SinkOptions { topic, extractor, key_serde, value_serde, partitioner } = options;
        let fixed = match &topic {
            SinkTopic::Fixed(topic) => Some(topic.to_string()),
            SinkTopic::Dynamic(_) => None,
        };
        let build: BuildNode = Arc::new(move |builder, info| {
            let topic = match &topic {
                SinkTopic::Fixed(topic) => SinkTopic::Fixed(builder.topic_name(topic).into()),
                dynamic @ SinkTopic::Dynamic(_) => dynamic.clone(),
            };
            let (key, value) = (key_serde.clone(), value_serde.clone());
            let node = SinkNode::new(info.clone(), topic, key, value, partitioner.clone());
            Ok(Box::new(Box::new(node) as Box<dyn Node<K, V>>))
        });
        let control = control_node::<K, V>;
        let kind = NodeKind::Sink { topic: fixed, extractor, build, control };
        NodeId(self.add(name, kind, &indexes(parents)))
    }

    /// Adds a store. It exists in the task of every node that it is [connected](Self::connect) to;
    /// a store without connections is a mistake.
    #[track_caller]
    pub fn add_state_store<S: StateStore>(&mut self, builder: StoreBuilder<S>) -> StoreRef<S> {
        StoreRef::new(self.add_store(builder, false))
    }

    #[track_caller]
    fn add_store<S: StateStore>(&mut self, builder: StoreBuilder<S>, global: bool) -> usize {
        self.add_store_at(builder, global, Location::caller())
    }

    /// Adds a store, with the line of the program that asked for it.
    pub(super) fn add_store_at<S: StateStore>(
        &mut self,
        builder: StoreBuilder<S>,
        global: bool,
        caller: &'static Location<'static>,
    ) -> usize {
        let StoreBuilder { spec, make, .. } = builder;
        if self.stores.iter().any(|store| store.spec.name == spec.name) {
            let text = format!("a store named `{}` exists already", spec.name);
            self.problems.push(TopologyProblem::at(caller, text));
        }
        let (source_changelog, flushed_by) = (None, None);
        self.stores.push(StoreDef { spec, make, source_changelog, flushed_by, global, caller });
        self.stores.len() - 1
    }

    /// Adds a global store, of which every instance has all rows, with the source and the processor
    /// that fill it from one topic. Java's `Topology.addGlobalStore`.
    ///
    /// An instance reads all partitions of the topic on a separate thread, up to their ends before
    /// it starts, and then continues at its own pace: it is not synchronised with the input of
    /// other tasks. Every record goes through the source's serdes and the processor, also while the
    /// store is filled; the processor decides how to treat null keys and null values. The store has
    /// no changelog, whatever `store` says, since its topic serves as one: it should be compacted.
    /// The source's offset reset does not apply either; a store is always filled from the
    /// beginning, or from its position before a restart. Partitions added to the topic are read
    /// after the next start.
    ///
    /// `supplier` makes the processor that writes the store, one per instance. Any processor reads
    /// it by [`Context::global_store`](crate::processor::Context::global_store), without a
    /// connection.
    ///
    /// A record that can't be read goes to the deserialization exception handler. An error of the
    /// processor ends the instance, without asking the processing exception handler (KIP-1270).
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use streams_core::{
    ///     BoxError, Record, serde,
    ///     processor::Context,
    ///     store::Stores,
    ///     topology::{SinkOptions, SourceOptions, TopologyBuilder},
    /// };
    ///
    /// let mut builder = TopologyBuilder::new();
    /// let names = builder.add_global_store(
    ///     "customers",
    ///     SourceOptions::new(["customers"], serde::string(), serde::string()),
    ///     "keep",
    ///     Stores::key_value("names", serde::string(), serde::string()).in_memory(),
    ///     |names| {
    ///         move |record: Record<'_, String, String>, context: &mut Context<'_, Infallible, Infallible>| {
    ///             Ok::<(), BoxError>(context.store(names)?.put(record.key, Some(record.value.clone()))?)
    ///         }
    ///     },
    /// );
    /// let source = SourceOptions::new(["orders"], serde::string(), serde::string());
    /// let source = builder.add_source("orders", source);
    /// let name = move || {
    ///     move |record: Record<'_, String, String>, context: &mut Context<'_, String, String>| {
    ///         let name = context.global_store(names)?.get(record.value)?.unwrap_or_default();
    ///         context.forward(record.with_value(&name)).map_err(BoxError::from)
    ///     }
    /// };
    /// let name = builder.add_processor("name", name, &[source]);
    /// builder.add_sink("sink", SinkOptions::topic("named", serde::string(), serde::string()), &[name]);
    /// assert!(builder.build()?.describe().contains("Sub-topology: 0 for global store"));
    /// # Ok::<(), streams_core::Error>(())
    /// ```
    #[track_caller]
    pub fn add_global_store<KStore, VStore, K, V, P>(
        &mut self,
        source_name: &str,
        source: SourceOptions<K, V>,
        processor_name: &str,
        store: StoreBuilder<KeyValueStore<KStore, VStore>>,
        supplier: impl Fn(StoreRef<KeyValueStore<KStore, VStore>>) -> P + Send + Sync + 'static,
    ) -> GlobalStoreRef<KeyValueStore<KStore, VStore>>
    where
        P: Processor<K, V, Infallible, Infallible> + Any,
        K: Send + 'static,
        V: Send + 'static,
        KStore: 'static,
        VStore: Clone + Send + 'static,
    {
        if source.named().len() != 1 {
            let (name, topics) = (store.name(), source.in_words());
            self.problem(format!(
                "global store `{name}` must be filled from one topic, not {topics}"
            ));
        }
        let store = self.add_store(store.with_logging_disabled().with_caching_disabled(), true);
        let source = self.add_source(source_name, source);
        let written = StoreRef::new(store);
        let processor = self.add_unwrapped(processor_name, move || supplier(written), &[source]);
        self.connect(processor.id(), written);
        GlobalStoreRef::new(store)
    }

    /// Adds a store that is filled from one topic, partition by partition, with the source and the
    /// processor that do so. Java's `Topology.addReadOnlyStateStore` (KIP-813).
    ///
    /// The topic is the store's changelog: the store has none of its own, whatever `store` says. A
    /// restore puts the topic's keys and values into it unchanged, without the processor, up to the
    /// position from which the task reads on; so the processor should put its input unchanged, and
    /// the topic should be compacted. Other nodes can read the store once they are
    /// [connected](Self::connect) to it, and must not write to it.
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use streams_core::{
    ///     BoxError, Record, serde,
    ///     processor::Context,
    ///     store::Stores,
    ///     topology::{SourceOptions, TopologyBuilder},
    /// };
    ///
    /// let mut builder = TopologyBuilder::new();
    /// builder.add_read_only_state_store(
    ///     "customers",
    ///     SourceOptions::new(["customers"], serde::string(), serde::string()),
    ///     "keep",
    ///     Stores::key_value("names", serde::string(), serde::string()),
    ///     |names| {
    ///         move |record: Record<'_, String, String>, context: &mut Context<'_, Infallible, Infallible>| {
    ///             Ok::<(), BoxError>(context.store(names)?.put(record.key, Some(record.value.clone()))?)
    ///         }
    ///     },
    /// );
    /// assert!(builder.build()?.describe().contains("Processor: keep (stores: [names])"));
    /// # Ok::<(), streams_core::Error>(())
    /// ```
    #[track_caller]
    pub fn add_read_only_state_store<S, K, V, P>(
        &mut self,
        source_name: &str,
        source: SourceOptions<K, V>,
        processor_name: &str,
        store: StoreBuilder<S>,
        supplier: impl Fn(StoreRef<S>) -> P + Send + Sync + 'static,
    ) -> StoreRef<S>
    where
        S: StateStore,
        P: Processor<K, V, Infallible, Infallible> + Any,
        K: Send + 'static,
        V: Send + 'static,
    {
        let topic = source.named().first().cloned().unwrap_or_default();
        if source.named().len() != 1 {
            let (name, topics) = (store.name(), source.in_words());
            self.problem(format!(
                "read-only store `{name}` must be filled from one topic, not {topics}"
            ));
        }
        let store = store.with_logging_disabled().with_caching_disabled();
        let store = StoreRef::new(self.add_store(store, false));
        let source = self.add_source(source_name, source);
        let processor = self.add_unwrapped(processor_name, move || supplier(store), &[source]);
        self.connect(processor.id(), store);
        self.use_source_as_changelog(store, &topic);
        store
    }

    /// Lets a node use a store, which puts both in one sub-topology.
    #[track_caller]
    pub fn connect<S>(&mut self, node: NodeId, store: StoreRef<S>) {
        let known = store.index < self.stores.len();
        let Some(node) = self.nodes.get_mut(node.0).filter(|_| known) else {
            self.problem("a node or a store that is to be connected is of another topology");
            return;
        };
        if !node.stores.contains(&store.index) {
            node.stores.push(store.index);
        }
    }

    /// Calls the processor's `flush` at each commit, before anything is written, in the order in
    /// which stores were added: for the node that forwards the changes held back by this store's
    /// cache.
    pub fn flush_with<S>(&mut self, store: StoreRef<S>, node: NodeId) {
        if let Some(store) = self.stores.get_mut(store.index) {
            store.flushed_by = Some(node.0);
        }
    }

    /// Restores the store from this source topic instead of a changelog of its own.
    pub fn use_source_as_changelog<S>(&mut self, store: StoreRef<S>, topic: &str) {
        if let Some(store) = self.stores.get_mut(store.index) {
            store.source_changelog = Some(topic.to_owned());
        }
    }

    /// Declares an internal repartition topic; its name on the cluster starts with the application
    /// id. If the number of partitions is not given, it is derived from the writers of the topic or
    /// from those it is joined with.
    pub fn add_repartition_topic(&mut self, topic: &str, partitions: Option<i32>) {
        self.repartition.insert(topic.to_owned(), RepartitionDef { partitions });
    }

    /// Declares that the topics of these sources must have equal partition counts.
    pub fn copartition(&mut self, sources: &[NodeId]) {
        self.copartition.push(sources.iter().map(|source| source.0).collect::<BTreeSet<_>>());
    }

    /// Calls `check` with the configuration of each instance that is going to run the topology; an
    /// error of it is the instance's. For topologies that were shaped by settings and would differ
    /// with others.
    #[must_use]
    pub fn with_config_check(
        mut self,
        check: impl Fn(&ValidConfig) -> Result + Send + Sync + 'static,
    ) -> Self {
        self.config_check = Some(Arc::new(check));
        self
    }

    /// Builds the topology.
    ///
    /// # Errors
    /// `Topology` with all mistakes, one per line.
    pub fn build(self) -> Result<Topology> {
        let mut problems = self.problems;
        if self.nodes.iter().all(|node| !matches!(node.kind, NodeKind::Source { .. })) {
            problems.push(TopologyProblem::of_all("the topology reads no topic"));
        }
        for (index, store) in self.stores.iter().enumerate() {
            if !self.nodes.iter().any(|node| node.stores.contains(&index)) {
                let (name, caller) = (&store.spec.name, store.caller);
                let text = format!(
                    "store `{name}` is connected to no node; connect it to those that use it"
                );
                problems.push(TopologyProblem::at(caller, text));
            }
        }
        if !problems.is_empty() {
            return Err(TopologyError::new(problems).into());
        }
        let Self { nodes, stores, repartition, copartition, config_check, .. } = self;
        Ok(Topology::new(nodes, stores, repartition, copartition, config_check))
    }
}

fn indexes<K, V>(nodes: &[NodeRef<K, V>]) -> Vec<usize> {
    nodes.iter().map(|node| node.index).collect()
}

/// Calls the control method of a `Box<dyn Node<K, V>>` behind `Any`.
fn control_node<K: 'static, V: 'static>(
    node: &mut dyn Any,
    event: Event,
    task: &mut TaskState,
) -> Result {
    match node.downcast_mut::<Box<dyn Node<K, V>>>() {
        Some(node) => node.control(event, task),
        None => Err(Error::new(ErrorKind::Fatal, "a node has other types than its definition")),
    }
}
