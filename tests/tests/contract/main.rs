//! The common behaviour of every cluster's clients, whoever implements them.
//!
//! Each test runs on the embedded cluster, and with the clients of both data planes on the broker
//! that `KAFKA_STREAMS_TEST_BOOTSTRAP` names, if there is one. Tests share the broker, so each has
//! its own topics, groups and transactional ids.
#![allow(clippy::unwrap_used, reason = "a test that can't set up its world has failed")]

mod admin;
mod consumer;
mod membership;
mod positions;
mod producer;
#[cfg(feature = "rdkafka")]
mod statistics;
mod transactions;
mod world;
