//! The order in which nodes are lowered, and how they hang together.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashSet},
};

use super::{GraphNodeId, Role, node::GraphNode};

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
    let joins = graph.iter().filter(|node| {
        matches!(node.role, Role::KeepsNullKeys | Role::StreamJoin { keeps_null_keys: true, .. })
    });
    let mut above = HashSet::new();
    let mut next: Vec<GraphNodeId> = joins.flat_map(|node| node.parents.clone()).collect();
    while let Some(id) = next.pop() {
        if above.insert(id) {
            next.extend(graph.get(id).map(|node| node.parents.clone()).unwrap_or_default());
        }
    }
    above
}

/// Makes one node the child of another, once.
pub(super) fn link(graph: &mut [GraphNode], parent: GraphNodeId, child: GraphNodeId) {
    if let Some(node) = graph.get_mut(parent)
        && !node.children.contains(&child)
    {
        node.children.push(child);
    }
    if let Some(node) = graph.get_mut(child)
        && !node.parents.contains(&parent)
    {
        node.parents.push(parent);
    }
}

/// Undoes [`link`].
pub(super) fn unlink(graph: &mut [GraphNode], parent: GraphNodeId, child: GraphNodeId) {
    if let Some(node) = graph.get_mut(parent) {
        node.children.retain(|id| *id != child);
    }
    if let Some(node) = graph.get_mut(child) {
        node.parents.retain(|id| *id != parent);
    }
}
