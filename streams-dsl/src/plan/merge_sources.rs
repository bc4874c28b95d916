//! Streams of the same topics are one.

use streams_core::topology::TopologyProblem;

use super::{GraphNodeId, Role, node::GraphNode};

/// Lets one source stand for all that read the same topics: the children of the others become its
/// own.
pub(super) fn merge_sources(graph: &mut [GraphNode], problems: &mut Vec<TopologyProblem>) {
    for id in 0..graph.len() {
        let Some((first, difference)) = earlier_source(graph, id) else { continue };
        let Some(difference) = difference else {
            merge_into(graph, first, id);
            continue;
        };
        if let (Some(node), Some(earlier)) = (graph.get(id), graph.get(first)) {
            let text = format!(
                "source `{}` reads what source `{}` reads {difference} already; make both alike, or read it once",
                node.name, earlier.name
            );
            problems.push(TopologyProblem::at(node.caller, text));
        }
    }
}

/// The first source that reads the same topics, if it is another one, and in what they differ so
/// that they can't be one.
fn earlier_source(
    graph: &[GraphNode],
    id: GraphNodeId,
) -> Option<(GraphNodeId, Option<&'static str>)> {
    let Role::Source { topics, pattern, reset, types } = &graph.get(id)?.role else { return None };
    graph.iter().take(id).enumerate().find_map(|(first, node)| match &node.role {
        Role::Source {
            topics: other,
            pattern: other_pattern,
            reset: other_reset,
            types: other_types,
        } if other == topics && other_pattern == pattern => {
            let difference = if other_types != types {
                Some("as other types")
            } else if other_reset != reset {
                Some("with another offset-reset policy")
            } else {
                None
            };
            Some((first, difference))
        }
        _ => None,
    })
}

fn merge_into(graph: &mut [GraphNode], first: GraphNodeId, id: GraphNodeId) {
    let Some(stands) = graph.get(first).map(|node| node.name.clone()) else { return };
    let Some(node) = graph.get_mut(id) else { return };
    node.role = Role::ReplacedBy(stands);
    for child in std::mem::take(&mut node.children) {
        if let Some(node) = graph.get_mut(first)
            && !node.children.contains(&child)
        {
            node.children.push(child);
        }
        if let Some(node) = graph.get_mut(child) {
            node.parents.retain(|parent| ![first, id].contains(parent));
            node.parents.push(first);
        }
    }
}
