//! Figures of the clients' connections.

/// Kind of a client with connections of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// It reads records.
    Consumer,
    /// It writes records.
    Producer,
}

/// Figures of a client at its last report. Java has them as metrics of its consumers and producers.
///
/// Totals begin at 0 with each client; a thread may make another client with the same id.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientStatistics {
    /// Name of the client.
    pub client_id: String,
    /// Kind of the client.
    pub kind: ClientKind,
    /// Open connections to brokers.
    pub connections: u64,
    /// Requests sent.
    pub requests: u64,
    /// Bytes sent.
    pub bytes_out: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Requests sent again.
    pub retries: u64,
    /// Requests without an answer in time.
    pub timeouts: u64,
    /// Mean time from a request to its answer in the last interval, in milliseconds. NaN if there
    /// were none.
    pub latency_avg_ms: f64,
    /// Longest such time, in milliseconds.
    pub latency_max_ms: f64,
    /// Mean time for which brokers throttled the client in the last interval, in milliseconds.
    pub throttle_avg_ms: f64,
    /// Records that wait in the client: to be sent, or to be taken.
    pub queued_records: u64,
    /// Bytes of these records.
    pub queued_bytes: u64,
}
