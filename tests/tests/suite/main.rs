//! Tests across the crates, one module per topic.
#![allow(clippy::unwrap_used, reason = "a test that can't set up its world has failed")]

mod async_operators;
mod bad_input;
mod custom_stores;
mod dead_letters;
mod flushed_caches;
mod foreign_rows;
mod global;
mod global_joins;
mod growing_topics;
mod harness;
mod idle_time;
mod instances;
mod java_names;
mod layers;
mod lifecycle;
mod lost_changelogs;
mod lost_membership;
mod memory_budget;
mod metrics;
#[cfg(feature = "metrics")]
mod metrics_endpoint;
mod ops;
mod outages;
mod partitioners;
mod read_only_stores;
#[cfg(feature = "rocksdb")]
mod restore;
mod retries;
mod shutdown;
mod simulation;
mod slow_commits;
mod slow_user_code;
mod starts;
mod suppress;
mod test_driver;
mod topics_by_pattern;
mod windows;
