//! The HTTP endpoint of an instance: metrics for Prometheus, and its liveness and readiness.
//!
//! It has its own thread, so it answers however busy the program's runtime is. Invariant: it ends
//! when this is dropped, and no client delays that.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, Weak},
    thread::{Builder, JoinHandle},
};

use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
    routing::get,
};
use tokio::{runtime::Runtime, sync::oneshot};

use super::{
    super::{State, lifecycle::Lifecycle, measured},
    no_thread,
};
use crate::{Error, ErrorKind, Result, runtime::MetricsCollector};

/// The media type of the text: that of `OpenMetrics`, which Prometheus requests since 2.5.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The exposed parts of an instance.
#[derive(Clone)]
struct Shown {
    collector: Arc<MetricsCollector>,
    lifecycle: Weak<Lifecycle>,
}

impl Endpoint {
    /// Serves the metrics and the state of an instance at `listen`, from a thread with this name.
    ///
    /// # Errors
    /// `Config` if it can't listen at the address, for example because it is in use.
    pub(crate) fn start(
        listen: &str,
        name: &str,
        collector: MetricsCollector,
        lifecycle: &Arc<Lifecycle>,
    ) -> Result<Self> {
        let refused = |cause: std::io::Error| {
            let text = format!(
                "metrics.listen={listen} can't be listened at; choose an address of this machine and a port that is free, or \
                 port 0"
            );
            Error::with_source(ErrorKind::Config, text, cause)
        };
        let listener = TcpListener::bind(listen).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let shown = Shown { collector: Arc::new(collector), lifecycle: Arc::downgrade(lifecycle) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|cause| no_thread(name, cause))?;
        let (stop, stopped) = oneshot::channel();
        let spawned = Builder::new()
            .name(name.to_owned())
            .spawn(move || run(runtime, listener, shown, stopped));
        let thread = spawned.map_err(|cause| no_thread(name, cause))?;
        tracing::info!("metrics are served at http://{address}/metrics");
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Address at which it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may be gone already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // A panic in it has been printed, and nothing can be done about it.
            let _ = thread.join();
        }
    }
}

fn run(runtime: Runtime, listener: TcpListener, shown: Shown, stopped: oneshot::Receiver<()>) {
    runtime.block_on(async {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!("metrics are not served: {error}"),
        };
        tokio::select! {
            served = axum::serve(listener, router(shown)) => {
                if let Err(error) = served {
                    tracing::error!("metrics are served no more: {error}");
                }
            }
            // In either case the owner has gone.
            _ = stopped => {}
        }
    });
    // Open connections are cut.
    runtime.shutdown_background();
}

fn router(shown: Shown) -> Router {
    let (metrics, alive, ready) = (shown.clone(), shown.clone(), shown);
    Router::new()
        .route("/metrics", get(async move || metrics.metrics()))
        .route("/healthz", get(async move || alive.state(is_alive)))
        .route("/readyz", get(async move || ready.state(|state| state == State::Running)))
}

/// Returns whether an instance is worth keeping: it is working, or about to.
fn is_alive(state: State) -> bool {
    match state {
        State::Created | State::Rebalancing | State::Running | State::PendingShutdown => true,
        State::NotRunning | State::PendingError | State::Error => false,
    }
}

impl Shown {
    fn metrics(&self) -> ([(axum::http::HeaderName, &'static str); 1], String) {
        ([(CONTENT_TYPE, OPEN_METRICS)], measured::text(self.collector.clone()))
    }

    /// The state, with the status that tells whether it is as it should be.
    fn state(&self, is_good: impl Fn(State) -> bool) -> (StatusCode, String) {
        let state = self.lifecycle.upgrade().map_or(State::NotRunning, |of| of.state());
        let status = if is_good(state) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, format!("{state}\n"))
    }
}
