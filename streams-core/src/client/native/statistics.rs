//! The figures of consumers and producers over our own connections.

use std::{sync::Arc, time::Duration};

use kafka_client::Meter;

use crate::client::{ClientKind, ClientStatistics};

/// A client with its figures. The client itself keeps it, for as long as it lives.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) client_id: String,
    pub(super) meter: Arc<Meter>,
}

/// The figures of a client.
pub(super) fn figures(kind: ClientKind, client: &Measured) -> ClientStatistics {
    let of = client.meter.statistics();
    ClientStatistics {
        client_id: client.client_id.clone(),
        kind,
        connections: of.connections,
        requests: of.requests,
        bytes_out: of.bytes_out,
        bytes_in: of.bytes_in,
        retries: of.retries,
        timeouts: of.timeouts,
        latency_avg_ms: ms(of.latency.mean()),
        latency_max_ms: ms(of.latency.max()),
        throttle_avg_ms: ms(of.throttle.mean()),
        queued_records: of.queued_records,
        queued_bytes: of.queued_bytes,
    }
}

fn ms(time: Option<Duration>) -> f64 {
    time.map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
}
