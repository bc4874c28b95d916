//! A simulation: several instances of an application under faults, from one seed.
//!
//! [`Simulation`] runs the real runtime, restore and membership code of a user's topology on the
//! embedded cluster, in one thread and in virtual time. A seed decides whose turn it is, how time
//! passes, also within a turn, which calls fail or lose their replies, which writes arrive late,
//! which instances crash, close, stand still or join, which topics grow, lose a leader or their
//! beginning. All the time the simulation checks that
//!
//! - committed offsets do not go back;
//! - no two members that the coordinator knows process one task;
//! - each store, including standbys, has exactly the committed rows of its changelog up to its
//!   offset; so has a disk after a crash. With at-least-once, where nothing keeps a zombie from
//!   writing to a changelog, until faults end it only has rows that were written there at some
//!   time.
//!
//! Then faults end. Soon after that each task must have an owner, some time later all input must be
//! committed, and when everything is at rest
//!
//! - each task runs on exactly one member, all input is committed, and each store is exactly its
//!   changelog;
//! - with exactly-once the committed output is, key by key, that of a sequential run; with
//!   at-least-once nothing is missing.
//!
//! Invariant: the trace of a run depends on its seed and its setup alone, to the byte. Not for code
//! that draws random numbers, reads a clock other than the context's, or starts threads.
//!
//! ```
//! use streams_core::{
//!     BoxError, Record, processor::Context, serde,
//!     testing::simulation::{Compare, Simulation, SimulationRecord, seeds},
//!     topology::{SinkOptions, SourceOptions, Topology, TopologyBuilder},
//! };
//!
//! fn topology() -> Topology {
//!     let mut builder = TopologyBuilder::new();
//!     let source = SourceOptions::new(["in"], serde::string(), serde::string());
//!     let source = builder.add_source("source", source);
//!     let shout = || {
//!         |record: Record<'_, String, String>, context: &mut Context<'_, String, String>| {
//!             let loud = record.value.to_uppercase();
//!             context.forward(record.with_value(&loud)).map_err(BoxError::from)
//!         }
//!     };
//!     let shout = builder.add_processor("shout", shout, &[source]);
//!     builder.add_sink("sink", SinkOptions::topic("out", serde::string(), serde::string()), &[shout]);
//!     builder.build().expect("it is a valid topology")
//! }
//!
//! for seed in seeds(0..3) {
//!     Simulation::builder(topology)
//!         .seed(seed)
//!         .config(|config| config.set("processing.guarantee", "exactly_once_v2"))
//!         .topic("in", 2)
//!         .topic("out", 2)
//!         .input(|random| {
//!             let record = |n| {
//!                 SimulationRecord::new("in", format!("k{}", random.below(4)), format!("v{n}"), n)
//!             };
//!             (0..40).map(record).collect()
//!         })
//!         .output("out", Compare::Records)
//!         .run()?;
//! }
//! # Ok::<(), streams_core::testing::simulation::Failure>(())
//! ```

mod builder;
mod checks;
mod clock;
mod compare;
mod directory_disk;
mod disk;
mod failure;
mod faults;
mod injector;
mod instance;
mod machines;
mod mishap;
mod outcome;
mod random;
mod record;
mod run;
#[cfg(test)]
mod tests;
mod trace;
mod truncation;
mod verdict;
mod versions;
mod work;
mod world;

pub use self::{
    builder::{SimulationBuilder, seeds},
    compare::Compare,
    failure::Failure,
    faults::{FaultKind, Faults},
    outcome::{Outcome, SimulationCounters},
    random::Random,
    record::SimulationRecord,
    run::Simulation,
    trace::Trace,
    work::{Call, call, work},
};

/// The environment variable with the seeds to run.
const SEED_VARIABLE: &str = "SIMULATION_SEED";
