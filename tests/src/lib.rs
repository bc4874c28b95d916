//! Shared parts of the tests across the crates.
#![forbid(unsafe_code)]

pub mod broker;
pub mod conformance;
pub mod relational;
pub mod simulation;
pub mod smoke;
