//! Figures of the clients' connections.

#[cfg(feature = "rdkafka")]
use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

#[cfg(feature = "rdkafka")]
use parking_lot::Mutex;

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
    /// Requests, or batches of records, sent again.
    pub retries: u64,
    /// Requests without an answer in time.
    pub timeouts: u64,
    /// Mean time from a request to its answer in the last interval, in milliseconds. NaN if there
    /// were none. The time for which a broker waits for records that are to be fetched is part of
    /// it.
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

/// The clients of a supplier, for as long as they live. `C` is what tells of one.
#[cfg(feature = "rdkafka")]
#[derive(Debug)]
pub(super) struct Reporters<C>(Mutex<Vec<(ClientKind, Weak<C>)>>);

#[cfg(feature = "rdkafka")]
impl<C> Reporters<C> {
    /// None yet.
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Adds a client, and forgets those that are gone.
    pub(super) fn add(&self, kind: ClientKind, client: &Arc<C>) {
        let mut clients = self.0.lock();
        clients.retain(|(_, client)| client.strong_count() > 0);
        clients.push((kind, Arc::downgrade(client)));
    }

    /// The figures of each client that has some. Of clients with the same name the newest counts.
    pub(super) fn statistics(
        &self,
        figures: impl Fn(ClientKind, &C) -> Option<ClientStatistics>,
    ) -> Vec<ClientStatistics> {
        let clients = self.0.lock();
        let living = clients.iter().filter_map(|(kind, client)| Some((*kind, client.upgrade()?)));
        let found = living.filter_map(|(kind, client)| figures(kind, &client));
        let latest: BTreeMap<_, _> =
            found.map(|figures| (figures.client_id.clone(), figures)).collect();
        latest.into_values().collect()
    }
}
