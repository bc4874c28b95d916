//! Output topics of a driver.

use super::{ProducedRecord, TestRecord, log::SharedLog};
use crate::{Error, ErrorKind, Result, serde::SerdeRef};

/// A topic that a test reads. Java's `TestOutputTopic`.
///
/// Each record is read once, whichever `TestOutputTopic` of that topic reads it.
pub struct TestOutputTopic<K, V> {
    log: SharedLog,
    topic: String,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
}

impl<K, V> TestOutputTopic<K, V> {
    pub(super) fn new(
        log: SharedLog,
        topic: &str,
        key_serde: SerdeRef<K>,
        value_serde: SerdeRef<V>,
    ) -> Self {
        Self { log, topic: topic.to_owned(), key_serde, value_serde }
    }

    /// Returns whether all records of the topic were read. `false` for a topic that the topology
    /// does not write to, so that a test with a misspelt name does not pass.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.log.lock().check(&self.topic).is_ok()
    }

    /// Number of unread records. Java's `getQueueSize`.
    pub fn len(&self) -> usize {
        self.log.lock().unread_len(&self.topic)
    }

    /// The next record; `None` if all were read.
    ///
    /// # Errors
    /// `Deserialization` if the serdes can't read it; it counts as read. `InvalidState` if the
    /// topology does not write to the topic.
    pub fn read_record(&self) -> Result<Option<TestRecord<K, V>>> {
        let record = {
            let mut log = self.log.lock();
            log.check(&self.topic)?;
            log.read(&self.topic)
        };
        record.map(|record| self.decode(record)).transpose()
    }

    /// Key and value of the next record; `None` if all were read.
    ///
    /// # Errors
    /// The errors of [`read_record`](Self::read_record).
    pub fn read_key_value(&self) -> Result<Option<(K, V)>> {
        Ok(self.read_record()?.map(|record| (record.key, record.value)))
    }

    /// Value of the next record; `None` if all were read.
    ///
    /// # Errors
    /// The errors of [`read_record`](Self::read_record).
    pub fn read_value(&self) -> Result<Option<V>> {
        Ok(self.read_record()?.map(|record| record.value))
    }

    /// All unread records.
    ///
    /// # Errors
    /// The errors of [`read_record`](Self::read_record).
    pub fn read_records_to_list(&self) -> Result<Vec<TestRecord<K, V>>> {
        let mut records = Vec::new();
        while let Some(record) = self.read_record()? {
            records.push(record);
        }
        Ok(records)
    }

    /// Keys and values of all unread records.
    ///
    /// # Errors
    /// The errors of [`read_record`](Self::read_record).
    pub fn read_key_values_to_list(&self) -> Result<Vec<(K, V)>> {
        let records = self.read_records_to_list()?;
        Ok(records.into_iter().map(|record| (record.key, record.value)).collect())
    }

    fn decode(&self, record: ProducedRecord) -> Result<TestRecord<K, V>> {
        let topic = &self.topic;
        let fail = |part: &str, cause| {
            let text = format!("the {part} of {topic}-0@{} can't be read", record.offset);
            Error::with_source(ErrorKind::Deserialization, text, cause)
        };
        let key = self.key_serde.deserialize(topic, record.key.as_deref());
        let key = key.map_err(|cause| fail("key", cause))?;
        let value = self.value_serde.deserialize(topic, record.value.as_deref());
        let value = value.map_err(|cause| fail("value", cause))?;
        Ok(TestRecord { key, value, timestamp: record.timestamp, headers: record.headers })
    }
}

impl<K, V> std::fmt::Debug for TestOutputTopic<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TestOutputTopic({})", self.topic)
    }
}
