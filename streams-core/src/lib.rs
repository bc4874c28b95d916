//! Records, serdes, the Processor API, tasks and the runtime of Kafka Streams for Rust.
//!
//! A topology is immutable data; a task is one partition's share of it; a stream thread runs tasks.
//! The DSL is built on the public Processor API of this crate; [`client`] is its whole view of
//! Kafka.
//!
//! Programs depend on `streams-dsl`, which re-exports this crate. The in-process cluster needs the
//! feature `embedded`, the test driver the feature `testing`; neither is in a production build.
#![cfg_attr(
    not(feature = "testing"),
    allow(
        dead_code,
        unused_imports,
        reason = "the test driver and the simulation look into the runtime by methods that nothing else calls"
    )
)]

mod assignor;
pub mod client;
pub mod config;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod handler;
#[doc(hidden)]
pub mod membership;
mod partitioner;
mod planted;
pub mod processor;
mod record;
pub mod runtime;
pub mod serde;
pub mod store;
mod task;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
mod topic;
pub mod topology;

pub use self::{
    error::{BoxError, Error, ErrorKind, Result},
    membership::TaskId,
    partitioner::{murmur2, partition_for_key},
    record::{Headers, Record, RecordMetadata, TopicPartition},
    runtime::KafkaStreams,
    topic::Topic,
};
pub use state_store::Direction;
