//! One metric with its value.

/// Kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows, from 0 when the instance, thread or task begins.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// A metric of an instance at one moment. Java's `Metric` with its `MetricName`.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Java's group, such as `stream-thread-metrics`.
    pub group: &'static str,
    /// The name within the group, such as `process-total`.
    pub name: &'static str,
    /// Its meaning, as a sentence with the unit.
    pub description: &'static str,
    /// Its kind.
    pub kind: MetricKind,
    /// Java's tags, which distinguish metrics with the same name, such as `thread-id`.
    pub tags: Vec<(&'static str, String)>,
    /// The value. NaN if there was no recent measurement.
    pub value: f64,
}

impl Metric {
    /// Name in Prometheus, as the JMX exporter names the metric of a Java application:
    /// `kafka_streams_`, or `kafka_consumer_`, `kafka_producer_`, then the group, then the name.
    ///
    /// ```
    /// use streams_core::runtime::{Metric, MetricKind};
    ///
    /// let metric = Metric {
    ///     group: "stream-thread-metrics",
    ///     name: "process-total",
    ///     description: "Records that the thread processed.",
    ///     kind: MetricKind::Counter,
    ///     tags: vec![("thread-id", "orders-StreamThread-1".to_owned())],
    ///     value: 7.0,
    /// };
    /// assert_eq!(metric.prometheus_name(), "kafka_streams_stream_thread_metrics_process_total");
    /// ```
    pub fn prometheus_name(&self) -> String {
        let part = self.group.split('-').next();
        let client = part.filter(|part| matches!(*part, "consumer" | "producer"));
        let domain = client.unwrap_or("streams");
        format!("kafka_{domain}_{}_{}", self.group, self.name).replace('-', "_")
    }
}
