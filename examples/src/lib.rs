//! Common parts of the small examples, `examples/NAME.rs`: a cluster to run on, and records on it.
//!
//! Topologies, configurations and instances are in the examples themselves, as in a program. This
//! crate has the surroundings of an application: topics, and the writes and reads of others,
//! through the clients that the library uses itself.
#![forbid(unsafe_code)]

mod cluster;

pub use self::cluster::Cluster;
