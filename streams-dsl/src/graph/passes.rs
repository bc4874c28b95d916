//! What is done to the graph before it is lowered, and what is read off it as a whole.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
    sync::Arc,
};

use super::{GraphNode, GraphNodeId, Role, at};

/// Lets one source stand for all that read the same topics: the children of the others become its
/// own.
pub(super) fn merge_sources(
    mut graph: Vec<GraphNode>,
    problems: &mut Vec<String>,
) -> Vec<GraphNode> {
    for id in 0..graph.len() {
        let Some((first, same_types)) = earlier_source(&graph, id) else { continue };
        if same_types {
            merge_into(&mut graph, first, id);
        } else if let Some(node) = graph.get(id) {
            let (name, place) = (&node.name, node.place);
            let text = format!("source `{name}` reads a topic that is read as other types already");
            problems.push(at(place, text));
        }
    }
    graph
}

/// The first source that reads the same topics, if it is another one, and whether it does so as the
/// same types.
fn earlier_source(graph: &[GraphNode], id: GraphNodeId) -> Option<(GraphNodeId, bool)> {
    let Role::Source { topics, types } = &graph.get(id)?.role else { return None };
    graph.iter().take(id).enumerate().find_map(|(first, node)| match &node.role {
        Role::Source { topics: other, types: other_types } if other == topics => {
            Some((first, other_types == types))
        }
        _ => None,
    })
}

fn merge_into(graph: &mut [GraphNode], first: GraphNodeId, id: GraphNodeId) {
    let Some(stands) = graph.get(first).map(|node| node.name.clone()) else { return };
    let Some(node) = graph.get_mut(id) else { return };
    let merged = node.name.clone();
    node.role = Role::Other;
    node.lower = Arc::new(move |lowering| lowering.stand_for(&stands, &merged));
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

/// The order in which nodes are lowered: by priority, but each after its parents. Java's.
pub(super) fn order(graph: &[GraphNode]) -> Vec<GraphNodeId> {
    let mut ready: BinaryHeap<_> = (graph.iter().enumerate())
        .filter(|(_, node)| node.parents.is_empty())
        .map(|(id, node)| Reverse((node.priority, id)))
        .collect();
    let mut done = HashSet::new();
    let mut order = Vec::new();
    while let Some(Reverse((_, id))) = ready.pop() {
        let Some(node) = graph.get(id) else { continue };
        let parents_done = node.parents.iter().all(|parent| done.contains(parent));
        // A node whose other parents are not there yet comes up again below the last of them.
        if !parents_done || !done.insert(id) {
            continue;
        }
        order.push(id);
        for child in &node.children {
            if let Some(node) = graph.get(*child) {
                ready.push(Reverse((node.priority, *child)));
            }
        }
    }
    order
}

/// The nodes that have a join which keeps records without a key somewhere below them.
pub(super) fn above_null_key_joins(graph: &[GraphNode]) -> HashSet<GraphNodeId> {
    let joins = graph.iter().filter(|node| matches!(node.role, Role::KeepsNullKeys));
    let mut above = HashSet::new();
    let mut next: Vec<GraphNodeId> = joins.flat_map(|node| node.parents.clone()).collect();
    while let Some(id) = next.pop() {
        if above.insert(id) {
            next.extend(graph.get(id).map(|node| node.parents.clone()).unwrap_or_default());
        }
    }
    above
}
