//! Writing and reading with types: for examples and tests.

use super::EmbeddedCluster;
use crate::{
    Error, ErrorKind, Headers, Result,
    client::{IsolationLevel, ProduceRecord},
    serde::SerdeRef,
};

impl EmbeddedCluster {
    /// Writes a record of texts, stamped with the cluster's clock, to the partition of its key.
    ///
    /// # Errors
    /// As [`produce`](Self::produce).
    pub fn send(&self, topic: &str, key: &str, value: &str) -> Result<(i32, i64)> {
        let record = ProduceRecord {
            timestamp: self.now_ms(),
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            headers: &Headers::new(),
        };
        self.produce(topic, None, record)
    }

    /// The committed records of a topic, partition by partition; a null value is `None`.
    ///
    /// # Errors
    /// `InvalidTopic` if the topic does not exist, `Deserialization` naming the record that can't be read.
    pub fn read<K, V>(
        &self,
        topic: &str,
        key: &SerdeRef<K>,
        value: &SerdeRef<V>,
    ) -> Result<Vec<(K, Option<V>)>> {
        let records = self.read_all(topic, IsolationLevel::ReadCommitted)?;
        let decode = |record: &super::StoredRecord| {
            let place = format!("{topic}-{}@{}", record.partition, record.offset);
            let fail = |cause| {
                Error::with_source(ErrorKind::Deserialization, format!("reading {place}"), cause)
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
