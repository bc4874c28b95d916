//! The vocabulary of group membership: members, epochs, tasks and targets.
//!
//! One model, that of KIP-1071: a member has an epoch, owns active, standby and warm-up tasks, and
//! gets a target; it gives up a task before another member takes it over. Coordinators with this
//! model are behind [`crate::client::Membership`]. Invariant: plain data, no clock and no network.

mod assignment;
mod group_hosts;
mod group_topology;
mod internal_topics;
mod matched_topics;
mod new_topic;
mod task_id;
mod task_inputs;
mod topic_pattern;

pub(crate) use self::task_inputs::task_inputs;
pub use self::{
    assignment::{TaskAssignment, TaskOffsets},
    group_hosts::{GroupHosts, HostPartitions},
    group_topology::{GroupTopology, InternalTopic, Subtopology},
    internal_topics::InternalTopics,
    new_topic::NewTopic,
    task_id::{ParseTaskIdError, TaskId},
    task_inputs::TaskInputs,
    topic_pattern::TopicPattern,
};
