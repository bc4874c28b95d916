//! One operator in the logical graph.

use std::{any::TypeId, sync::Arc, time::Duration};

use super::{Lowering, Place, RepartitionNames};

/// The number of a node in its graph.
pub(crate) type GraphNodeId = usize;

/// Adds a logical node to a topology.
pub(crate) type Lower = Arc<dyn Fn(&mut Lowering<'_>) + Send + Sync>;

/// What the graph must know of a node beside its place.
#[derive(Clone)]
pub(crate) enum Role {
    /// Reads topics as a stream. Two of them that read the same topics become one.
    Source {
        /// What it reads.
        topics: Vec<String>,
        /// The types that it reads them as.
        types: TypeId,
    },
    /// Gives records new keys.
    ChangesKey,
    /// Forwards records as they are, or not.
    KeepsRecords,
    /// Forwards the records of several parents as they are.
    Merge,
    /// A repartition topic that may become one with others.
    Repartition(Mergeable),
    /// A join that keeps records without a key: repartition topics above it must let them through.
    KeepsNullKeys,
    /// Aggregates in windows.
    Windowed {
        /// For how long after its end a window takes records.
        grace: Duration,
    },
    /// Anything else.
    Other,
}

/// A repartition topic that several nodes can share.
#[derive(Clone)]
pub(crate) struct Mergeable {
    /// Its name, without the application id.
    pub(crate) topic: Arc<str>,
    /// Lowers it right below the change of key, under these names of its nodes and of the filter
    /// before it.
    pub(crate) lower: Arc<dyn Fn(RepartitionNames, Arc<str>) -> Lower + Send + Sync>,
}

/// One operator.
#[derive(Clone)]
pub(crate) struct GraphNode {
    pub(crate) name: Arc<str>,
    pub(crate) role: Role,
    pub(crate) parents: Vec<GraphNodeId>,
    pub(crate) children: Vec<GraphNodeId>,
    /// Nodes are lowered in this order, each after its parents.
    pub(crate) priority: usize,
    pub(crate) place: Place,
    pub(crate) lower: Lower,
}
