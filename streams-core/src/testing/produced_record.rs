//! A record as the topology wrote it.

use crate::{Headers, TopicPartition};

/// A record that the topology wrote to a topic, as bytes. Java's `ProducerRecord` of the driver's
/// producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducedRecord {
    /// Partition of the record; the driver's topics have one.
    pub topic_partition: TopicPartition,
    /// Its offset there.
    pub offset: i64,
    /// Timestamp in milliseconds since the epoch.
    pub timestamp: i64,
    /// Key bytes.
    pub key: Option<Vec<u8>>,
    /// Value bytes.
    pub value: Option<Vec<u8>>,
    /// Headers.
    pub headers: Headers,
}

impl ProducedRecord {
    /// Its topic.
    pub fn topic(&self) -> &str {
        &self.topic_partition.topic
    }
}
