//! What the tests across the crates share.
#![forbid(unsafe_code)]

pub mod conformance;
