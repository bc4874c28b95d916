//! Repartition topics: when they are made, how they are named, what passes them.

use streams_dsl::{KStream, Repartitioned, StreamsBuilder};

use super::{
    Dsl,
    aggregation::{length, plus},
    processor::Text,
    stateless::stream,
    table::table,
    table_join::left,
};
use crate::conformance::functions::{initial, upper};

pub(super) const TOPOLOGIES: Dsl = &[
    ("repartition", |b| by_initial(b).repartition::<String>().to("out")),
    ("repartition-named", |b| {
        let named = Repartitioned::named("by-initial").with_number_of_partitions(3);
        by_initial(b).repartition_with::<String>(named).to("out");
    }),
    ("repartition-same-key", |b| {
        let again = stream(b, "in").repartition_with::<String>("again");
        again.map_values(|v| upper(v.as_deref())).to("out");
    }),
    ("repartition-then-count", |b| {
        let s = by_initial(b).repartition_with::<String>("by-initial");
        s.group_by_key::<String>().count_as::<String>("c").to_stream().to("out");
    }),
    ("group-by-key-after-map", |b| {
        let mapped = stream(b, "in").map(|_, v| (initial(v.as_deref()), v.clone()));
        let filtered = mapped.filter(|_, v| v.as_deref() != Some("x"));
        filtered.group_by_key::<String>().count_as::<String>("c").to_stream().to("out");
    }),
    ("group-by-key-after-map-values", |b| {
        let mapped = stream(b, "in").map_values(|v| upper(v.as_deref()));
        mapped.group_by_key::<String>().count_as::<String>("c").to_stream().to("out");
    }),
    ("select-key-merge-join", |b| {
        let merged = by_initial(b).merge(&stream(b, "in2"));
        merged.left_join(&table(b, "tab"), left).to("out");
    }),
    ("two-groups", two_groups),
    ("group-long-values", |b| {
        let lengths = stream(b, "in").map_values(|v| v.as_deref().map(length));
        let grouped = lengths.group_by_with::<String, _>(|k, _| k.clone(), "lens");
        grouped.reduce_as::<i64, _>(|a, n| a + n, "sum").to_stream().to("out");
    }),
    ("chained-repartitions", |b| {
        let first = stream(b, "in").group_by::<String, _>(|_, v| initial(v.as_deref()));
        let counts = first.count_as::<String>("c1").to_stream();
        let by_count = counts.select_key(|_, n| n.map_or("null".to_owned(), |n| n.to_string()));
        by_count.group_by_key::<String>().count_as::<i64>("c2").to_stream().to("out");
    }),
];

/// The stream of topic `in` by the first characters of its values.
pub(super) fn by_initial(b: &StreamsBuilder) -> KStream<Text, Text> {
    stream(b, "in").select_key(|_, v| initial(v.as_deref()))
}

fn two_groups(b: &StreamsBuilder) {
    let s = by_initial(b);
    s.group_by_key::<String>().count_as::<String>("c").to_stream().to("out");
    let reduced = s.group_by_key::<String>().reduce_as::<String, _>(|a, v| plus(a, v), "r");
    reduced.to_stream().to("out2");
}
