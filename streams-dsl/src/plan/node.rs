//! One node of the graph that is lowered.

use std::{any::TypeId, sync::Arc, time::Duration};

use streams_core::client::OffsetReset;

use super::{Caller, Lowering, Name, RepartitionNames};

/// The number of a node in its graph.
pub(crate) type GraphNodeId = usize;

/// Adds a node of the graph to a topology.
pub(crate) trait Part: Send + Sync {
    /// Adds its nodes and stores.
    fn lower(&self, lowering: &mut Lowering<'_>);
}

impl<F: Fn(&mut Lowering<'_>) + Send + Sync> Part for F {
    fn lower(&self, lowering: &mut Lowering<'_>) {
        self(lowering);
    }
}

/// Properties of a node that passes must know, besides its position.
#[derive(Clone)]
pub(crate) enum Role {
    /// Reads topics as a stream. Two of them that read the same topics become one.
    Source {
        /// Topics that it reads.
        topics: Vec<String>,
        /// Pattern of the topics' names, in place of `topics`.
        pattern: Option<String>,
        /// Position at which it begins.
        reset: Option<OffsetReset>,
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
    Repartition(Arc<dyn Mergeable>),
    /// A join that keeps records without a key: repartition topics above it must let them through.
    KeepsNullKeys,
    /// A join of streams, whose records are put into stores first.
    StreamJoin {
        /// The node that puts those of the other stream.
        windowed_other: GraphNodeId,
        /// True if the node keeps records without a key.
        keeps_null_keys: bool,
        /// It, where both streams are one, with one store; `None` if that can't be.
        as_self_join: Option<Arc<dyn Part>>,
    },
    /// Aggregates in windows.
    Windowed {
        /// For how long after its end a window takes records.
        grace: Duration,
    },
    /// Stands no more: another source is read in its place.
    ReplacedBy(Name),
    /// Anything else.
    Other,
}

/// A repartition topic that several nodes can share.
pub(crate) trait Mergeable: Send + Sync {
    /// Its name, without the application id.
    fn topic(&self) -> &Name;

    /// It, right below the change of key, under these names of its nodes and of the filter before
    /// it.
    fn below_change_of_key(&self, names: RepartitionNames, filter: Name) -> Arc<dyn Part>;
}

/// One node, which several of a topology may come from.
pub(crate) struct GraphNode {
    pub(crate) name: Name,
    pub(crate) role: Role,
    pub(crate) parents: Vec<GraphNodeId>,
    pub(crate) children: Vec<GraphNodeId>,
    /// Nodes are lowered in this order, each after its parents.
    pub(crate) priority: usize,
    pub(crate) caller: Caller,
    pub(crate) part: Arc<dyn Part>,
}
