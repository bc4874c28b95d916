//! The clients of a real cluster: librdkafka for records, our own client for membership and admin
//! calls.
//!
//! [`RdKafkaSupplier`] makes them from the application's configuration. A consumer is assigned its
//! partitions and belongs to no group; a producer is always idempotent. Invariants: only this
//! module names librdkafka's crate, only `ffi` has `unsafe`, and no public type shows either.

mod background;
mod consumer;
mod deliveries;
mod events;
mod failure;
mod ffi;
mod producer;
mod reach;
pub(super) mod settings;
mod statistics;
mod supplier;
mod topics;

pub use self::supplier::RdKafkaSupplier;
