//! The logical graph behind the handles of the DSL.
//!
//! Each operator adds one node: its name, its parents, the line of the program that made it, and a
//! closure that lowers it to nodes and stores of a topology. Nothing is lowered before `build`, so
//! that an operator further down can still ask one further up for old values or for a store. What
//! is not here: what nodes do with records (`processors`). Invariant: names and their numbers are
//! those that Java would give, so that a topology keeps the internal topics and stores of its Java
//! twin.

mod lowering;
mod merge_repartitions;
mod naming;
mod node;
mod passes;
mod repartition;
mod settings;
mod slot;

use std::{panic::Location, sync::Arc, time::Duration};

use parking_lot::{Mutex, MutexGuard};
use streams_core::serde::{SerdeRef, Serdes};

pub(crate) use self::{
    lowering::Lowering,
    naming::prefix,
    node::{GraphNode, GraphNodeId, Lower, Mergeable, Role},
    repartition::{Repartition, RepartitionNames},
    settings::BuildSettings,
    slot::Slot,
};
use crate::options::Named;

/// A line of the program, for error messages.
pub(crate) type Place = &'static Location<'static>;

/// Names of the source nodes above a stream or table: what a join must copartition.
pub(crate) type Sources = Arc<[Arc<str>]>;

/// The graph, shared by the builder and all streams and tables that were made from it.
#[derive(Clone, Default)]
pub(crate) struct SharedGraph(Arc<Mutex<Graph>>);

impl SharedGraph {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Graph> {
        self.0.lock()
    }

    /// Whether both handles are of one builder.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Nodes, their names, and what was noted while they were added.
#[derive(Default)]
pub(crate) struct Graph {
    nodes: Vec<GraphNode>,
    /// The one counter behind all generated names.
    next_index: u32,
    next_priority: usize,
    serdes: Serdes,
    copartition: Vec<Vec<Arc<str>>>,
    problems: Vec<String>,
}

impl Graph {
    /// Makes `serde` the default of its type.
    pub(crate) fn register_serde<T: 'static>(&mut self, serde: SerdeRef<T>) {
        self.serdes.register(serde);
    }

    /// Adds a node below `parents`; without parents it is a root.
    pub(crate) fn add(
        &mut self,
        name: &Arc<str>,
        role: Role,
        parents: &[GraphNodeId],
        place: Place,
        lower: impl Fn(&mut Lowering<'_>) + Send + Sync + 'static,
    ) -> GraphNodeId {
        let id = self.nodes.len();
        let lower: Lower = Arc::new(lower);
        let name = name.clone();
        let node = GraphNode {
            name,
            role,
            parents: Vec::new(),
            children: Vec::new(),
            priority: 0,
            place,
            lower,
        };
        self.nodes.push(node);
        self.set_priority(id);
        for parent in parents {
            self.link(*parent, id);
        }
        id
    }

    /// Adds a node once more below a parent that it may have already, as Java does when several
    /// operators share a node: it moves behind all that has been added since.
    pub(crate) fn add_again(&mut self, parent: GraphNodeId, child: GraphNodeId) {
        self.set_priority(child);
        self.link(parent, child);
    }

    fn set_priority(&mut self, id: GraphNodeId) {
        if let Some(node) = self.nodes.get_mut(id) {
            node.priority = self.next_priority;
            self.next_priority += 1;
        }
    }

    fn link(&mut self, parent: GraphNodeId, child: GraphNodeId) {
        if let Some(node) = self.nodes.get_mut(parent)
            && !node.children.contains(&child)
        {
            node.children.push(child);
        }
        if let Some(node) = self.nodes.get_mut(child)
            && !node.parents.contains(&parent)
        {
            node.parents.push(parent);
        }
    }

    /// The grace period of the windows above a node: the longest, if there are several. `None` if a way up has none.
    pub(crate) fn grace_of(&self, node: GraphNodeId) -> Option<Duration> {
        let node = self.nodes.get(node)?;
        if let Role::Windowed { grace } = node.role {
            return Some(grace);
        }
        let above: Option<Vec<_>> =
            node.parents.iter().map(|parent| self.grace_of(*parent)).collect();
        above?.into_iter().max()
    }

    /// Declares that the topics of these sources must have equal partition counts.
    pub(crate) fn copartition(&mut self, sources: Vec<Arc<str>>) {
        self.copartition.push(sources);
    }

    /// Notes a mistake for `build` to report.
    pub(crate) fn problem(&mut self, place: Place, text: impl std::fmt::Display) {
        self.problems.push(at(place, text));
    }

    /// Notes a mistake if there is no topic, or one whose name can't be that of a topic.
    pub(crate) fn check_topics(&mut self, place: Place, topics: &[String]) {
        if topics.is_empty() {
            self.problem(place, "a source needs at least one topic");
        }
        for topic in topics {
            if let Some(problem) = naming::problem_of(topic) {
                self.problem(place, format!("a topic can't have this name: {problem}"));
            }
        }
    }

    /// Notes a mistake if a name that the user gave can't be one of a node, store or topic.
    pub(crate) fn check_name(&mut self, place: Place, name: Option<&Named>) {
        if let Some(problem) = name.and_then(|name| naming::problem_of(name.as_str())) {
            self.problem(place, problem);
        }
    }
}

/// The text of a mistake with the line of the program that made it.
fn at(place: Place, text: impl std::fmt::Display) -> String {
    format!("{text} ({place})")
}
