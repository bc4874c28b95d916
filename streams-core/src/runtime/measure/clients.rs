//! Metrics of the clients' connections.

use super::{
    definitions::{self as is, Definition},
    sensor::float,
};
use crate::client::{ClientKind, ClientStatistics};

/// Definitions of the figures, in the order of [`list`].
const CONSUMER: [Definition; 11] = [
    is::CONSUMER_CONNECTIONS,
    is::CONSUMER_REQUESTS,
    is::CONSUMER_BYTES_OUT,
    is::CONSUMER_BYTES_IN,
    is::CONSUMER_RETRIES,
    is::CONSUMER_TIMEOUTS,
    is::CONSUMER_LATENCY_AVG,
    is::CONSUMER_LATENCY_MAX,
    is::CONSUMER_THROTTLE,
    is::CONSUMER_QUEUED,
    is::CONSUMER_QUEUED_BYTES,
];
const PRODUCER: [Definition; 11] = [
    is::PRODUCER_CONNECTIONS,
    is::PRODUCER_REQUESTS,
    is::PRODUCER_BYTES_OUT,
    is::PRODUCER_BYTES_IN,
    is::PRODUCER_RETRIES,
    is::PRODUCER_TIMEOUTS,
    is::PRODUCER_LATENCY_AVG,
    is::PRODUCER_LATENCY_MAX,
    is::PRODUCER_THROTTLE,
    is::PRODUCER_QUEUED,
    is::PRODUCER_QUEUED_BYTES,
];

/// Adds the metrics of one client.
pub(super) fn list(
    of: &ClientStatistics,
    mut add: impl FnMut(Definition, &[(&'static str, String)], f64),
) {
    let definitions = match of.kind {
        ClientKind::Consumer => CONSUMER,
        ClientKind::Producer => PRODUCER,
    };
    let values = [
        float(of.connections),
        float(of.requests),
        float(of.bytes_out),
        float(of.bytes_in),
        float(of.retries),
        float(of.timeouts),
        of.latency_avg_ms,
        of.latency_max_ms,
        of.throttle_avg_ms,
        float(of.queued_records),
        float(of.queued_bytes),
    ];
    let tags = [("client-id", of.client_id.clone())];
    for (definition, value) in definitions.into_iter().zip(values) {
        add(definition, &tags, value);
    }
}
