//! Java's Kafka Streams and this library run one application, in sequence and side by side; and the
//! library takes the orders of a client in Python.
//!
//! The application is the orders topology, of which there is a Java and a Rust program; both share
//! the application id, the topics and the group. Required: no order is lost, none is counted twice,
//! whoever had the tasks before. Each test has its own broker, because the topics' names are fixed;
//! one runs at a time, because it needs the machine.
#![cfg(feature = "rdkafka")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that can't set up its world has failed"
)]

mod application;
mod figures;
mod hand_over;
mod instance;
mod orders;
mod python;
mod together;
