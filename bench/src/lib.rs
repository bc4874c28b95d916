//! Measurements of Kafka Streams for Rust: their common parts.
//!
//! Topologies on the record path, and records for them. `benches/record_path.rs` and
//! `benches/operators.rs` measure their time with criterion, `tests/` counts their allocations, and
//! `docs/BENCHMARKS.md` has the figures. Whole programs are measured on a real cluster, alongside
//! Java's Kafka Streams; [`kafka`] has the common parts of those programs. This crate is not part
//! of the library.
//!
//! Invariant: every record goes all the way through its topology, so a figure covers the path that
//! it names.
#![forbid(unsafe_code)]

pub mod kafka;
mod operators;
mod records;
mod topologies;

pub use self::{
    operators::{Operator, ROUND, Rounds},
    records::{HEADERS, numbers, texts},
    topologies::{
        COUNTS, INPUT, OTHER_INPUT, OUTPUT, driver, four_operators, grouped_count, one_in_one_out,
    },
};
