//! The clients of a real cluster without librdkafka: records over our own connections.
//!
//! [`NativeSupplier`] makes them from the application's configuration, for
//! `client.data.plane=native`. Records are read and written in place; nothing is allocated, locked
//! or looked up per record. Membership and admin calls are the same as with the other data plane.
//! Invariant: no public type shows the client crate.

mod assigned;
mod consumer;
mod failure;
mod io;
mod producer;
mod refused;
mod settings;
mod statistics;
mod supplier;
mod topics;
mod transaction;

pub use self::supplier::NativeSupplier;
