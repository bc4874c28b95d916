//! Tests across the crates, a module a topic.

mod harness;
mod instances;
#[cfg(feature = "rocksdb")]
mod restore;
