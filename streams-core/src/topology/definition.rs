//! Nodes and stores as data.

use std::{any::Any, collections::BTreeSet, panic::Location, sync::Arc};

use super::{SourceTopics, TaskBuilder, WrapProcessor};
use crate::{
    Result,
    client::OffsetReset,
    processor::{Event, NodeInfo, Source, TaskState},
    store::{MakeStore, StoreSpec},
};

/// Makes a node for one task: a `Box<dyn Node<K, V>>` in a box.
pub(crate) type BuildNode =
    Arc<dyn Fn(&mut TaskBuilder<'_>, &Arc<NodeInfo>) -> Result<Box<dyn Any + Send>> + Send + Sync>;

/// Makes a processor node for one task, with what makes the code around it if there is any.
pub(crate) type BuildProcessor = Arc<
    dyn Fn(
            &mut TaskBuilder<'_>,
            &Arc<NodeInfo>,
            Option<&WrapProcessor>,
        ) -> Result<Box<dyn Any + Send>>
        + Send
        + Sync,
>;

/// Makes a source node for one task.
pub(crate) type BuildSource =
    Arc<dyn Fn(&mut TaskBuilder<'_>, &Arc<NodeInfo>) -> Result<Box<dyn Source>> + Send + Sync>;

/// Calls the control method of a node behind `Any`.
pub(crate) type ControlNode = fn(&mut dyn Any, Event, &mut TaskState) -> Result;

/// Data of the kinds of nodes.
pub(crate) enum NodeKind {
    Source {
        topics: SourceTopics,
        reset: Option<OffsetReset>,
        build: BuildSource,
    },
    Processor {
        build: BuildProcessor,
        wrap: Option<WrapProcessor>,
        control: ControlNode,
    },
    /// Without a topic, `extractor` is the label of the code that chooses one for each record.
    Sink {
        topic: Option<String>,
        extractor: String,
        build: BuildNode,
        control: ControlNode,
    },
}

/// A node of a topology.
pub(crate) struct NodeDef {
    pub(crate) name: Arc<str>,
    pub(crate) kind: NodeKind,
    pub(crate) parents: Vec<usize>,
    pub(crate) children: Vec<usize>,
    pub(crate) stores: Vec<usize>,
}

/// A store of a topology.
pub(crate) struct StoreDef {
    pub(crate) spec: StoreSpec,
    pub(crate) make: MakeStore,
    /// A source topic that serves as its changelog.
    pub(crate) source_changelog: Option<String>,
    /// The node that forwards the changes held back by the store's cache.
    pub(crate) flushed_by: Option<usize>,
    /// True if every instance has all of it, and no task owns it.
    pub(crate) global: bool,
    /// The line that added it.
    pub(crate) caller: &'static Location<'static>,
}

impl StoreDef {
    /// Returns whether updates are held back until the commit: if the store wants it, the
    /// configuration has a `cache`, and there is a node that forwards them then.
    pub(crate) fn is_cached(&self, cache: bool) -> bool {
        cache && self.spec.caching && self.flushed_by.is_some()
    }
}

/// A repartition topic.
#[derive(Clone, Debug, Default)]
pub(crate) struct RepartitionDef {
    pub(crate) partitions: Option<i32>,
}

/// Source topics that must have equal partition counts.
pub(crate) type CopartitionGroup = BTreeSet<usize>;
