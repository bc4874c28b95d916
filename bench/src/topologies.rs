//! Topologies for measurements.

use std::hint::black_box;

use streams_dsl::{
    Materialized, Result, StreamsBuilder, StreamsConfig, Topology, testing::TaskDriver,
};

/// The topic that each topology reads.
pub const INPUT: &str = "input";

/// The topic of the other side of a join.
pub const OTHER_INPUT: &str = "other-input";

/// The topic that [`one_in_one_out`] and the operators write.
pub const OUTPUT: &str = "output";

/// The store of [`grouped_count`].
pub const COUNTS: &str = "counts";

/// `filter`, `map_values`, `filter_not` and `for_each`, over keys and values of type `i64`.
///
/// # Errors
/// No error is expected: the topology is fixed.
pub fn four_operators() -> Result<Topology> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<i64, i64>(INPUT)
        .filter(|_, value| *value >= 0)
        .map_values(|value| value.wrapping_mul(3))
        .filter_not(|key, value| *key > *value + 1_000)
        .for_each(|_, value| {
            black_box(*value);
        });
    builder.build()
}

/// `filter` and `map_values` between two topics, over keys and values of type `i64`.
///
/// # Errors
/// No error is expected: the topology is fixed.
pub fn one_in_one_out() -> Result<Topology> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<i64, i64>(INPUT)
        .filter(|_, value| *value >= 0)
        .map_values(|value| value.wrapping_mul(3))
        .to(OUTPUT);
    builder.build()
}

/// `group_by_key().count()` over keys of type `K` and values of type `i64`, into the store
/// [`COUNTS`].
///
/// # Errors
/// No error is expected: the topology is fixed.
pub fn grouped_count<K: Clone + Send + 'static>() -> Result<Topology> {
    let builder = StreamsBuilder::new();
    let records = builder.stream::<K, i64>(INPUT);
    records.group_by_key::<K>().count::<i64>().stored(Materialized::named(COUNTS));
    builder.build()
}

/// A driver of a topology under the default configuration: caching is on.
///
/// # Errors
/// No error is expected: the configuration is fixed.
pub fn driver(topology: &Topology) -> Result<TaskDriver> {
    TaskDriver::new(topology, &StreamsConfig::new("bench", "unused:9092"))
}
