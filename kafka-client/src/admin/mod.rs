//! Topics, offsets in logs, and groups: the operations of Java's `Admin`.
//!
//! Each operation retries internally for up to [`api_timeout`](crate::ClientConfig::api_timeout),
//! so all of them can be repeated safely.

mod configs;
mod groups;
mod offsets;
mod topics;

pub use self::{
    groups::GroupDescription,
    offsets::PartitionOffsets,
    topics::{CreatedTopics, NewTopic, TopicDescription},
};
