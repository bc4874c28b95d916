//! Typed writes and reads, for examples and tests.

use super::EmbeddedCluster;
use crate::{
    Error, ErrorKind, Headers, Result, Topic,
    client::{IsolationLevel, ProduceRecord},
    serde::{SerdeRef, Written},
};

impl EmbeddedCluster {
    /// Writes a text record, with the cluster's clock as its timestamp, to the partition of its
    /// key.
    ///
    /// # Errors
    /// The errors of [`produce`](Self::produce).
    pub fn send(&self, topic: &str, key: &str, value: &str) -> Result<(i32, i64)> {
        let record = ProduceRecord {
            timestamp: self.now_ms(),
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            headers: &Headers::new(),
        };
        self.produce(topic, None, record)
    }

    /// Writes a record, with the cluster's clock as its timestamp, to the partition of its key.
    ///
    /// # Errors
    /// The errors of [`produce`](Self::produce), or `Serialization` if the key or the value can't
    /// be written.
    pub fn write<K, V>(&self, topic: &Topic<K, V>, key: &K, value: &V) -> Result<(i32, i64)> {
        let key = bytes(topic.name(), topic.key_serde(), key)?;
        let value = bytes(topic.name(), topic.value_serde(), value)?;
        let record = ProduceRecord {
            timestamp: self.now_ms(),
            key: key.as_deref(),
            value: value.as_deref(),
            headers: &Headers::new(),
        };
        self.produce(topic.name(), None, record)
    }

    /// Like [`read`](Self::read), for a typed topic.
    ///
    /// # Errors
    /// The errors of [`read`](Self::read).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use streams_core::{Topic, client::embedded::EmbeddedCluster, serde, time::SystemClock};
    ///
    /// let cluster = EmbeddedCluster::new(Arc::new(SystemClock));
    /// cluster.create_topic("orders", 1)?;
    /// let orders = Topic::new("orders", serde::string(), serde::long());
    /// cluster.write(&orders, &"ann".to_owned(), &50)?;
    /// assert_eq!(cluster.read_topic(&orders)?, [("ann".to_owned(), Some(50))]);
    /// # Ok::<(), streams_core::Error>(())
    /// ```
    pub fn read_topic<K, V>(&self, topic: &Topic<K, V>) -> Result<Vec<(K, Option<V>)>> {
        self.read(topic.name(), topic.key_serde(), topic.value_serde())
    }

    /// The committed records of a topic, partition by partition; a null value is `None`.
    ///
    /// # Errors
    /// `InvalidTopic` if the topic does not exist, `Deserialization` naming the record that can't
    /// be read.
    pub fn read<K, V>(
        &self,
        topic: &str,
        key: &SerdeRef<K>,
        value: &SerdeRef<V>,
    ) -> Result<Vec<(K, Option<V>)>> {
        let records = self.read_all(topic, IsolationLevel::ReadCommitted)?;
        let decode = |record: &super::StoredRecord| {
            let position = format!("{topic}-{}@{}", record.partition, record.offset);
            let fail = |cause| {
                Error::with_source(ErrorKind::Deserialization, format!("reading {position}"), cause)
            };
            let decoded = record.value.as_deref();
            let decoded = decoded.map(|bytes| value.deserialize(topic, Some(bytes))).transpose();
            Ok((
                key.deserialize(topic, record.key.as_deref()).map_err(fail)?,
                decoded.map_err(fail)?,
            ))
        };
        records.iter().map(decode).collect()
    }
}

/// Bytes of a datum of a record that is written to `topic`; none for a null.
fn bytes<T>(topic: &str, serde: &SerdeRef<T>, datum: &T) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let written = serde.serialize(topic, datum, &mut bytes).map_err(|cause| {
        Error::with_source(ErrorKind::Serialization, format!("writing to {topic}"), cause)
    })?;
    Ok((written == Written::Bytes).then_some(bytes))
}
