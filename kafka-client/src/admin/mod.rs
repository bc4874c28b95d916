//! Topics, offsets in logs, and groups: what Java's `Admin` does.
//!
//! Each operation retries inside for up to [`api_timeout`](crate::ClientConfig::api_timeout), so all are such that a
//! repetition does no harm.

mod configs;
mod groups;
mod offsets;
mod topics;

pub use self::{
    groups::GroupDescription,
    offsets::PartitionOffsets,
    topics::{CreatedTopics, NewTopic, TopicDescription},
};
