//! The protocol of KIP-1071: one request, `StreamsGroupHeartbeat`, and the broker assigns (Kafka 4.2 and later).
//!
//! The member says what it owns, the broker what it shall own; a task goes to its next owner only when its last one
//! has reported without it. What a member reports is never less than its owner may be working on: tasks that the
//! owner was told of, or may be told of at any moment, count as owned.

mod config;
mod coordinator;
mod hosts;
mod life;
mod member;
mod messages;
mod status;
mod task;
mod tasks;
#[cfg(test)]
mod tests;
mod topology;
mod wire;

pub use self::{
    config::StreamsGroupConfig,
    hosts::HostTasks,
    member::{MemberEpoch, StreamsMember},
    status::{GroupStatus, StatusCode},
    tasks::{TaskSet, Tasks},
    topology::{CopartitionGroup, KeyValue, Subtopology, TopicInfo, Topology},
};
