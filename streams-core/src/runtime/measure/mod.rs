//! Measurement of an instance, listed by Java's names.
//!
//! Threads write to `sensor` and `figures`; `metric` and `list` present the values on request.
//! Invariant: a record costs no more than additions to plain numbers of its task.

mod clients;
mod definitions;
mod figures;
mod list;
mod metric;
#[cfg(feature = "metrics")]
mod prometheus;
mod sensor;

pub use self::metric::{Metric, MetricKind};
#[cfg(feature = "metrics")]
pub use self::prometheus::MetricsCollector;
pub(crate) use self::{
    figures::{InputFigures, SharedFigures, TaskFigures, ThreadFigures},
    list::{Instance, list},
};
