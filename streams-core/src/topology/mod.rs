//! The topology as immutable data, and the tasks that are built from it.
//!
//! A [`TopologyBuilder`] collects nodes, stores and internal topics, and builds a [`Topology`]:
//! sub-topologies, `describe()` and internal topics are functions of it. Each node carries a
//! factory that makes it, with its children, once per task.

mod builder;
mod definition;
mod describe;
mod group;
#[cfg(feature = "json")]
mod json;
mod mermaid;
mod node_ref;
mod options;
mod plan;
mod problem;
mod processor_wrapper;
mod source_topics;
mod subtopologies;
mod task_builder;
mod wrapped_node;

pub use self::{
    builder::TopologyBuilder,
    group::changelog_topic,
    node_ref::{NodeId, NodeRef},
    options::{SinkOptions, SourceOptions},
    plan::{Fate, Resource, TopologyChange, TopologyPlan},
    problem::{TopologyError, TopologyProblem},
    processor_wrapper::{ProcessorWrapper, WrapProcessor},
    subtopologies::Topology,
    wrapped_node::WrappedNode,
};
pub(crate) use self::{
    definition::{NodeDef, NodeKind, RepartitionDef, StoreDef},
    source_topics::SourceTopics,
    task_builder::TaskBuilder,
};
pub use crate::membership::TopicPattern;
