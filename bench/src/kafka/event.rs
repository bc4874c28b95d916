//! Events that a workload prints.

use serde::{Deserialize, Serialize};

use super::Usage;

/// Kind of an [`Event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// The instance is running, with its stores restored.
    Running,
    /// The number of processed records has reached a mark.
    Mark,
    /// Everything is processed and committed, and the instance is closed.
    End,
}

/// A moment in the life of a workload's process; a JSON line on its standard output.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Kind of the event.
    pub event: EventKind,
    /// Time of the wall clock, in microseconds since 1970.
    pub unix_us: i64,
    /// Number of records processed so far, including those of internal topics.
    pub processed: u64,
    /// Resources that the process has used so far.
    #[serde(flatten)]
    pub usage: Usage,
}
