//! What every cluster's clients do alike, whoever implements them.
//!
//! Each test runs on the embedded cluster, and on the broker that `KAFKA_STREAMS_TEST_BOOTSTRAP` names, if it names
//! one. Tests share the broker, so each has topics, groups and transactional ids of its own.
#![allow(clippy::unwrap_used, reason = "a test that can't set up its world has failed")]

mod admin;
mod consumer;
mod membership;
mod positions;
mod producer;
mod transactions;
mod world;
