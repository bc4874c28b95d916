//! The last pass: nodes and stores of a topology.

use std::{
    any::Any,
    collections::{BTreeMap, HashMap, HashSet},
    convert::Infallible,
    sync::Arc,
};

use streams_core::{
    Result,
    processor::Processor,
    serde::{SerdeRef, Serdes},
    store::{GlobalStoreRef, KeyValueStore, StateStore, StoreBuilder, StoreRef},
    topology::{
        NodeId, NodeRef, ProcessorWrapper, SinkOptions, SourceOptions, TopicPattern, Topology,
        TopologyBuilder, TopologyError, TopologyProblem,
    },
};

use super::{
    BuildSettings, Caller, GraphNodeId, Name, Role, Slot, StepId,
    names::has_number,
    needs::Needs,
    node::GraphNode,
    order::{above_null_key_joins, order},
    serdes::{KeyPartitioner, MissingSerde},
    sketch::Graph,
};
use crate::change::Change;

/// State of the lowering: the topology so far, and the results of nodes lowered before.
pub(crate) struct Lowering<'g> {
    topology: TopologyBuilder,
    graph: &'g Graph,
    needs: &'g Needs,
    serdes: &'g Serdes,
    /// The node that is being lowered.
    current: GraphNodeId,
    /// Output of each node of the graph, as a `NodeRef<K, V>`.
    outputs: HashMap<GraphNodeId, Box<dyn Any>>,
    /// Nodes by name, but for those of global stores.
    nodes: HashMap<Name, NodeId>,
    /// The names of all nodes.
    names: HashSet<Name>,
    /// Reader of each topic.
    readers: HashMap<String, Name>,
    /// Reader of the topics that match a pattern.
    pattern_readers: Vec<(TopicPattern, Name)>,
    /// Repartition topics, which match no pattern.
    repartition_topics: HashSet<String>,
    /// All stores by name, each as a `StoreRef<S>` or a `GlobalStoreRef<S>`.
    stores: HashMap<Name, Box<dyn Any>>,
    /// Stores that the program added by itself and no node has used yet, with the lines that added
    /// them.
    unused: BTreeMap<Name, Caller>,
    /// Nodes above a join that keeps records without a key.
    above_null_key_joins: HashSet<GraphNodeId>,
    /// The stores that several nodes of a step share, as they were added.
    shared: HashMap<StepId, Box<dyn Any>>,
    settings: BuildSettings,
    /// Generated names of stores and repartition topics.
    generated: Vec<Name>,
    problems: Vec<TopologyProblem>,
}

/// Treatment of a table's changes besides forwarding them.
pub(crate) struct Output<S> {
    /// The store that keeps the rows, if there is one.
    pub(crate) store: Option<StoreRef<S>>,
    /// True if old values are sent.
    pub(crate) send_old: bool,
}

impl<S> Clone for Output<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Output<S> {}

/// Lowers all nodes.
///
/// # Errors
/// `Topology` with all mistakes, one a line.
pub(super) fn lower(
    graph: &Graph,
    needs: &Needs,
    serdes: &Serdes,
    (settings, wrapper): (BuildSettings, Option<Arc<dyn ProcessorWrapper>>),
    problems: Vec<TopologyProblem>,
) -> Result<Topology> {
    let topology = TopologyBuilder::new().with_config_check(move |config| settings.check(config));
    let mut lowering = Lowering {
        topology: match wrapper {
            Some(wrapper) => topology.with_processor_wrapper(wrapper),
            None => topology,
        },
        graph,
        needs,
        serdes,
        current: 0,
        outputs: HashMap::new(),
        nodes: HashMap::new(),
        names: HashSet::new(),
        readers: HashMap::new(),
        pattern_readers: Vec::new(),
        repartition_topics: HashSet::new(),
        stores: HashMap::new(),
        unused: BTreeMap::new(),
        shared: HashMap::new(),
        above_null_key_joins: above_null_key_joins(&graph.nodes),
        settings,
        generated: Vec::new(),
        problems,
    };
    for id in order(&graph.nodes) {
        lowering.current = id;
        match graph.nodes.get(id) {
            Some(GraphNode { role: Role::ReplacedBy(source), name, .. }) => {
                lowering.stand_for(source, name);
            }
            Some(node) => node.part.lower(&mut lowering),
            None => {}
        }
    }
    for group in &graph.copartition {
        let nodes = group.iter().filter_map(|name| lowering.nodes.get(name));
        let ids: Vec<_> = nodes.copied().collect();
        lowering.topology.copartition(&ids);
    }
    lowering.check_names();
    lowering.check_stores();
    if lowering.problems.is_empty() {
        return lowering.topology.build();
    }
    Err(TopologyError::new(lowering.problems).into())
}

impl Lowering<'_> {
    fn node(&self) -> Option<&GraphNode> {
        self.graph.nodes.get(self.current)
    }

    /// Notes a mistake if stores or repartition topics have generated names and must not.
    fn check_names(&mut self) {
        if !self.settings.explicit_names || self.generated.is_empty() {
            return;
        }
        let names = self.generated.join(", ");
        self.problems.push(TopologyProblem::of_all(format_args!(
            "ensure.explicit.internal.resource.naming is set, and these stores and repartition topics have generated \
             names, which change with the topology: {names}; give names to the operators that make them, with `named` \
             and `stored`"
        )));
    }

    /// Notes a mistake for each store that no node uses.
    fn check_stores(&mut self) {
        for (name, caller) in std::mem::take(&mut self.unused) {
            let text = format!(
                "store `{name}` is connected to no node; give it to the processors that use it, as in \
                 `process_with(&store, …)`"
            );
            self.problems.push(TopologyProblem::at(caller, text));
        }
    }

    /// Remembers the name of a store or repartition topic if it was generated.
    pub(crate) fn note_internal(&mut self, name: &Name) {
        if has_number(name) {
            self.generated.push(name.clone());
        }
    }

    /// Notes a mistake, with the line that added the node.
    pub(crate) fn problem(&mut self, text: impl std::fmt::Display) {
        let problem = match self.node() {
            Some(node) => TopologyProblem::at(node.caller, text),
            None => TopologyProblem::of_all(text),
        };
        self.problems.push(problem);
    }

    /// Returns whether records without a key must stay, because a join below keeps them.
    pub(crate) fn keeps_null_keys(&self) -> bool {
        self.above_null_key_joins.contains(&self.current)
    }

    /// Returns whether the current node is a table that something needs a store of.
    pub(crate) fn needs_store(&self) -> bool {
        self.needs.has_store(self.current)
    }

    /// Returns whether the current node is to send old values.
    pub(crate) fn sends_old_values(&self) -> bool {
        self.needs.sends_old_values(self.current)
    }

    /// The name of the store that a step made for processors.
    pub(crate) fn store_of(&self, step: StepId) -> Option<&Name> {
        self.graph.stores.get(&step)
    }

    /// Adds the node of a table, with its store if it has one: processors that `make` makes of both
    /// keep the rows there.
    pub(crate) fn table<S, P, KIn, VIn, K, V>(
        &mut self,
        name: &Name,
        parents: &[NodeRef<KIn, VIn>],
        store: Option<StoreBuilder<S>>,
        make: impl Fn(Output<S>) -> P + Send + Sync + 'static,
    ) -> Option<StoreRef<S>>
    where
        S: StateStore,
        P: Processor<KIn, VIn, K, Change<V>> + 'static,
        KIn: 'static,
        VIn: 'static,
        K: 'static,
        V: 'static,
    {
        let store = store.map(|store| self.add_store(store));
        self.table_of(name, parents, store, make);
        store
    }

    /// Like [`table`](Self::table), with a store that has been added.
    pub(crate) fn table_of<S, P, KIn, VIn, K, V>(
        &mut self,
        name: &Name,
        parents: &[NodeRef<KIn, VIn>],
        store: Option<StoreRef<S>>,
        make: impl Fn(Output<S>) -> P + Send + Sync + 'static,
    ) where
        S: StateStore,
        P: Processor<KIn, VIn, K, Change<V>> + 'static,
        KIn: 'static,
        VIn: 'static,
        K: 'static,
        V: 'static,
    {
        let output = Output { store, send_old: self.sends_old_values() };
        let node = self.processor(name, move || make(output), parents);
        if let Some(store) = store {
            self.topology.connect(node.id(), store);
            self.topology.flush_with(store, node.id());
        }
        self.forwards::<K, Change<V>>(node);
    }

    /// The store that several nodes of a step share: the first of them adds it.
    pub(crate) fn shared_store<R: Copy + 'static>(
        &mut self,
        step: StepId,
        add: impl FnOnce(&mut Self) -> R,
    ) -> Option<R> {
        if let Some(store) = self.shared.get(&step) {
            return store.downcast_ref().copied();
        }
        let store = add(self);
        self.shared.insert(step, Box::new(store));
        Some(store)
    }

    /// The settings of this build.
    pub(crate) const fn settings(&self) -> BuildSettings {
        self.settings
    }

    /// Returns whether the parents of the current node forward these types.
    pub(crate) fn parents_forward<K: 'static, V: 'static>(&self) -> bool {
        let parents = self.node().map_or(&[][..], |node| &node.parents);
        let typed =
            |parent| self.outputs.get(parent).is_some_and(|node| node.is::<NodeRef<K, V>>());
        parents.iter().all(typed)
    }

    /// Outputs of the current node's parents.
    pub(crate) fn parents<K: 'static, V: 'static>(&mut self) -> Vec<NodeRef<K, V>> {
        let parents = self.node().map(|node| node.parents.clone()).unwrap_or_default();
        let find = |parent: &GraphNodeId| self.outputs.get(parent)?.downcast_ref().copied();
        let found: Vec<_> = parents.iter().filter_map(find).collect();
        // After another mistake a parent may be missing for that reason.
        if found.len() < parents.len() && self.problems.is_empty() {
            let name = self.node().map(|node| node.name.clone()).unwrap_or_default();
            self.problem(format!("node `{name}` has a parent that was not built before it"));
        }
        found
    }

    /// Output of a node lowered before this one; notes a mistake if there is no such node.
    pub(crate) fn forwarded<K: 'static, V: 'static>(
        &mut self,
        node: GraphNodeId,
    ) -> Option<NodeRef<K, V>> {
        let found = self.outputs.get(&node).and_then(|node| node.downcast_ref()).copied();
        if found.is_none() && self.problems.is_empty() {
            self.problem("a node was not built before the one that needs it");
        }
        found
    }

    /// Output of one of the current node's parents, by its index among them. A parent that appears
    /// several times counts once.
    pub(crate) fn parent<K: 'static, V: 'static>(&self, place: usize) -> Vec<NodeRef<K, V>> {
        let parents = self.node().map_or(&[][..], |node| &node.parents);
        let parent = parents.get(place).or(parents.last());
        let found = parent.and_then(|parent| self.outputs.get(parent)?.downcast_ref().copied());
        found.into_iter().collect()
    }

    /// Makes `node` what the current node forwards.
    pub(crate) fn forwards<K: 'static, V: 'static>(&mut self, node: NodeRef<K, V>) {
        self.outputs.insert(self.current, Box::new(node));
    }

    /// The serde of `what` at node `name`; notes a mistake if there is none.
    pub(crate) fn serde<T: 'static>(
        &mut self,
        slot: &Slot<T>,
        name: &str,
        what: &str,
    ) -> SerdeRef<T> {
        slot.find(self.serdes).unwrap_or_else(|missing| {
            let remedy = remedy(missing);
            self.problem(format!(
                "node `{name}` needs a serde for its {what}, and there is none for `{missing}`: {remedy}"
            ));
            Arc::new(MissingSerde)
        })
    }

    /// The partitioner of a key, where it is not the hash of its bytes.
    pub(crate) fn partitioner<T: 'static>(&self, slot: &Slot<T>) -> Option<KeyPartitioner<T>> {
        slot.partitioner(self.serdes)
    }

    fn take_name(&mut self, name: &Name) -> bool {
        let free = self.names.insert(name.clone());
        if !free {
            self.problem(format!("a node named `{name}` exists already"));
        }
        free
    }

    /// Adds a source node.
    pub(crate) fn source<K: Send + 'static, V: Send + 'static>(
        &mut self,
        name: &Name,
        topics: &[String],
        options: SourceOptions<K, V>,
    ) -> Option<NodeRef<K, V>> {
        // A source that clashes with another is left out: its mistake is noted, and once is enough.
        let fine = self.take_source(name, topics);
        let node = fine.then(|| self.topology.add_source(name, options))?;
        self.nodes.insert(name.clone(), node.id());
        Some(node)
    }

    /// Adds a source node that reads the topics that match a pattern.
    pub(crate) fn pattern_source<K: Send + 'static, V: Send + 'static>(
        &mut self,
        name: &Name,
        pattern: &str,
        options: SourceOptions<K, V>,
    ) -> Option<NodeRef<K, V>> {
        let fine = self.take_name(name);
        // One that is none was noted when it was drawn.
        let pattern = TopicPattern::new(pattern).ok()?;
        let mut read: Vec<&String> = self.readers.keys().collect();
        read.sort_unstable();
        let matched = read.into_iter().find(|topic| self.is_matched(topic, &pattern)).cloned();
        if let Some(topic) = &matched {
            let reader = self.readers.get(topic).cloned().unwrap_or_default();
            self.problem(format!(
                "pattern `{pattern}` matches topic {topic}, which is read by source `{reader}` already"
            ));
        }
        self.pattern_readers.push((pattern, name.clone()));
        let node = (fine && matched.is_none()).then(|| self.topology.add_source(name, options))?;
        self.nodes.insert(name.clone(), node.id());
        Some(node)
    }

    fn is_matched(&self, topic: &str, pattern: &TopicPattern) -> bool {
        !self.repartition_topics.contains(topic) && pattern.matches(topic)
    }

    /// Adds a repartition topic, before what reads it.
    pub(crate) fn add_repartition_topic(&mut self, topic: &str, partitions: Option<i32>) {
        self.repartition_topics.insert(topic.to_owned());
        self.topology.add_repartition_topic(topic, partitions);
    }

    /// Returns whether a source of this name may read these topics; notes a mistake if not.
    fn take_source(&mut self, name: &Name, topics: &[String]) -> bool {
        let mut fine = self.take_name(name);
        for topic in topics {
            if let Some(reader) = self.readers.insert(topic.clone(), name.clone()) {
                self.problem(format!("topic {topic} is read by source `{reader}` already"));
                fine = false;
            }
            let mut patterns = self.pattern_readers.iter();
            let matched = patterns.find(|(pattern, _)| self.is_matched(topic, pattern));
            if let Some((pattern, reader)) = matched {
                let text =
                    format!("topic {topic} matches the pattern `{pattern}` of source `{reader}`");
                self.problem(text);
                fine = false;
            }
        }
        fine
    }

    /// Lets a source be found by the name of another one that was merged into it.
    pub(super) fn stand_for(&mut self, source: &str, other: &Name) {
        if let Some(node) = self.nodes.get(source) {
            self.nodes.insert(other.clone(), *node);
            self.names.insert(other.clone());
        }
    }

    /// The node of this name, if it has been added.
    pub(crate) fn node_named(&self, name: &Name) -> Option<NodeId> {
        self.nodes.get(name).copied()
    }

    /// Adds a processor node.
    pub(crate) fn processor<P, KIn, VIn, KOut, VOut>(
        &mut self,
        name: &Name,
        supplier: impl Fn() -> P + Send + Sync + 'static,
        parents: &[NodeRef<KIn, VIn>],
    ) -> NodeRef<KOut, VOut>
    where
        P: Processor<KIn, VIn, KOut, VOut> + 'static,
        KIn: 'static,
        VIn: 'static,
        KOut: 'static,
        VOut: 'static,
    {
        self.take_name(name);
        let node = self.topology.add_processor(name, supplier, parents);
        self.nodes.insert(name.clone(), node.id());
        node
    }

    /// Adds a sink node.
    pub(crate) fn sink<K: Send + 'static, V: Send + 'static>(
        &mut self,
        name: &Name,
        options: SinkOptions<K, V>,
        parents: &[NodeRef<K, V>],
    ) {
        self.take_name(name);
        let node = self.topology.add_sink(name, options, parents);
        self.nodes.insert(name.clone(), node);
    }

    /// Adds a store.
    pub(crate) fn add_store<S: StateStore>(&mut self, builder: StoreBuilder<S>) -> StoreRef<S> {
        let name = self.take_store(builder.name());
        let store = self.topology.add_state_store(builder);
        self.stores.insert(name, Box::new(store));
        store
    }

    /// Adds a store of the program, which some node below must use.
    pub(crate) fn add_user_store<S: StateStore>(&mut self, builder: StoreBuilder<S>) {
        let (name, caller) = (builder.name().into(), self.node().map(|node| node.caller));
        self.add_store(builder);
        self.unused.extend(caller.map(|caller| (name, caller)));
    }

    fn take_store(&mut self, name: &str) -> Name {
        let name: Name = name.into();
        if self.stores.contains_key(&name) {
            self.problem(format!("a store named `{name}` exists already"));
        }
        self.note_internal(&name);
        name
    }

    /// The store of this name, if it has been added.
    pub(crate) fn store<S: StateStore>(&mut self, name: &str) -> Option<StoreRef<S>> {
        self.unused.remove(name);
        self.find_store(name)
    }

    /// Adds a global store, with the nodes of these names that fill it.
    pub(crate) fn add_global_store<K, V, KIn, VIn, P>(
        &mut self,
        (source, processor): (&Name, &Name),
        topics: &[String],
        options: SourceOptions<KIn, VIn>,
        builder: StoreBuilder<KeyValueStore<K, V>>,
        supplier: impl Fn(StoreRef<KeyValueStore<K, V>>) -> P + Send + Sync + 'static,
    ) where
        K: 'static,
        V: Clone + Send + 'static,
        KIn: Send + 'static,
        VIn: Send + 'static,
        P: Processor<KIn, VIn, Infallible, Infallible> + 'static,
    {
        let name = self.take_store(builder.name());
        let fine = self.take_source(source, topics);
        if !self.take_name(processor) || !fine {
            return;
        }
        let topology = &mut self.topology;
        let store = topology.add_global_store(source, options, processor, builder, supplier);
        self.stores.insert(name, Box::new(store));
    }

    /// The global store of this name, if it has been added.
    pub(crate) fn global_store<S: StateStore>(&mut self, name: &str) -> Option<GlobalStoreRef<S>> {
        self.find_store(name)
    }

    fn find_store<R: Copy + 'static>(&mut self, name: &str) -> Option<R> {
        let store = self.stores.get(name).and_then(|store| store.downcast_ref()).copied();
        if store.is_none() {
            self.problem(format!("there is no store `{name}` before this node"));
        }
        store
    }

    /// The topology, for what has no method here.
    pub(crate) fn topology(&mut self) -> &mut TopologyBuilder {
        &mut self.topology
    }
}

/// Remedy for a type without a serde.
fn remedy(missing: &str) -> &'static str {
    if missing.starts_with("core::result::Result<") {
        "a closure that can fail goes into the `try_` form of its operator, which hands its errors \
         to the processing exception handler"
    } else {
        "give one there, or register one on the builder with `serde`"
    }
}
