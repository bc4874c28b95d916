//! How a consumer fetches.

use std::time::Duration;

use crate::IsolationLevel;

/// Settings of a [`Consumer`](super::Consumer).
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// Name in the brokers' logs and quotas (`client.id`).
    pub client_id: String,
    /// Which records of transactions are read (`isolation.level`).
    pub isolation: IsolationLevel,
    /// How long a broker waits for new records (`fetch.max.wait.ms`; 500 ms).
    pub max_wait: Duration,
    /// Bytes for which it waits (`fetch.min.bytes`; 1).
    pub min_bytes: i32,
    /// Most bytes of an answer (`fetch.max.bytes`; 50 MB). A batch that is larger comes all the same.
    pub max_bytes: i32,
    /// Most bytes of a partition in an answer, and bytes of it that wait to be read beyond which no more are fetched
    /// (`max.partition.fetch.bytes`; 1 MB).
    pub partition_max_bytes: i32,
    /// Whether checksums are compared (`check.crcs`; true).
    pub check_crcs: bool,
}

impl ConsumerConfig {
    /// Kafka's defaults, under that name.
    pub fn new(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            isolation: IsolationLevel::default(),
            max_wait: Duration::from_millis(500),
            min_bytes: 1,
            max_bytes: 50 << 20,
            partition_max_bytes: 1 << 20,
            check_crcs: true,
        }
    }
}
