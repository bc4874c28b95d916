//! Input topics of a driver.

use std::time::Duration;

use super::{
    TestRecord,
    driver::{SharedDriver, borrow},
};
use crate::{
    Error, ErrorKind, Result,
    serde::{SerdeRef, Written},
    time::duration_ms,
};

/// A topic into which a test pipes records. Java's `TestInputTopic`.
///
/// Each call returns when the record, and everything that it causes, is processed and committed.
pub struct TestInputTopic<K, V> {
    driver: SharedDriver,
    topic: String,
    key_serde: SerdeRef<K>,
    value_serde: SerdeRef<V>,
    next_timestamp: i64,
    auto_advance_ms: i64,
}

impl<K, V> TestInputTopic<K, V> {
    pub(super) fn new(
        driver: SharedDriver,
        topic: &str,
        key_serde: SerdeRef<K>,
        value_serde: SerdeRef<V>,
    ) -> Self {
        let topic = topic.to_owned();
        Self { driver, topic, key_serde, value_serde, next_timestamp: 0, auto_advance_ms: 0 }
    }

    /// Sets the timestamps of [`pipe_next`](Self::pipe_next): `start`, in milliseconds since the
    /// epoch, for the first record, and `advance` more for each that follows. By default, all are
    /// at the epoch.
    #[must_use]
    pub fn with_auto_advance(mut self, start: i64, advance: Duration) -> Self {
        self.next_timestamp = start;
        self.auto_advance_ms = duration_ms(advance);
        self
    }

    /// Advances the timestamp of the next [`pipe_next`](Self::pipe_next).
    pub fn advance_time(&mut self, by: Duration) {
        self.next_timestamp = self.next_timestamp.saturating_add(duration_ms(by));
    }

    /// Pipes in a record without headers; `timestamp` is in milliseconds since the epoch.
    ///
    /// # Errors
    /// The errors of [`pipe_record`](Self::pipe_record).
    pub fn pipe_input(&mut self, key: K, value: V, timestamp: i64) -> Result {
        self.pipe_record(&TestRecord::new(key, value, timestamp))
    }

    /// Pipes in a record without headers at the next timestamp, and advances that.
    ///
    /// # Errors
    /// The errors of [`pipe_record`](Self::pipe_record).
    pub fn pipe_next(&mut self, key: K, value: V) -> Result {
        let timestamp = self.next_timestamp;
        self.next_timestamp = timestamp.saturating_add(self.auto_advance_ms);
        self.pipe_input(key, value, timestamp)
    }

    /// Pipes in records like [`pipe_next`](Self::pipe_next).
    ///
    /// # Errors
    /// The errors of [`pipe_record`](Self::pipe_record).
    pub fn pipe_all(&mut self, records: impl IntoIterator<Item = (K, V)>) -> Result {
        records.into_iter().try_for_each(|(key, value)| self.pipe_next(key, value))
    }

    /// Pipes in a record with headers.
    ///
    /// # Errors
    /// `Serialization` if the key or value can't be written, `InvalidState` if the topology does
    /// not read the topic or a store of the driver is held, and errors of processing the record.
    pub fn pipe_record(&mut self, record: &TestRecord<K, V>) -> Result {
        let key = bytes_of(&self.key_serde, &self.topic, "key", &record.key)?;
        let value = bytes_of(&self.value_serde, &self.topic, "value", &record.value)?;
        let data = (key.as_deref(), value.as_deref());
        borrow(&self.driver)?.pipe(&self.topic, data, record.timestamp, &record.headers)
    }
}

impl<K, V> std::fmt::Debug for TestInputTopic<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TestInputTopic({})", self.topic)
    }
}

fn bytes_of<T>(serde: &SerdeRef<T>, topic: &str, part: &str, data: &T) -> Result<Option<Vec<u8>>> {
    let mut out = Vec::new();
    match serde.serialize(topic, data, &mut out) {
        Ok(Written::Bytes) => Ok(Some(out)),
        Ok(Written::Null) => Ok(None),
        Err(cause) => {
            let text = format!("the {part} of a record for topic {topic} can't be serialised");
            Err(Error::with_source(ErrorKind::Serialization, text, cause))
        }
    }
}
