//! What the small examples, `examples/NAME.rs`, have in common: a cluster to run on, and records on it.
//!
//! Topologies, configurations and instances stand in the examples themselves, as in a program. Here is what surrounds an
//! application: topics, what others write to them and read from them, by the clients that the library uses itself.
#![forbid(unsafe_code)]

mod cluster;

pub use self::cluster::Cluster;
