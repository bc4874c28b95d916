//! Builder of the nodes of one task.

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{NodeKind, Topology};
use crate::{
    Error, ErrorKind, Result,
    processor::{Child, Children, Link, Node, NodeInfo, SharedNode, SharedNodes, Source},
};

/// Builds the nodes of one task, children before parents.
pub(crate) struct TaskBuilder<'a> {
    topology: &'a Topology,
    application_id: &'a str,
    slots: BTreeMap<usize, usize>,
    shared: SharedNodes,
}

/// The nodes of a task.
pub(crate) struct TaskNodes {
    /// Sources with their nodes.
    pub(crate) sources: Vec<(Box<dyn Source>, usize)>,
    pub(crate) shared: SharedNodes,
}

impl<'a> TaskBuilder<'a> {
    /// Builds the nodes of a sub-topology.
    pub(crate) fn build(
        topology: &'a Topology,
        application_id: &'a str,
        subtopology: u32,
    ) -> Result<TaskNodes> {
        Self::build_nodes(topology, application_id, topology.nodes_of(subtopology))
    }

    /// Builds the nodes of all sub-topologies that have tasks, for a task that runs the whole
    /// topology.
    pub(crate) fn build_all(topology: &'a Topology, application_id: &'a str) -> Result<TaskNodes> {
        let ids = topology.task_subtopology_ids().into_iter();
        let nodes = ids.flat_map(|id| topology.nodes_of(id));
        // In the order in which they were added, over all sub-topologies.
        let nodes: BTreeSet<usize> = nodes.collect();
        Self::build_nodes(topology, application_id, nodes.into_iter().collect())
    }

    /// Builds the nodes that fill global stores.
    pub(crate) fn build_global(
        topology: &'a Topology,
        application_id: &'a str,
    ) -> Result<TaskNodes> {
        let ids = topology.subtopology_ids().into_iter();
        let nodes = ids.filter(|id| topology.is_global(*id)).flat_map(|id| topology.nodes_of(id));
        Self::build_nodes(topology, application_id, nodes.collect())
    }

    fn build_nodes(
        topology: &'a Topology,
        application_id: &'a str,
        nodes: Vec<usize>,
    ) -> Result<TaskNodes> {
        let shared = SharedNodes { slots: Vec::new(), names: topology.names.clone() };
        let mut builder = Self { topology, application_id, slots: BTreeMap::new(), shared };
        let mut sources = Vec::new();
        for index in nodes {
            let Some(node) = topology.nodes.get(index) else { continue };
            if let NodeKind::Source { build, .. } = &node.kind {
                let info = builder.info(index);
                sources.push((build(&mut builder, &info)?, index));
            }
        }
        Ok(TaskNodes { sources, shared: builder.shared })
    }

    /// A topic's name on the cluster.
    pub(crate) fn topic_name(&self, topic: &str) -> String {
        self.topology.topic_name(self.application_id, topic)
    }

    fn info(&self, index: usize) -> Arc<NodeInfo> {
        let node = self.topology.nodes.get(index);
        let name = node.map_or_else(|| "".into(), |node| node.name.clone());
        let stores = node.map(|node| node.stores.clone()).unwrap_or_default();
        let global = stores.iter().any(|store| self.topology.is_global_store(*store));
        Arc::new(NodeInfo { id: index, name, stores, global })
    }

    /// The children of a node: owned, or links to those with several parents. The only downcast of
    /// the wiring, once per edge and task.
    pub(crate) fn children<K: 'static, V: 'static>(
        &mut self,
        parent: usize,
    ) -> Result<Children<K, V>> {
        let topology = self.topology;
        let children = topology.nodes.get(parent).map_or(&[][..], |node| &node.children);
        children.iter().map(|child| self.child(*child)).collect()
    }

    fn child<K: 'static, V: 'static>(&mut self, index: usize) -> Result<Child<K, V>> {
        let topology = self.topology;
        let Some(def) = topology.nodes.get(index) else {
            return Err(Error::new(ErrorKind::Fatal, "an edge leads to no node"));
        };
        let name = def.name.clone();
        if def.parents.len() > 1 {
            let slot = self.shared_slot(index)?;
            return Ok(Child { id: index, name, node: Box::new(Link { slot }) });
        }
        let node = self.node(index)?;
        match node.downcast::<Box<dyn Node<K, V>>>() {
            Ok(node) => Ok(Child { id: index, name, node: *node }),
            Err(_) => Err(Error::new(
                ErrorKind::Topology,
                format!("node `{name}` has other types than its parent forwards"),
            )),
        }
    }

    fn node(&mut self, index: usize) -> Result<Box<dyn Any + Send>> {
        let info = self.info(index);
        let topology = self.topology;
        match topology.nodes.get(index).map(|node| &node.kind) {
            Some(NodeKind::Processor { build, wrap, .. }) => build(self, &info, wrap.as_ref()),
            Some(NodeKind::Sink { build, .. }) => build(self, &info),
            _ => Err(Error::new(ErrorKind::Fatal, "a source node can't be a child")),
        }
    }

    fn shared_slot(&mut self, index: usize) -> Result<usize> {
        if let Some(slot) = self.slots.get(&index) {
            return Ok(*slot);
        }
        let node = self.node(index)?;
        let control = match self.topology.nodes.get(index).map(|node| &node.kind) {
            Some(NodeKind::Processor { control, .. } | NodeKind::Sink { control, .. }) => *control,
            _ => return Err(Error::new(ErrorKind::Fatal, "a source node can't be a child")),
        };
        let slot = self.shared.slots.len();
        self.shared.slots.push(Some(SharedNode { node, control }));
        self.slots.insert(index, slot);
        Ok(slot)
    }
}
