//! Records: the borrowed view that travels through a topology, headers, and partitions of topics.

mod headers;
mod topic_partition;
mod view;

pub use self::{
    headers::Headers,
    topic_partition::TopicPartition,
    view::{Record, RecordMetadata},
};
