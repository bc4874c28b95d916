//! The first pass: each step draws its nodes.

use std::{any::Any, collections::HashMap, sync::Arc, time::Duration};

use streams_core::topology::{TopicPattern, TopologyProblem};

use super::{
    Caller, DrawnStream, DrawnTable, GraphNodeId, Name, Need, Part, Role, RowsOf, Step, StepId,
    names::{self, Names},
    node::GraphNode,
};
use crate::options::Named;

/// The nodes of a topology to be, and what is known of them as a whole.
#[derive(Default)]
pub(crate) struct Graph {
    pub(super) nodes: Vec<GraphNode>,
    /// Locations of the rows of those nodes that are tables.
    pub(super) rows: HashMap<GraphNodeId, RowsOf>,
    pub(super) needs: Vec<Need>,
    /// Sources whose topics must have equal numbers of partitions.
    pub(super) copartition: Vec<Vec<Name>>,
    /// Names of stores that processors get at by the step that made them.
    pub(super) stores: HashMap<StepId, Name>,
}

/// The operators that may share a repartition topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SharedTopic {
    /// The joins of a stream, by its node.
    OfJoins(GraphNodeId),
    /// The aggregations of a group, by its step.
    OfGroup(StepId),
}

/// The graph while it is drawn.
pub(crate) struct Sketch<'p> {
    graph: Graph,
    pub(crate) names: Names,
    next_priority: usize,
    outputs: HashMap<StepId, Box<dyn Any>>,
    topics: HashMap<SharedTopic, (GraphNodeId, Name)>,
    problems: &'p mut Vec<TopologyProblem>,
}

/// Draws all steps in the order in which the program wrote them.
pub(super) fn draw(steps: &[Step], problems: &mut Vec<TopologyProblem>) -> Graph {
    let mut sketch = Sketch {
        graph: Graph::default(),
        names: Names::default(),
        next_priority: 0,
        outputs: HashMap::new(),
        topics: HashMap::new(),
        problems,
    };
    for step in steps {
        sketch.check_name(step, step.options.name.as_ref());
        let drawn = step.operator.draw(step, &mut sketch);
        for problem in step.options.idle() {
            sketch.problem(step.caller, problem);
        }
        sketch.outputs.extend(drawn.map(|drawn| (step.id, drawn)));
    }
    sketch.graph
}

impl Sketch<'_> {
    /// Notes a mistake for `build` to report.
    pub(crate) fn problem(&mut self, caller: Caller, text: impl std::fmt::Display) {
        self.problems.push(TopologyProblem::at(caller, text));
    }

    /// Notes a mistake if a name that the user gave can't be one of a node, store or topic.
    pub(crate) fn check_name(&mut self, step: &Step, name: Option<&Named>) {
        if let Some(problem) = name.and_then(|name| names::problem_of(name.as_str())) {
            self.problem(step.caller, problem);
        }
    }

    /// Notes a mistake if there is no topic, or one whose name can't be that of a topic.
    pub(crate) fn check_topics(&mut self, step: &Step, topics: &[String]) {
        if topics.is_empty() {
            self.problem(step.caller, "a source needs at least one topic");
        }
        for topic in topics {
            if let Some(problem) = names::problem_of(topic) {
                let text = format!("a topic can't have this name: {problem}");
                self.problem(step.caller, text);
            }
        }
    }

    /// Notes a mistake if this is no pattern of topics.
    pub(crate) fn check_pattern(&mut self, step: &Step, pattern: &str) {
        if let Err(error) = TopicPattern::new(pattern) {
            self.problem(step.caller, error);
        }
    }

    /// Notes a mistake for what reads one topic, if topics are given by a pattern.
    pub(crate) fn check_one_topic(
        &mut self,
        step: &Step,
        what: &str,
        consumed: (&[String], Option<&str>),
    ) {
        let (topics, pattern) = consumed;
        if let Some(pattern) = pattern {
            let text =
                format!("{what} reads one topic, not all that match the pattern `{pattern}`");
            return self.problem(step.caller, text);
        }
        self.check_topics(step, topics);
        if topics.len() > 1 {
            let text = format!("{what} reads one topic, not {}", topics.join(", "));
            self.problem(step.caller, text);
        }
    }

    /// Output of a step, as the steps below see it.
    pub(crate) fn output<T: Clone + 'static>(&self, step: Option<&StepId>) -> Option<T> {
        self.outputs.get(step?)?.downcast_ref().cloned()
    }

    /// The stream that a step stands on.
    pub(crate) fn stream<K: 'static, V: 'static>(&self, step: &Step) -> Option<DrawnStream<K, V>> {
        self.output(step.inputs.first())
    }

    /// The table that a step stands on.
    pub(crate) fn table<K: 'static, V: 'static>(&self, step: &Step) -> Option<DrawnTable<K, V>> {
        self.output(step.inputs.first())
    }

    /// The name of the step's node: what the program said, else a generated one. A number is taken
    /// in both cases.
    pub(crate) fn name(&mut self, step: &Step, prefix: &str) -> Name {
        self.names.given_or_new(step.options.name.as_ref(), prefix)
    }

    /// Adds a node below `parents`; without parents it is a root.
    pub(crate) fn add(
        &mut self,
        name: &Name,
        role: Role,
        parents: &[GraphNodeId],
        caller: Caller,
        part: impl Part + 'static,
    ) -> GraphNodeId {
        self.add_part(name, role, parents, caller, Arc::new(part))
    }

    fn add_part(
        &mut self,
        name: &Name,
        role: Role,
        parents: &[GraphNodeId],
        caller: Caller,
        part: Arc<dyn Part>,
    ) -> GraphNodeId {
        let id = self.graph.nodes.len();
        self.graph.nodes.push(GraphNode {
            name: name.clone(),
            role,
            parents: Vec::new(),
            children: Vec::new(),
            priority: self.next_priority,
            caller,
            part,
        });
        self.next_priority += 1;
        for parent in parents {
            self.link(*parent, id);
        }
        id
    }

    /// The repartition topic that several operators share, if it has been drawn: its node and
    /// source. It comes once more below `parent` then, as in Java: behind all that has been added
    /// since.
    pub(crate) fn shared_topic(
        &mut self,
        who: SharedTopic,
        parent: Option<GraphNodeId>,
    ) -> Option<(GraphNodeId, Name)> {
        let topic = self.topics.get(&who)?.clone();
        if let Some(parent) = parent {
            if let Some(node) = self.graph.nodes.get_mut(topic.0) {
                node.priority = self.next_priority;
                self.next_priority += 1;
            }
            self.link(parent, topic.0);
        }
        Some(topic)
    }

    /// Remembers a repartition topic for others.
    pub(crate) fn share_topic(&mut self, who: SharedTopic, node: GraphNodeId, source: Name) {
        self.topics.insert(who, (node, source));
    }

    /// Says where the rows of a table are.
    pub(crate) fn rows(&mut self, node: GraphNodeId, rows: RowsOf) {
        self.graph.rows.insert(node, rows);
    }

    /// Says what a node needs of one above.
    pub(crate) fn need(&mut self, need: Need) {
        self.graph.needs.push(need);
    }

    /// Declares that the topics of these sources must have equal partition counts.
    pub(crate) fn copartition(&mut self, sources: Vec<Name>) {
        self.graph.copartition.push(sources);
    }

    /// Lets processors find a store by the step that made it.
    pub(crate) fn name_store(&mut self, step: &Step, store: Name) {
        self.graph.stores.insert(step.id, store);
    }

    /// The grace period of the windows above a node: the longest, if there are several. `None` if a
    /// way up has none.
    pub(crate) fn grace_of(&self, node: GraphNodeId) -> Option<Duration> {
        let node = self.graph.nodes.get(node)?;
        if let Role::Windowed { grace } = node.role {
            return Some(grace);
        }
        let above: Option<Vec<_>> =
            node.parents.iter().map(|parent| self.grace_of(*parent)).collect();
        above?.into_iter().max()
    }

    fn link(&mut self, parent: GraphNodeId, child: GraphNodeId) {
        super::order::link(&mut self.graph.nodes, parent, child);
    }
}
