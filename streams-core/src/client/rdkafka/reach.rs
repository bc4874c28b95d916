//! Whether a client still knows whom to ask.

use std::time::Duration;

use super::ffi::Client;

/// Serves a client, and keeps it from losing the cluster.
///
/// A broker that has only just been started may answer that the cluster has no brokers. librdkafka then gives up those
/// that it knew, the one that said so among them, and without any it asks nobody any more: it has to be given the
/// bootstrap servers again. One that is only out of reach it keeps, and tries again by itself.
#[derive(Debug, Default)]
pub(super) struct Reach {
    has_brokers: bool,
}

impl Reach {
    /// Calls back for what has happened, as [`Client::serve`].
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
