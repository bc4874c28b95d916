//! The finished topology, and its independent parts.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    NodeDef, NodeKind, RepartitionDef, SourceTopics, StoreDef, definition::CopartitionGroup,
};
use crate::{Result, config::ValidConfig, processor::Names};

/// A topology: nodes, stores and internal topics. Immutable; Java's `Topology`.
pub struct Topology {
    pub(crate) nodes: Vec<NodeDef>,
    pub(crate) stores: Vec<StoreDef>,
    pub(crate) repartition: BTreeMap<String, RepartitionDef>,
    pub(crate) copartition: Vec<CopartitionGroup>,
    /// The sub-topology of each node.
    subtopologies: Vec<u32>,
    pub(crate) names: Arc<Names>,
    config_check: Option<ConfigCheck>,
}

/// Refuses a configuration that a topology was not built for, with the reason.
pub(super) type ConfigCheck = Arc<dyn Fn(&ValidConfig) -> Result + Send + Sync>;

impl std::fmt::Debug for Topology {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Topology({} nodes, {} stores)", self.nodes.len(), self.stores.len())
    }
}

impl Topology {
    pub(super) fn new(
        nodes: Vec<NodeDef>,
        stores: Vec<StoreDef>,
        repartition: BTreeMap<String, RepartitionDef>,
        copartition: Vec<CopartitionGroup>,
        config_check: Option<ConfigCheck>,
    ) -> Self {
        let subtopologies = group(&nodes);
        let names = Arc::new(Names {
            nodes: nodes.iter().map(|node| node.name.clone()).collect(),
            stores: stores.iter().map(|store| store.spec.name.clone()).collect(),
        });
        Self { nodes, stores, repartition, copartition, subtopologies, names, config_check }
    }

    /// Refuses a configuration that the topology was not built for.
    pub(crate) fn check_config(&self, config: &ValidConfig) -> Result {
        self.config_check.as_ref().map_or(Ok(()), |check| check(config))
    }

    /// Numbers of the sub-topologies.
    pub(crate) fn subtopology_ids(&self) -> BTreeSet<u32> {
        self.subtopologies.iter().copied().collect()
    }

    /// Numbers of the sub-topologies that have tasks: all but those of global stores.
    pub(crate) fn task_subtopology_ids(&self) -> BTreeSet<u32> {
        self.subtopology_ids().into_iter().filter(|id| !self.is_global(*id)).collect()
    }

    /// Returns whether a sub-topology fills a global store. It has a number like the others, but no
    /// tasks.
    pub(crate) fn is_global(&self, subtopology: u32) -> bool {
        self.stores_of(subtopology).into_iter().any(|store| self.is_global_store(store))
    }

    /// Returns whether a store is global.
    pub(crate) fn is_global_store(&self, store: usize) -> bool {
        self.stores.get(store).is_some_and(|store| store.global)
    }

    /// The global stores, in the order in which they were added.
    pub(crate) fn global_stores(&self) -> Vec<usize> {
        (0..self.stores.len()).filter(|store| self.is_global_store(*store)).collect()
    }

    /// The topics of global stores, each with the store that it fills.
    pub(crate) fn global_topics(&self) -> Vec<(&str, usize)> {
        let mut topics = Vec::new();
        for id in self.subtopology_ids().into_iter().filter(|id| self.is_global(*id)) {
            let (nodes, stores) = (self.nodes_of(id), self.stores_of(id));
            let read = nodes.into_iter().flat_map(|node| self.topics_of(node));
            topics.extend(read.zip(stores).map(|(topic, store)| (topic.as_str(), store)));
        }
        topics
    }

    /// The nodes of a sub-topology, in the order in which they were added.
    pub(crate) fn nodes_of(&self, subtopology: u32) -> Vec<usize> {
        let nodes = self.subtopologies.iter().enumerate();
        nodes.filter(|(_, of)| **of == subtopology).map(|(index, _)| index).collect()
    }

    /// The stores of a sub-topology, in the order in which they were added.
    pub(crate) fn stores_of(&self, subtopology: u32) -> Vec<usize> {
        let mut stores = BTreeSet::new();
        for node in self.nodes_of(subtopology) {
            stores.extend(self.nodes.get(node).map_or(&[][..], |node| &node.stores));
        }
        stores.into_iter().collect()
    }

    /// The stores of a sub-topology that have a stream time.
    pub(crate) fn window_stores_of(&self, subtopology: u32) -> Vec<usize> {
        let has_windows = |store: &usize| {
            self.stores.get(*store).is_some_and(|store| store.spec.has_stream_time())
        };
        self.stores_of(subtopology).into_iter().filter(has_windows).collect()
    }

    /// Returns whether a node is connected to a store.
    pub(crate) fn uses(&self, node: usize, store: usize) -> bool {
        self.nodes.get(node).is_some_and(|node| node.stores.contains(&store))
    }

    /// The sources whose records reach a node, the node itself if it is one.
    pub(crate) fn sources_above(&self, node: usize) -> BTreeSet<usize> {
        let (mut sources, mut seen, mut next) = (BTreeSet::new(), BTreeSet::new(), vec![node]);
        while let Some(index) = next.pop() {
            let Some(node) = self.nodes.get(index).filter(|_| seen.insert(index)) else { continue };
            if matches!(node.kind, NodeKind::Source { .. }) {
                sources.insert(index);
            }
            next.extend(&node.parents);
        }
        sources
    }

    /// Topics of a node, if it is a source.
    pub(crate) fn source_topics(&self, node: usize) -> Option<&SourceTopics> {
        match self.nodes.get(node).map(|node| &node.kind) {
            Some(NodeKind::Source { topics, .. }) => Some(topics),
            _ => None,
        }
    }

    /// The topics that a source node names, under the program's names.
    pub(crate) fn topics_of(&self, node: usize) -> &[String] {
        self.source_topics(node).map_or(&[], SourceTopics::named)
    }

    /// Returns whether sources read topics by pattern.
    pub(crate) fn has_patterns(&self) -> bool {
        (0..self.nodes.len())
            .any(|node| self.source_topics(node).is_some_and(|topics| topics.pattern().is_some()))
    }

    /// The source node that reads a topic of the cluster: the one that names it, otherwise the one
    /// whose pattern it matches.
    pub(crate) fn reader_of(&self, application_id: &str, topic: &str) -> Option<usize> {
        let names = |node: &usize| {
            let mut topics = self.topics_of(*node).iter();
            topics.any(|read| self.topic_name(application_id, read) == topic)
        };
        let matches = |node: &usize| {
            let pattern = self.source_topics(*node).and_then(SourceTopics::pattern);
            pattern.is_some_and(|pattern| pattern.matches(topic))
        };
        let mut nodes = 0..self.nodes.len();
        nodes.clone().find(names).or_else(|| nodes.find(matches))
    }

    /// Topics of a source node, as texts: the names, or the pattern.
    pub(crate) fn read_names(&self, node: usize) -> Vec<String> {
        match self.source_topics(node) {
            Some(SourceTopics::Named(topics)) => topics.clone(),
            Some(SourceTopics::Matching(pattern)) => vec![pattern.to_string()],
            None => Vec::new(),
        }
    }

    /// A topic's name on the cluster: internal topics get the application id.
    pub(crate) fn topic_name(&self, application_id: &str, topic: &str) -> String {
        if self.repartition.contains_key(topic) {
            format!("{application_id}-{topic}")
        } else {
            topic.to_owned()
        }
    }
}

/// Java's node groups: nodes that are connected by edges or share a store; numbered in the order of
/// their first nodes.
fn group(nodes: &[NodeDef]) -> Vec<u32> {
    let mut root: Vec<usize> = (0..nodes.len()).collect();
    let mut of_store = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for parent in &node.parents {
            unite(&mut root, index, *parent);
        }
        for store in &node.stores {
            let first = *of_store.entry(*store).or_insert(index);
            unite(&mut root, index, first);
        }
    }
    let mut numbers = BTreeMap::new();
    let mut number = |root: usize| {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        *numbers.entry(root).or_insert(next)
    };
    (0..nodes.len()).map(|index| number(find(&root, index))).collect()
}

fn find(root: &[usize], mut index: usize) -> usize {
    while let Some(next) = root.get(index).filter(|next| **next != index) {
        index = *next;
    }
    index
}

fn unite(root: &mut [usize], one: usize, other: usize) {
    let (one, other) = (find(root, one), find(root, other));
    if let Some(slot) = root.get_mut(one.max(other)) {
        *slot = one.min(other);
    }
}
