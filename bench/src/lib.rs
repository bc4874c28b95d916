//! Measurements of Kafka Streams for Rust: what the measurements share.
//!
//! Topologies on the record path, and records for them. `benches/record_path.rs` measures their time by criterion,
//! `tests/allocations.rs` counts their allocations, and `docs/BENCHMARKS.md` has the figures. It is no part of the
//! library and measures no cluster.
//!
//! Invariant: every record goes the whole way through its topology, so that a figure is that of the way it names.
#![forbid(unsafe_code)]

mod records;
mod topologies;

pub use self::{
    records::{HEADERS, numbers, texts},
    topologies::{COUNTS, INPUT, OUTPUT, driver, four_operators, grouped_count, one_in_one_out},
};
