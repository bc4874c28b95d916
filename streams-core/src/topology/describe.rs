//! The text of Java's `Topology.describe()`.

use std::fmt::Write;

use super::{NodeKind, Topology};

impl Topology {
    /// The topology as text, as Java prints it: each sub-topology's nodes by the size of what is below
    /// them, then by name. Lists of several successors, predecessors, topics or stores are in that
    /// order too, or by name; Java leaves their order to its hash tables.
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
                writeln!(text, "    Source: {name} (topics: [{}])", topics.join(", "))
            }
            NodeKind::Processor { .. } => {
                let stores = node.stores.iter().filter_map(|store| self.stores.get(*store));
                let stores: Vec<&str> = stores.map(|store| &*store.spec.name).collect();
                writeln!(text, "    Processor: {name} (stores: [{}])", stores.join(", "))
            }
            NodeKind::Sink { label, .. } => writeln!(text, "    Sink: {name} {label}"),
        };
        if !matches!(node.kind, NodeKind::Sink { .. }) {
            let _ = writeln!(text, "      --> {}", self.names(&node.children, sizes));
        }
        if !matches!(node.kind, NodeKind::Source { .. }) {
            let _ = writeln!(text, "      <-- {}", self.names(&node.parents, sizes));
        }
    }

    fn names(&self, nodes: &[usize], sizes: &[usize]) -> String {
        let nodes = self.by_size(nodes, sizes);
        let names: Vec<&str> =
            nodes.iter().filter_map(|node| self.nodes.get(*node)).map(|node| &*node.name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    fn by_size(&self, nodes: &[usize], sizes: &[usize]) -> Vec<usize> {
        let mut nodes = nodes.to_vec();
        nodes.sort_by_key(|index| {
            let size = sizes.get(*index).copied().unwrap_or_default();
            (usize::MAX - size, self.nodes.get(*index).map(|node| node.name.clone()))
        });
        nodes.dedup();
        nodes
    }

    /// One and the sizes of all children: what is reached over two paths counts twice.
    fn sizes(&self) -> Vec<usize> {
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
