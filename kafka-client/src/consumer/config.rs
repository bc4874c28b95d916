//! Settings of fetches.

use std::time::Duration;

use crate::IsolationLevel;

/// Settings of a [`Consumer`](super::Consumer).
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// Name in the brokers' logs and quotas (`client.id`).
    pub client_id: String,
    /// Visibility of transactional records (`isolation.level`).
    pub isolation: IsolationLevel,
    /// Time for which a broker waits for new records (`fetch.max.wait.ms`; 500 ms).
    pub max_wait: Duration,
    /// Bytes for which it waits (`fetch.min.bytes`; 1).
    pub min_bytes: i32,
    /// Limit on the bytes of an answer (`fetch.max.bytes`; 50 MB). A larger batch is sent
    /// nevertheless.
    pub max_bytes: i32,
    /// Limit on the bytes of a partition in an answer, and on its unread bytes beyond which no more
    /// are fetched (`max.partition.fetch.bytes`; 1 MB).
    pub partition_max_bytes: i32,
    /// True if checksums are verified (`check.crcs`; true).
    pub check_crcs: bool,
}

impl ConsumerConfig {
    /// Kafka's defaults, with this name.
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
