//! Recovery of a client that knows no broker any more.

use std::time::Duration;

use super::ffi::Client;

/// Serves a client, and keeps it from losing the cluster.
///
/// A broker that has only just started may answer that the cluster has no brokers. librdkafka then
/// drops those that it knew, including that one, and without any it asks nobody any more: it must
/// be given the bootstrap servers again. A broker that is only out of reach is kept, and retried by
/// librdkafka.
#[derive(Debug, Default)]
pub(super) struct Reach {
    has_brokers: bool,
}

impl Reach {
    /// Handles pending events, like [`Client::serve`].
    pub(super) fn serve(&mut self, client: &Client, wait: Duration) {
        client.serve(wait);
        let has_brokers = client.has_heard_of_brokers();
        if std::mem::replace(&mut self.has_brokers, has_brokers) && !has_brokers {
            let client_id = client.events().client_id();
            tracing::info!(client = %client_id, "the cluster told of no brokers; asking the bootstrap servers again");
            client.add_bootstrap_servers();
        }
    }
}
