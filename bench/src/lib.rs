//! Measurements of Kafka Streams for Rust.
#![forbid(unsafe_code)]
