//! A test driver: a whole topology in the calling thread, without a cluster.
//!
//! [`TopologyTestDriver`] runs all sub-topologies as one task with one partition per topic, on the
//! same task code as the runtime, and commits after each record. Time stands still unless a test
//! moves it, so a test sees the same results in every run. It is not a cluster: nothing is
//! assigned, restored or retried, and partitioning can't be seen; for that there is the embedded
//! cluster.
//!
//! Invariant: the output of a driver depends on its topology, its configuration and its inputs
//! alone.

mod builder;
mod commit_text;
mod descent;
mod discarding_producer;
mod driver;
mod input_topic;
mod log;
#[cfg(test)]
pub(crate) mod log_lines;
mod output_topic;
mod pattern_inputs;
mod produced_record;
#[doc(hidden)]
pub mod simulation;
mod task;
mod task_driver;
mod test_record;
#[cfg(test)]
mod tests;

pub use self::{
    builder::TestDriverBuilder, driver::TopologyTestDriver, input_topic::TestInputTopic,
    output_topic::TestOutputTopic, produced_record::ProducedRecord, test_record::TestRecord,
};
#[doc(hidden)]
pub use self::{commit_text::commit_metadata, task_driver::TaskDriver};
#[cfg(feature = "planted-bugs")]
#[doc(hidden)]
pub use crate::planted::PlantedBug;
