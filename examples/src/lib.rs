//! Runnable programs on Kafka Streams for Rust. Each is a binary of this package.
#![forbid(unsafe_code)]
