//! The metrics of an instance for a registry of `prometheus-client`.

use std::{collections::BTreeMap, fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

use super::metric::{Metric, MetricKind};

/// Reads the metrics of an instance whenever a registry of `prometheus-client` is encoded. Register
/// it in a program's own registry, with `Registry::register_collector`, alongside the program's
/// metrics.
pub struct MetricsCollector(Arc<dyn Fn() -> Vec<Metric> + Send + Sync>);

impl MetricsCollector {
    pub(crate) fn new(list: impl Fn() -> Vec<Metric> + Send + Sync + 'static) -> Self {
        Self(Arc::new(list))
    }
}

impl fmt::Debug for MetricsCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsCollector")
    }
}

impl Collector for MetricsCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families: BTreeMap<String, Vec<Metric>> = BTreeMap::new();
        for metric in (self.0)() {
            families.entry(metric.prometheus_name()).or_default().push(metric);
        }
        for (name, metrics) in &families {
            let Some(Metric { kind, description, .. }) = metrics.first() else { continue };
            // The encoder itself adds the suffix of a counter.
            let name = match kind {
                MetricKind::Counter => name.trim_end_matches("_total"),
                MetricKind::Gauge => name,
            };
            let kind = match kind {
                MetricKind::Counter => ConstCounter::new(0.0_f64).metric_type(),
                MetricKind::Gauge => ConstGauge::new(0.0_f64).metric_type(),
            };
            let mut family = encoder.encode_descriptor(name, description, None, kind)?;
            for metric in metrics {
                let tags = metric.tags.iter();
                let labels: Vec<(String, &str)> =
                    tags.map(|(tag, value)| (tag.replace('-', "_"), value.as_str())).collect();
                let sample = family.encode_family(&labels)?;
                match metric.kind {
                    MetricKind::Counter => ConstCounter::new(metric.value).encode(sample)?,
                    MetricKind::Gauge => ConstGauge::new(metric.value).encode(sample)?,
                }
            }
        }
        Ok(())
    }
}
