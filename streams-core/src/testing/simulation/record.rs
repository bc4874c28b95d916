//! Input of a simulation.

/// A record that is written to an input topic, to the partition of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulationRecord {
    /// The topic.
    pub topic: String,
    /// Key bytes.
    pub key: Option<Vec<u8>>,
    /// Value bytes.
    pub value: Option<Vec<u8>>,
    /// Timestamp in milliseconds since the epoch.
    pub timestamp: i64,
}

impl SimulationRecord {
    /// A record with key and value.
    pub fn new(
        topic: impl Into<String>,
        key: impl Into<Vec<u8>>,
        value: impl Into<Vec<u8>>,
        timestamp: i64,
    ) -> Self {
        let (key, value) = (Some(key.into()), Some(value.into()));
        Self { topic: topic.into(), key, value, timestamp }
    }

    /// A record without a value.
    pub fn tombstone(topic: impl Into<String>, key: impl Into<Vec<u8>>, timestamp: i64) -> Self {
        Self { topic: topic.into(), key: Some(key.into()), value: None, timestamp }
    }
}
