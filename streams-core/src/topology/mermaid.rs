//! The topology as a Mermaid flowchart.

use std::fmt::Write;

use super::{NodeKind, TopicPattern, Topology};

impl Topology {
    /// Draws the topology as a Mermaid flowchart: topics as cylinders, a box per sub-topology,
    /// stores joined by dotted lines.
    pub fn describe_mermaid(&self) -> String {
        let mut text = "flowchart TD\n".to_owned();
        for id in self.subtopology_ids() {
            let note = if self.is_global(id) { " (global store)" } else { "" };
            // Writing to a String can't fail.
            let _ = writeln!(text, "  subgraph \"Sub-topology {id}{note}\"");
            for index in self.nodes_of(id) {
                self.mermaid_node(index, &mut text);
            }
            for store in self.stores_of(id) {
                let Some(store_def) = self.stores.get(store) else { continue };
                let _ = writeln!(text, "    s{store}[(\"{}\")]", store_def.spec.name);
            }
            text.push_str("  end\n");
        }
        for (index, node) in self.nodes.iter().enumerate() {
            self.mermaid_edges(index, &mut text);
            for store in &node.stores {
                let _ = writeln!(text, "  n{index} -.- s{store}");
            }
        }
        text
    }

    fn mermaid_node(&self, index: usize, text: &mut String) {
        let Some(node) = self.nodes.get(index) else { return };
        let _ = match &node.kind {
            NodeKind::Source { .. } => writeln!(text, "    n{index}([\"{}\"])", node.name),
            NodeKind::Processor { .. } => writeln!(text, "    n{index}[\"{}\"]", node.name),
            NodeKind::Sink { .. } => writeln!(text, "    n{index}[/\"{}\"/]", node.name),
        };
    }

    fn mermaid_edges(&self, index: usize, text: &mut String) {
        let Some(node) = self.nodes.get(index) else { return };
        match &node.kind {
            NodeKind::Source { topics, .. } => {
                let pattern = topics.pattern().map(TopicPattern::as_str);
                for topic in topics.named().iter().map(String::as_str).chain(pattern) {
                    let _ = writeln!(text, "  t_{}{{{{\"{topic}\"}}}} --> n{index}", id(topic));
                }
            }
            NodeKind::Sink { topic, extractor, .. } => {
                let topic = topic.as_deref().unwrap_or(extractor);
                let _ = writeln!(text, "  n{index} --> t_{}{{{{\"{topic}\"}}}}", id(topic));
            }
            NodeKind::Processor { .. } => {}
        }
        for child in &node.children {
            let _ = writeln!(text, "  n{index} --> n{child}");
        }
    }
}

/// A topic's name as an identifier of the flowchart.
fn id(topic: &str) -> String {
    topic.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
