//! The view of one record that nodes pass on.

use crate::{Headers, TopicPartition};

/// A view of one record. It is `Copy`: forwarding to five children copies references, never data.
///
/// A null key or value is `None` of an `Option` type. Java's `processor.api.Record`, with one
/// difference: a child can't change what its siblings see.
#[derive(Debug)]
pub struct Record<'a, K, V> {
    /// The key.
    pub key: &'a K,
    /// The value.
    pub value: &'a V,
    /// Event time in milliseconds since the epoch; never negative in a record that is processed.
    pub timestamp: i64,
    /// The headers.
    pub headers: &'a Headers,
}

impl<K, V> Clone for Record<'_, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Record<'_, K, V> {}

impl<'a, K, V> Record<'a, K, V> {
    /// Creates a record of these parts.
    pub const fn new(key: &'a K, value: &'a V, timestamp: i64, headers: &'a Headers) -> Self {
        Self { key, value, timestamp, headers }
    }

    /// The same record under another key.
    pub const fn with_key<K2>(self, key: &'a K2) -> Record<'a, K2, V> {
        Record { key, value: self.value, timestamp: self.timestamp, headers: self.headers }
    }

    /// The same record with another value.
    pub const fn with_value<V2>(self, value: &'a V2) -> Record<'a, K, V2> {
        Record { key: self.key, value, timestamp: self.timestamp, headers: self.headers }
    }

    /// The same record at another time, in milliseconds since the epoch.
    #[must_use]
    pub const fn with_timestamp(self, timestamp: i64) -> Self {
        Self { timestamp, ..self }
    }

    /// The same record with other headers.
    #[must_use]
    pub const fn with_headers(self, headers: &'a Headers) -> Self {
        Self { headers, ..self }
    }
}

/// Origin of the record that is being processed.
///
/// In a stream-time punctuator there is none: topic `None`, partition and offset -1, as in Java.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordMetadata {
    /// The topic and partition, unless the call does not come from a record.
    pub topic_partition: Option<TopicPartition>,
    /// The offset in the partition; -1 if the call does not come from a record.
    pub offset: i64,
}

impl RecordMetadata {
    /// The metadata of a call that no record caused.
    pub const fn none() -> Self {
        Self { topic_partition: None, offset: -1 }
    }

    /// The topic, if a record caused the call.
    pub fn topic(&self) -> Option<&str> {
        self.topic_partition.as_ref().map(|partition| &*partition.topic)
    }

    /// The partition; -1 if the call does not come from a record.
    pub fn partition(&self) -> i32 {
        self.topic_partition.as_ref().map_or(-1, |partition| partition.partition)
    }
}
