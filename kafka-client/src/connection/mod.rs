//! One connection to one broker.
//!
//! Requests are pipelined: a writer task sends them in order of arrival, a reader task passes
//! answers to the waiting callers. A broker answers the requests of a connection in sequence, so a
//! held-back answer delays all later ones. A failed connection stays failed; callers that need
//! another open one.

mod frame;
mod handshake;
mod sasl;
mod tcp;
mod tls;
mod waiting;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use kafka_protocol::protocol::Request;
use tokio::{
    io::{AsyncWriteExt, ReadHalf, WriteHalf},
    sync::mpsc,
    time::{Instant, timeout},
};
use tokio_rustls::TlsConnector;
use tracing::debug;

pub(crate) use self::tls::tls_connector;
use self::{
    frame::{decode_response, encode_request, read_frame},
    handshake::{BrokerVersions, Handshake},
    tcp::{Stream, broken},
    waiting::Waiting,
};
use crate::{ClientConfig, Error, ErrorKind, Meter, Result, config::Address, error::api_name};

/// Limit on the requests that wait for the socket; further ones wait in their callers.
const QUEUE_MAX: usize = 64;

/// A request that waits for the socket.
struct Outgoing {
    id: i32,
    frame: Bytes,
    /// Time after which it must not be sent any more.
    not_after: Option<Instant>,
}

/// A connection that is set up: versions are known, and it is authenticated.
pub(crate) struct Connection {
    client_id: String,
    request_timeout: Duration,
    versions: BrokerVersions,
    next_correlation_id: AtomicI32,
    outgoing: mpsc::Sender<Outgoing>,
    waiting: Arc<Waiting>,
    /// Time at which our authentication is about to expire.
    renew_at: Option<Instant>,
}

impl Connection {
    /// Connects, negotiates versions and authenticates, all within `connection_setup_timeout`.
    /// `meter` counts what the connection does afterwards.
    ///
    /// # Errors
    /// `Connection` (also when the time is over), `Authentication`, `Protocol`, `Invalid`.
    pub(crate) async fn open(
        address: &Address,
        config: &ClientConfig,
        tls: Option<&TlsConnector>,
        meter: &Arc<Meter>,
    ) -> Result<Self> {
        let limit = config.connection_setup_timeout;
        let set_up = async {
            let connection = Self::begin(tcp::connect(address, tls).await?, config, meter).await?;
            debug!(%address, "connected");
            Ok(connection)
        };
        timeout(limit, set_up).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Connection, format!("not connected within {limit:?}")))
        })
    }

    /// Negotiates versions, authenticates, and starts the tasks.
    async fn begin(
        mut stream: Box<dyn Stream>,
        config: &ClientConfig,
        meter: &Arc<Meter>,
    ) -> Result<Self> {
        let mut handshake = Handshake::new(&mut *stream, &config.client_id);
        let versions = handshake.broker_versions().await?;
        let mut lifetime = None;
        if config.security.protocol.uses_sasl() {
            let sasl =
                config.security.sasl.as_ref().ok_or_else(|| {
                    Error::new(ErrorKind::Invalid, "no SASL mechanism is configured")
                })?;
            lifetime = sasl::authenticate(&mut handshake, &versions, sasl).await?;
        }
        let next_correlation_id = AtomicI32::new(handshake.next_correlation_id());
        let (reader, writer) = tokio::io::split(stream);
        let (outgoing, queue) = mpsc::channel(QUEUE_MAX);
        let waiting = Arc::new(Waiting::new(Arc::clone(meter)));
        waiting.attach(tokio::spawn(write(writer, queue, Arc::clone(&waiting))).abort_handle());
        waiting.attach(tokio::spawn(read(reader, Arc::clone(&waiting))).abort_handle());
        Ok(Self {
            client_id: config.client_id.clone(),
            request_timeout: config.request_timeout,
            versions,
            next_correlation_id,
            outgoing,
            waiting,
            // Java renews between 85 and 95 percent of the lifetime.
            renew_at: lifetime.map(|lifetime| Instant::now() + lifetime.mul_f64(0.85)),
        })
    }

    /// Returns whether new requests may be sent: it has not failed, and its authentication is not
    /// about to expire.
    pub(crate) fn is_usable(&self) -> bool {
        !self.waiting.is_closed() && self.renew_at.is_none_or(|at| Instant::now() < at)
    }

    /// Sends a request in the newest version up to `max_version` that the broker offers, and waits
    /// for its answer: for the request time-out plus `wait`, the time for which the broker may hold
    /// the answer back.
    ///
    /// # Errors
    /// `Connection` if it was not sent, `Timeout` if it was and no answer came (the connection is
    /// then closed, as in Java), `Protocol` without a common version.
    pub(crate) async fn call<R: Request>(
        &self,
        request: &R,
        max_version: i16,
        wait: Duration,
    ) -> Result<R::Response> {
        let version = self.versions.newest_common::<R>(max_version)?;
        let id = self.next_correlation_id.fetch_add(1, Ordering::Relaxed);
        let frame = encode_request(request, version, id, &self.client_id)?;
        let receiver = self.waiting.register(id)?;
        let exchange = async {
            // The queue closes only when the connection ends, which the receiver learns too.
            let _ = self.outgoing.send(Outgoing { id, frame, not_after: None }).await;
            receiver.await
        };
        let limit = self.request_timeout.saturating_add(wait);
        match timeout(limit, exchange).await {
            Ok(Ok(outcome)) => decode_response::<R>(outcome?, version),
            Ok(Err(_)) => Err(Error::new(ErrorKind::Timeout, "the connection was dropped")),
            Err(_) => Err(self.timed_out(id, limit, &api_name::<R>())),
        }
    }

    /// Queues a request to be sent after those queued before, but not after `not_after`, however
    /// late the socket accepts it. The future returns the answer, which is awaited for at most
    /// `limit`.
    ///
    /// # Errors
    /// `Connection` if the connection has ended or too many requests wait for the socket;
    /// `Protocol` without a common version. The future has the errors of [`call`](Self::call).
    pub(crate) fn send<R: Request>(
        self: &Arc<Self>,
        request: &R,
        max_version: i16,
        limit: Duration,
        not_after: Instant,
    ) -> Result<impl Future<Output = Result<R::Response>> + Send + use<R>> {
        let version = self.versions.newest_common::<R>(max_version)?;
        let id = self.next_correlation_id.fetch_add(1, Ordering::Relaxed);
        let frame = encode_request(request, version, id, &self.client_id)?;
        let receiver = self.waiting.register(id)?;
        let outgoing = Outgoing { id, frame, not_after: Some(not_after) };
        if let Err(error) = self.outgoing.try_send(outgoing) {
            self.waiting.give_up(id);
            let text = format!("{} is not sent", api_name::<R>());
            return Err(Error::with_source(ErrorKind::Connection, text, error.to_string()));
        }
        let connection = Arc::clone(self);
        Ok(async move {
            match timeout(limit, receiver).await {
                Ok(Ok(outcome)) => decode_response::<R>(outcome?, version),
                Ok(Err(_)) => Err(Error::new(ErrorKind::Timeout, "the connection was dropped")),
                Err(_) => Err(connection.timed_out(id, limit, &api_name::<R>())),
            }
        })
    }

    /// Level of a feature that the cluster had agreed on when the connection was opened; 0 if it
    /// has none.
    pub(crate) fn feature_level(&self, feature: &str) -> i16 {
        self.versions.feature_level(feature)
    }

    fn timed_out(&self, id: i32, limit: Duration, api: &str) -> Error {
        if self.waiting.give_up(id) {
            let reason = format!("no answer to {api} within {limit:?}");
            self.waiting.close(Error::new(ErrorKind::Timeout, reason.clone()));
            return Error::new(ErrorKind::Timeout, reason);
        }
        Error::new(ErrorKind::Connection, format!("not sent within {limit:?}"))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("usable", &self.is_usable()).finish_non_exhaustive()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.waiting.close(Error::new(ErrorKind::Connection, "the connection was closed by us"));
    }
}

/// Time for which a broker throttles, as its answers tell.
pub(crate) fn throttle_time(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

async fn write(
    mut writer: WriteHalf<Box<dyn Stream>>,
    mut queue: mpsc::Receiver<Outgoing>,
    waiting: Arc<Waiting>,
) {
    while let Some(Outgoing { id, frame, not_after }) = queue.recv().await {
        if not_after.is_some_and(|at| Instant::now() >= at) {
            waiting.refuse(id, Error::new(ErrorKind::Connection, "it was too late to send it"));
            continue;
        }
        if !waiting.mark_sent(id, frame.len()) {
            continue;
        }
        let written = async {
            writer.write_all(&frame).await?;
            writer.flush().await
        };
        if let Err(error) = written.await {
            waiting.close(broken("sending failed", error));
            return;
        }
    }
}

async fn read(mut reader: ReadHalf<Box<dyn Stream>>, waiting: Arc<Waiting>) {
    loop {
        match read_frame(&mut reader).await {
            Ok(frame) => {
                if !waiting.deliver(frame) {
                    let reason = "the broker answered what was not asked";
                    return waiting.close(Error::new(ErrorKind::Protocol, reason));
                }
            }
            Err(error) => return waiting.close(broken("the connection broke", error)),
        }
    }
}

#[cfg(test)]
mod tests;
