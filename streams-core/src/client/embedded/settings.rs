//! Settings of the embedded cluster.

use std::time::Duration;

/// Settings of an [`EmbeddedCluster`](super::EmbeddedCluster).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSettings {
    /// True if a consumer's `poll` with nothing to return waits, up to its `max_wait` in real time.
    /// With a clock that moves only when told to, it must return at once instead.
    pub polls_wait: bool,
    /// Time between the heartbeats of a member, on the cluster's clock.
    pub heartbeat_interval: Duration,
    /// Age at which an open transaction is aborted and its producer fenced.
    pub transaction_timeout: Duration,
    /// Size in bytes at which a producer sends an open batch without waiting for `flush`.
    pub batch_bytes_max: usize,
    /// Bytes of open batches at which a producer that can't send them is full; Kafka's
    /// `buffer.memory`.
    pub buffer_bytes_max: usize,
    /// Time for which a producer may be full before it gives up; Kafka's `max.block.ms`.
    pub max_block: Duration,
    /// Size in bytes of the largest record, counting key, value and headers; Kafka's
    /// `max.message.bytes`.
    pub record_bytes_max: usize,
}

impl ClusterSettings {
    /// Settings for a clock that moves only when told to: polls never wait.
    pub fn for_virtual_time() -> Self {
        Self { polls_wait: false, ..Self::default() }
    }
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            polls_wait: true,
            heartbeat_interval: Duration::from_millis(100),
            transaction_timeout: Duration::from_secs(10),
            batch_bytes_max: 1 << 20,
            buffer_bytes_max: 32 << 20,
            max_block: Duration::from_secs(60),
            record_bytes_max: 1 << 20,
        }
    }
}
