//! Common parts of the bench's programs on a real cluster: the events that a workload prints, and
//! the resources that a process has used.
//!
//! `workload/` runs one workload in one process, as `java/` does on Java's Kafka Streams;
//! `harness/` makes inputs, runs both, compares their outputs and reports. They communicate by a
//! command line and by [`Event`]s on the standard output.

mod event;
mod reading;
mod usage;
mod writing;

pub use self::{
    event::{Event, EventKind},
    reading::{Reading, Row, ends, read_all},
    usage::Usage,
    writing::Writing,
};

/// An error that ends a program of the bench, as text for its caller.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
