//! How a producer sends.

use std::time::Duration;

use crate::record_batch::Compression;

/// Settings of a [`Producer`](super::Producer).
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    /// Name in the brokers' logs and quotas (`client.id`).
    pub client_id: String,
    /// The transactional id, which makes the producer a transactional one (`transactional.id`).
    pub transactional_id: Option<String>,
    /// After this the cluster aborts a transaction itself (`transaction.timeout.ms`; 1 min).
    pub transaction_timeout: Duration,
    /// How batches are compressed (`compression.type`; not at all).
    pub compression: Compression,
    /// The level of gzip or Zstandard; `None` is that of the codec.
    pub compression_level: Option<i32>,
    /// Bytes of a batch, before compression, at which it is sent (`batch.size`; 16 KB). A longer record is a batch of its own.
    pub batch_bytes: usize,
    /// Records of a batch at which it is sent; no limit by default.
    pub batch_records: usize,
    /// How long a batch stays open for more records (`linger.ms`; 5 ms).
    pub linger: Duration,
    /// Bytes of all batches that are open or on their way, beyond which the producer is full (`buffer.memory`; 32 MB).
    pub buffer_bytes: usize,
    /// Most bytes of a record, and of a request but for a batch that is longer (`max.request.size`; 1 MB).
    pub request_max_bytes: usize,
    /// From the first record of a batch until it is written or given up (`delivery.timeout.ms`; 2 min). Nothing of it is
    /// sent after that, also if the process was halted meanwhile.
    pub delivery_timeout: Duration,
    /// Requests that a broker has at a time (`max.in.flight.requests.per.connection`; 5, which is the most).
    pub max_in_flight: usize,
}

impl ProducerConfig {
    /// Kafka's defaults, under that name, without a transactional id.
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
