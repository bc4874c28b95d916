//! The end of a simulation without violations.

use super::{SimulationRecord, Trace};
use crate::client::embedded::EmbeddedCluster;

/// Counts of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SimulationCounters {
    /// Turns of stream threads and restorers.
    pub turns: u64,
    /// Crashes.
    pub crashes: u64,
    /// Clean closes.
    pub closes: u64,
    /// Instances started.
    pub starts: u64,
    /// Calls of clients that failed or whose reply was lost.
    pub failed_calls: u64,
    /// Naps and pauses of instances.
    pub stand_stills: u64,
    /// Times at which a producer had no room.
    pub full_producers: u64,
    /// Stream threads that failed and were replaced.
    pub replaced_threads: u64,
}

/// Result of a simulation at rest.
#[derive(Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The application id.
    pub application_id: String,
    /// Everything that was written to input topics, in order.
    pub input: Vec<SimulationRecord>,
    /// The cluster, with all topics and groups.
    pub cluster: EmbeddedCluster,
    /// The events.
    pub trace: Trace,
    /// Counts of events.
    pub counters: SimulationCounters,
}
