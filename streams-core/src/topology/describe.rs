//! The text of Java's `Topology.describe()`.

use std::fmt::Write;

use super::{NodeDef, NodeKind, Topology};

impl Topology {
    /// Describes the topology as text, as Java prints it: each sub-topology's nodes are ordered by
    /// the number of nodes below them, then by name. Lists of several successors, predecessors,
    /// topics or stores have that order too, or are ordered by name; Java leaves their order to its
    /// hash tables.
    pub fn describe(&self) -> String {
        let sizes = self.sizes();
        let mut text = "Topologies:\n ".to_owned();
        for id in self.subtopology_ids() {
            let global = self.is_global(id);
            let note = if global { " for global store (will not generate tasks)" } else { "" };
            let _ = writeln!(text, "  Sub-topology: {id}{note}");
            for node in self.by_size(&self.nodes_of(id), &sizes) {
                self.describe_node(node, &sizes, &mut text);
            }
            if !global {
                text.push('\n');
            }
        }
        text
    }

    fn describe_node(&self, index: usize, sizes: &[usize], text: &mut String) {
        let Some(node) = self.nodes.get(index) else { return };
        let name = &node.name;
        // Writing to a String can't fail.
        let _ = match &node.kind {
            NodeKind::Source { topics, .. } => {
                writeln!(text, "    Source: {name} (topics: {topics})")
            }
            NodeKind::Processor { .. } => {
                let stores = self.store_names(node).join(", ");
                writeln!(text, "    Processor: {name} (stores: [{stores}])")
            }
            NodeKind::Sink { topic: Some(topic), .. } => {
                writeln!(text, "    Sink: {name} (topic: {topic})")
            }
            NodeKind::Sink { extractor, .. } => {
                writeln!(text, "    Sink: {name} (extractor class: {extractor})")
            }
        };
        if !matches!(node.kind, NodeKind::Sink { .. }) {
            let _ = writeln!(text, "      --> {}", or_none(&self.names(&node.children, sizes)));
        }
        if !matches!(node.kind, NodeKind::Source { .. }) {
            let _ = writeln!(text, "      <-- {}", or_none(&self.names(&node.parents, sizes)));
        }
    }

    /// Names of the stores that a node is connected to.
    pub(super) fn store_names(&self, node: &NodeDef) -> Vec<&str> {
        let stores = node.stores.iter().filter_map(|store| self.stores.get(*store));
        stores.map(|store| &*store.spec.name).collect()
    }

    /// Names of nodes, in the order of their sizes.
    pub(super) fn names(&self, nodes: &[usize], sizes: &[usize]) -> Vec<&str> {
        let nodes = self.by_size(nodes, sizes).into_iter();
        nodes.filter_map(|node| self.nodes.get(node)).map(|node| &*node.name).collect()
    }

    pub(super) fn by_size(&self, nodes: &[usize], sizes: &[usize]) -> Vec<usize> {
        let mut nodes = nodes.to_vec();
        nodes.sort_by_key(|index| {
            let size = sizes.get(*index).copied().unwrap_or_default();
            (usize::MAX - size, self.nodes.get(*index).map(|node| node.name.clone()))
        });
        nodes.dedup();
        nodes
    }

    /// Size of each node: one plus the sizes of its children. A node reached over two paths counts
    /// twice.
    pub(super) fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![1_usize; self.nodes.len()];
        for index in (0..self.nodes.len()).rev() {
            let children = self.nodes.get(index).map_or(&[][..], |node| &node.children);
            let below: usize = children.iter().filter_map(|child| sizes.get(*child)).sum();
            if let Some(size) = sizes.get_mut(index) {
                *size += below;
            }
        }
        sizes
    }
}

fn or_none(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
