//! The protocol of KIP-1071: one request, `StreamsGroupHeartbeat`, and the broker assigns (Kafka
//! 4.2 and later).
//!
//! The member reports the tasks that it owns, the broker those that it should own; a task goes to
//! its next owner only when its previous one has reported without it. A report never has less than
//! its owner may be working on: tasks that the owner was told, or may be told at any moment, count
//! as owned.

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
