//! Finds the tables that need a store or send old values, by the needs of the nodes below them.
//!
//! Needs are met in the order in which they were drawn, as in Java: a filter, for one, takes old
//! values if the table above it has a store at that point, and does not look again.

use std::collections::HashSet;

use super::{GraphNodeId, sketch::Graph};

/// Location of a table's rows.
#[derive(Clone, Debug)]
pub(crate) enum RowsOf {
    /// In a store of its own.
    Store,
    /// In a store of its own, if anything needs one.
    StoreIfNeeded,
    /// Computed from those of another table.
    Parent(GraphNodeId),
    /// Computed from those of two others, or in a store of its own; old values come from both in
    /// either case.
    Join(GraphNodeId, GraphNodeId),
    /// In a store that each of these nodes writes.
    Several(Vec<GraphNodeId>),
    /// The rows of another table, except changes held back.
    Suppressed(GraphNodeId),
}

/// Need of a node of a table above it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Need {
    /// To look rows up.
    Rows(GraphNodeId),
    /// Old values, even if that takes a store.
    OldValues(GraphNodeId),
    /// Old values for the node `by`, if they cost no store; then it sends its own.
    OldValuesIfAny {
        /// The table above.
        of: GraphNodeId,
        /// The node that asks.
        by: GraphNodeId,
    },
}

/// The needs that were found.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    stores: HashSet<GraphNodeId>,
    old_values: HashSet<GraphNodeId>,
}

/// Meets all needs of a graph.
pub(super) fn resolve(graph: &Graph) -> Needs {
    let mut needs = Needs::default();
    for need in &graph.needs {
        match *need {
            Need::Rows(of) => needs.materialize(graph, of),
            Need::OldValues(of) => {
                needs.send_old(graph, of, true);
            }
            Need::OldValuesIfAny { of, by } => {
                if needs.send_old(graph, of, false) {
                    needs.old_values.insert(by);
                }
            }
        }
    }
    needs
}

impl Needs {
    /// Returns whether the store of a table that has one only if needed is there.
    pub(crate) fn has_store(&self, node: GraphNodeId) -> bool {
        self.stores.contains(&node)
    }

    /// Returns whether a node is to send old values.
    pub(crate) fn sends_old_values(&self, node: GraphNodeId) -> bool {
        self.old_values.contains(&node)
    }

    fn materialize(&mut self, graph: &Graph, node: GraphNodeId) {
        match graph.rows.get(&node) {
            Some(RowsOf::StoreIfNeeded) => {
                self.stores.insert(node);
            }
            Some(RowsOf::Parent(parent) | RowsOf::Suppressed(parent)) => {
                self.materialize(graph, *parent);
            }
            // A join looks rows up itself, so that both sides have been asked already.
            Some(RowsOf::Store | RowsOf::Several(_) | RowsOf::Join(..)) | None => {}
        }
    }

    /// Returns whether old values will be sent. Java's `enableSendingOldValues`.
    fn send_old(&mut self, graph: &Graph, node: GraphNodeId, force: bool) -> bool {
        let sends = match graph.rows.get(&node) {
            Some(RowsOf::Store) => true,
            Some(RowsOf::StoreIfNeeded) => {
                if force {
                    self.stores.insert(node);
                }
                self.has_store(node)
            }
            Some(RowsOf::Parent(parent) | RowsOf::Suppressed(parent)) => {
                self.send_old(graph, *parent, force)
            }
            Some(RowsOf::Join(this, other)) => {
                self.send_old(graph, *this, true);
                self.send_old(graph, *other, true);
                true
            }
            Some(RowsOf::Several(nodes)) => {
                self.old_values.extend(nodes);
                true
            }
            None => false,
        };
        if sends {
            self.old_values.insert(node);
        }
        self.sends_old_values(node)
    }
}
