//! The clients of a real cluster: records by librdkafka, membership and admin calls by a client of our own.
//!
//! [`RdKafkaSupplier`] makes them from the application's configuration. A consumer is handed its partitions and
//! belongs to no group; a producer is always idempotent. Invariants: only this module names librdkafka's crate, only
//! `ffi` has `unsafe`, and no public type shows either.

mod background;
mod consumer;
mod deliveries;
mod events;
mod failure;
mod ffi;
mod oauth;
mod producer;
mod reach;
mod settings;
mod supplier;
mod topics;
mod wake;

pub use self::{
    oauth::{OAuthToken, TokenProvider},
    supplier::RdKafkaSupplier,
};
