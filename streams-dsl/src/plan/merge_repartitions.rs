//! The optimisation `merge.repartition.topics`: what is repartitioned several times after one
//! change of key is repartitioned once, right behind it.
//!
//! A repartition topic takes part if only nodes that keep keys and values lie between it and the
//! change of key, or a merge below that. The first of the topics gives the one that remains its
//! name. Java's `InternalStreamsBuilder.mergeRepartitionTopics`.

use super::{
    GraphNodeId, RepartitionNames, Role,
    node::GraphNode,
    order::{link, unlink},
};

/// The repartition nodes below each change of key or merge, in the order in which they were added.
type Groups = Vec<(GraphNodeId, Vec<GraphNodeId>)>;

/// Rewrites the graph.
pub(super) fn merge_repartitions(graph: &mut Vec<GraphNode>) {
    for (changer, topics) in below_merges(graph, groups(graph)) {
        if let Some(first) = topics.first() {
            merge(graph, changer, *first, &topics);
        }
    }
}

fn parents(graph: &[GraphNode], id: GraphNodeId) -> &[GraphNodeId] {
    graph.get(id).map_or(&[], |node| &node.parents)
}

fn groups(graph: &[GraphNode]) -> Groups {
    let ids = |wanted: fn(&Role) -> bool| {
        let nodes = graph.iter().enumerate().filter(move |(_, node)| wanted(&node.role));
        nodes.map(|(id, _)| id)
    };
    let mut groups: Groups =
        ids(|role| matches!(role, Role::ChangesKey)).map(|id| (id, Vec::new())).collect();
    for topic in ids(|role| matches!(role, Role::Repartition(_))) {
        let changer = key_changer(graph, topic);
        if let Some((_, topics)) = groups.iter_mut().find(|(id, _)| Some(*id) == changer) {
            topics.push(topic);
        }
    }
    groups
}

/// The change of key above a node, if nothing but nodes that keep their records lies between.
fn key_changer(graph: &[GraphNode], id: GraphNodeId) -> Option<GraphNodeId> {
    let mut found = None;
    for parent in parents(graph, id) {
        match graph.get(*parent)?.role {
            Role::ChangesKey => return Some(*parent),
            Role::KeepsRecords | Role::Merge => found = key_changer(graph, *parent),
            _ => found = None,
        }
    }
    found
}

/// The node on the way up from `id`, itself included, that is a child of `ancestor`.
fn child_of(graph: &[GraphNode], id: GraphNodeId, ancestor: GraphNodeId) -> Option<GraphNodeId> {
    let above = parents(graph, id);
    if above.contains(&ancestor) {
        return Some(id);
    }
    above.iter().find_map(|parent| child_of(graph, *parent, ancestor))
}

/// Where a merge is between the change of key and all its topics, they are gathered below the
/// merge: its other side must go through the topic too.
fn below_merges(graph: &[GraphNode], mut groups: Groups) -> Groups {
    let merges = graph.iter().enumerate().filter(|(_, node)| matches!(node.role, Role::Merge));
    let mut moved = Vec::new();
    let mut gathered: Groups = Vec::new();
    for (merge, _) in merges {
        let mut below = Vec::new();
        for (changer, topics) in &groups {
            let all_below = topics.iter().all(|topic| child_of(graph, *topic, merge).is_some());
            if all_below && child_of(graph, merge, *changer).is_some() {
                below.extend(
                    topics
                        .iter()
                        .filter(|topic| !below.contains(*topic))
                        .copied()
                        .collect::<Vec<_>>(),
                );
                moved.push(*changer);
            }
        }
        gathered.push((merge, below));
    }
    groups.retain(|(changer, _)| !moved.contains(changer));
    groups.extend(gathered);
    groups
}

/// Puts one topic below `changer`, named as `first`, in place of `topics`.
fn merge(
    graph: &mut Vec<GraphNode>,
    changer: GraphNodeId,
    first: GraphNodeId,
    topics: &[GraphNodeId],
) {
    let Some(GraphNode { role: Role::Repartition(topic), caller, .. }) = graph.get(first) else {
        return;
    };
    let (names, filter) = RepartitionNames::of_topic(topic.topic().clone());
    let source = names.source.clone();
    let node = GraphNode {
        name: source.clone(),
        role: Role::Other,
        parents: Vec::new(),
        children: Vec::new(),
        priority: graph.get(changer).map_or(0, |node| node.priority),
        caller,
        part: topic.below_change_of_key(names, filter),
    };
    let merged = graph.len();
    graph.push(node);
    for topic in topics {
        if let Some(child) = child_of(graph, *topic, changer) {
            unlink(graph, changer, child);
            link(graph, merged, child);
        }
        let above = parents(graph, *topic).to_vec();
        let below = graph.get(*topic).map(|node| node.children.clone()).unwrap_or_default();
        for child in below {
            unlink(graph, *topic, child);
            for parent in &above {
                link(graph, *parent, child);
            }
        }
        for parent in above {
            unlink(graph, parent, *topic);
        }
        if let Some(node) = graph.get_mut(*topic) {
            node.role = Role::ReplacedBy(source.clone());
        }
    }
    link(graph, changer, merged);
}
