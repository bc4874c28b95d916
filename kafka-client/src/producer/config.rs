//! Settings of a producer.

use std::time::Duration;

use crate::record_batch::Compression;

/// Settings of a [`Producer`](super::Producer).
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    /// Name in the brokers' logs and quotas (`client.id`).
    pub client_id: String,
    /// The transactional id, which makes the producer a transactional one (`transactional.id`).
    pub transactional_id: Option<String>,
    /// Time after which the cluster itself aborts a transaction (`transaction.timeout.ms`; 1 min).
    pub transaction_timeout: Duration,
    /// Compression of batches (`compression.type`; none).
    pub compression: Compression,
    /// The level of gzip or Zstandard; `None` is the codec's default.
    pub compression_level: Option<i32>,
    /// Bytes of a batch, before compression, at which it is sent (`batch.size`; 16 KB). A longer
    /// record gets its own batch.
    pub batch_bytes: usize,
    /// Records of a batch at which it is sent; no limit by default.
    pub batch_records: usize,
    /// Time for which a batch stays open for more records (`linger.ms`; 5 ms).
    pub linger: Duration,
    /// Bytes of all batches that are open or in transit, beyond which the producer is full
    /// (`buffer.memory`; 32 MB).
    pub buffer_bytes: usize,
    /// Limit on the bytes of a record, and of a request except for a longer batch
    /// (`max.request.size`; 1 MB).
    pub request_max_bytes: usize,
    /// Time from the first record of a batch until it is written or given up
    /// (`delivery.timeout.ms`; 2 min). None of it is sent after that, even if the process was
    /// suspended meanwhile.
    pub delivery_timeout: Duration,
    /// Limit on the requests in flight at a broker (`max.in.flight.requests.per.connection`; 5,
    /// which is the maximum).
    pub max_in_flight: usize,
}

impl ProducerConfig {
    /// Kafka's defaults, with this name, without a transactional id.
    pub fn new(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            transactional_id: None,
            transaction_timeout: Duration::from_secs(60),
            compression: Compression::None,
            compression_level: None,
            batch_bytes: 16 << 10,
            batch_records: usize::MAX,
            linger: Duration::from_millis(5),
            buffer_bytes: 32 << 20,
            request_max_bytes: 1 << 20,
            delivery_timeout: Duration::from_secs(120),
            max_in_flight: 5,
        }
    }
}
