//! Tests across the crates; what they share, and the runner of the conformance scenarios.

pub mod conformance;
