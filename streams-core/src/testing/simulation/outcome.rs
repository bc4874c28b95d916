//! The end of a simulation in which everything held.

use super::{SimulationRecord, Trace};
use crate::client::embedded::EmbeddedCluster;

/// How often things happened.
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
    /// Times that a producer had no room.
    pub full_producers: u64,
    /// Stream threads that failed and were replaced.
    pub replaced_threads: u64,
}

/// What is left when everything has come to rest.
#[derive(Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The application id.
    pub application_id: String,
    /// All that was written to input topics, in that order.
    pub input: Vec<SimulationRecord>,
    /// The cluster, with all topics and groups.
    pub cluster: EmbeddedCluster,
    /// What happened.
    pub trace: Trace,
    /// How often.
    pub counters: SimulationCounters,
}
