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
    ("repartition", |b| {
        by_initial(b).repartition::<String>(Repartitioned::default()).to("out");
    }),
    ("repartition-named", |b| {
        let named = Repartitioned::partitions(3);
        by_initial(b).repartition::<String>(named).named("by-initial").to("out");
    }),
    ("repartition-same-key", |b| {
        let again = stream(b, "in").repartition::<String>(Repartitioned::default()).named("again");
        again.map_values(|v| upper(v.as_deref())).to("out");
    }),
    ("repartition-then-count", |b| {
        let s = by_initial(b).repartition::<String>(Repartitioned::default()).named("by-initial");
        s.group_by_key::<String>().count::<String>().stored("c").to_stream().to("out");
    }),
    ("group-by-key-after-map", |b| {
        let mapped = stream(b, "in").map(|_, v| (initial(v.as_deref()), v.clone()));
        let filtered = mapped.filter(|_, v| v.as_deref() != Some("x"));
        filtered.group_by_key::<String>().count::<String>().stored("c").to_stream().to("out");
    }),
    ("group-by-key-after-map-values", |b| {
        let mapped = stream(b, "in").map_values(|v| upper(v.as_deref()));
        mapped.group_by_key::<String>().count::<String>().stored("c").to_stream().to("out");
    }),
    ("select-key-merge-join", |b| {
        let merged = by_initial(b).merge(&stream(b, "in2"));
        merged.left_join(&table(b, "tab"), left).to("out");
    }),
    ("two-groups", two_groups),
    ("group-long-values", |b| {
        let lengths = stream(b, "in").map_values(|v| v.as_deref().map(length));
        let grouped = lengths.group_by::<String, _>(|k, _| k.clone()).named("lens");
        grouped.reduce::<i64, _>(|a, n| a + n).stored("sum").to_stream().to("out");
    }),
    ("chained-repartitions", |b| {
        let first = stream(b, "in").group_by::<String, _>(|_, v| initial(v.as_deref()));
        let counts = first.count::<String>().stored("c1").to_stream();
        let by_count = counts.select_key(|_, n| n.map_or("null".to_owned(), |n| n.to_string()));
        by_count.group_by_key::<String>().count::<i64>().stored("c2").to_stream().to("out");
    }),
];

/// The stream of topic `in` by the first characters of its values.
pub(super) fn by_initial(b: &StreamsBuilder) -> KStream<Text, Text> {
    stream(b, "in").select_key(|_, v| initial(v.as_deref()))
}

fn two_groups(b: &StreamsBuilder) {
    let s = by_initial(b);
    s.group_by_key::<String>().count::<String>().stored("c").to_stream().to("out");
    let reduced = s.group_by_key::<String>().reduce::<String, _>(|a, v| plus(a, v)).stored("r");
    reduced.to_stream().to("out2");
}
