//! Metrics of an instance, by the names of Java's metrics.

#[cfg(feature = "metrics")]
use std::sync::Arc;

#[cfg(feature = "metrics")]
use super::driver::Endpoint;
use super::{
    super::measure::{self, Metric},
    KafkaStreams,
    app::App,
    lifecycle::Lifecycle,
};

/// All metrics of an instance.
pub(super) fn list(app: &App, lifecycle: &Lifecycle) -> Vec<Metric> {
    let alive_threads = lifecycle.threads().metadata().len();
    measure::list(&measure::Instance { app, state: lifecycle.state(), alive_threads })
}

impl KafkaStreams {
    /// All metrics of the instance, its threads, tasks and stores, by Java's groups and names.
    /// Java's `KafkaStreams.metrics`.
    ///
    /// Reading costs the threads no more than a brief lock. Values of tasks are up to a second old;
    /// those of a thread that has ended are gone.
    pub fn all_metrics(&self) -> Vec<Metric> {
        list(&self.app, &self.lifecycle)
    }

    /// The metrics as text for Prometheus, in the format of `OpenMetrics`:
    /// `application/openmetrics-text; version=1.0.0`. For programs that serve HTTP themselves; the
    /// setting `metrics.listen` serves it without them.
    ///
    /// ```no_run
    /// # use streams_core::{KafkaStreams, client::embedded::EmbeddedCluster, config::StreamsConfig, topology::Topology};
    /// # fn run(topology: Topology, config: StreamsConfig, cluster: EmbeddedCluster) -> streams_core::Result {
    /// let streams = KafkaStreams::with_client_supplier(topology, config, cluster)?;
    /// assert!(streams.metrics_text().ends_with("# EOF\n"));
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "metrics")]
    pub fn metrics_text(&self) -> String {
        text(self.metrics_collector())
    }

    /// The metrics for a program's own registry of `prometheus-client`, which
    /// [`runtime`](crate::runtime) re-exports. They are read whenever the registry is encoded, for
    /// as long as the instance exists.
    ///
    /// ```no_run
    /// # use streams_core::{KafkaStreams, client::embedded::EmbeddedCluster, config::StreamsConfig, topology::Topology};
    /// use streams_core::runtime::prometheus_client::registry::Registry;
    ///
    /// # fn run(topology: Topology, config: StreamsConfig, cluster: EmbeddedCluster) -> streams_core::Result {
    /// let streams = KafkaStreams::with_client_supplier(topology, config, cluster)?;
    /// let mut registry = Registry::default();
    /// registry.register_collector(Box::new(streams.metrics_collector()));
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "metrics")]
    pub fn metrics_collector(&self) -> measure::MetricsCollector {
        collector(&self.app, &self.lifecycle)
    }
}

#[cfg(feature = "metrics")]
impl KafkaStreams {
    /// Address at which `metrics.listen` is served, with the actual port: `None` before the start,
    /// after [`close`](Self::close), and if the setting is not set.
    pub fn metrics_address(&self) -> Option<std::net::SocketAddr> {
        self.endpoint.lock().as_ref().map(Endpoint::address)
    }

    /// Starts to serve metrics as `metrics.listen` asks.
    pub(super) fn open_endpoint(&self) -> crate::Result {
        let Some(listen) = self.app.config.metrics_listen() else { return Ok(()) };
        let name = format!("{}-metrics", self.app.client_id());
        let endpoint = Endpoint::start(listen, &name, self.metrics_collector(), &self.lifecycle)?;
        *self.endpoint.lock() = Some(endpoint);
        Ok(())
    }

    /// Stops serving metrics.
    pub(super) fn close_endpoint(&self) {
        let endpoint = self.endpoint.lock().take();
        drop(endpoint);
    }
}

/// The reader of the metrics of an instance, for as long as that exists: it does not keep the state
/// directory locked.
#[cfg(feature = "metrics")]
pub(super) fn collector(app: &Arc<App>, lifecycle: &Arc<Lifecycle>) -> measure::MetricsCollector {
    let (app, lifecycle) = (Arc::downgrade(app), Arc::downgrade(lifecycle));
    measure::MetricsCollector::new(move || match (app.upgrade(), lifecycle.upgrade()) {
        (Some(app), Some(lifecycle)) => list(&app, &lifecycle),
        _ => Vec::new(),
    })
}

/// The metrics of one collector as text.
#[cfg(feature = "metrics")]
pub(super) fn text(collector: impl prometheus_client::collector::Collector) -> String {
    use prometheus_client::{encoding::text::encode, registry::Registry};

    let (mut text, mut registry) = (String::new(), Registry::default());
    registry.register_collector(Box::new(collector));
    // Writing to a String does not fail.
    let _ = encode(&mut text, &registry);
    text
}
