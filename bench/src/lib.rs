//! Measurements of Kafka Streams for Rust: what the measurements share.
//!
//! Topologies on the record path, and records for them. `benches/record_path.rs` and `benches/operators.rs` measure their
//! time by criterion, `tests/` counts their allocations, and `docs/BENCHMARKS.md` has the figures. It is no part of the
//! library and measures no cluster.
//!
//! Invariant: every record goes the whole way through its topology, so that a figure is that of the way it names.
#![forbid(unsafe_code)]

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
