//! The connections of a client, one per address.
//!
//! Callers share a connection. A caller that finds none opens one; the others wait for it. After a
//! failure all wait for the backoff to pass before the next try.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    sync::Mutex as AsyncMutex,
    time::{Instant, sleep_until},
};
use tokio_rustls::TlsConnector;
use tracing::debug;

use super::node::Node;
use crate::{
    ClientConfig, Error, Meter, Result,
    config::Address,
    connection::{Connection, tls_connector},
};

/// Rank of a broker for a request that any broker can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// There is a connection to it.
    Connected,
    /// It has not been tried.
    Unknown,
    /// The last try to connect failed.
    Failed,
}

#[derive(Debug)]
pub(super) struct Connections {
    meter: Arc<Meter>,
    slots: Mutex<HashMap<Address, Arc<AsyncMutex<Slot>>>>,
    tls: Mutex<Option<TlsKept>>,
}

#[derive(Debug, Default)]
struct Slot {
    connection: Option<Arc<Connection>>,
    failures: u32,
    last_failure: Option<Failure>,
}

#[derive(Debug)]
struct Failure {
    at: Instant,
    error: Error,
}

/// The certificates are read once; the wrapper is for `Debug`.
#[derive(Clone)]
struct TlsKept(TlsConnector);

impl std::fmt::Debug for TlsKept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsKept")
    }
}

impl Connections {
    /// None yet; what they do is counted by `meter`.
    pub(super) fn new(meter: Arc<Meter>) -> Self {
        Self { meter, slots: Mutex::default(), tls: Mutex::default() }
    }

    /// A usable connection to the node, opened if needed.
    ///
    /// # Errors
    /// The errors of [`Connection::open`], with the node's name.
    pub(super) async fn get(&self, node: &Node, config: &ClientConfig) -> Result<Arc<Connection>> {
        let asked_at = Instant::now();
        let slot = Arc::clone(self.slots.lock().entry(node.address.clone()).or_default());
        let mut slot = slot.lock().await;
        if let Some(connection) = slot.connection.as_ref().filter(|open| open.is_usable()) {
            return Ok(Arc::clone(connection));
        }
        slot.connection = None;
        if let Some(failure) = &slot.last_failure {
            // A caller that waited while another tried gets the same result and does not try again.
            if failure.at >= asked_at {
                return Err(failure.error.clone());
            }
            sleep_until(failure.at + config.backoff(slot.failures)).await;
        }
        match self.open(node, config).await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                *slot = Slot { connection: Some(Arc::clone(&connection)), ..Slot::default() };
                Ok(connection)
            }
            Err(error) => {
                debug!(%node, %error, "could not connect");
                let error = error.in_context(node);
                slot.failures = slot.failures.saturating_add(1);
                slot.last_failure = Some(Failure { at: Instant::now(), error: error.clone() });
                Err(error)
            }
        }
    }

    /// Current rank of this address.
    pub(super) fn standing(&self, address: &Address) -> Standing {
        let Some(slot) = self.slots.lock().get(address).cloned() else {
            return Standing::Unknown;
        };
        match slot.try_lock() {
            Ok(slot) if slot.connection.as_ref().is_some_and(|open| open.is_usable()) => {
                Standing::Connected
            }
            Ok(slot) if slot.failures > 0 => Standing::Failed,
            // Another caller is connecting to it right now.
            Ok(_) | Err(_) => Standing::Unknown,
        }
    }

    async fn open(&self, node: &Node, config: &ClientConfig) -> Result<Connection> {
        let tls = self.tls(config)?;
        Connection::open(&node.address, config, tls.as_ref(), &self.meter).await
    }

    fn tls(&self, config: &ClientConfig) -> Result<Option<TlsConnector>> {
        if !config.security.protocol.uses_tls() {
            return Ok(None);
        }
        let mut kept = self.tls.lock();
        if kept.is_none() {
            *kept = Some(TlsKept(tls_connector(&config.security.tls)?));
        }
        Ok(kept.as_ref().map(|kept| kept.0.clone()))
    }
}
