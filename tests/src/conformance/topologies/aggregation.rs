//! Grouping and aggregation of a stream, without windows.

use streams_dsl::{Materialized, StreamsBuilder};

use super::{Dsl, stateless::stream};
use crate::conformance::functions::{initial, words};

pub(super) const TOPOLOGIES: Dsl = &[
    ("count", |b| {
        stream(b, "in")
            .group_by_key::<String>()
            .count::<String>()
            .stored("counts")
            .to_stream()
            .to("out");
    }),
    ("count-unnamed", |b| {
        stream(b, "in").group_by_key::<String>().count::<String>().to_stream().to("out");
    }),
    ("count-named-node", count_named_node),
    ("count-by-word", |b| {
        let words = stream(b, "in").flat_map_values(|v| words(v.as_deref()));
        words.group_by(|_, word| word.clone()).count().to_stream().to("out");
    }),
    ("count-by-value", |b| {
        let grouped = stream(b, "in").group_by::<String, _>(|_, v| v.clone()).named("g");
        grouped.count::<String>().stored("c").to_stream().to("out");
    }),
    ("count-filter", |b| {
        let counts = stream(b, "in").group_by_key::<String>().count::<String>();
        counts.filter(|_, n| n % 2 == 0).to_stream().to("out");
    }),
    ("count-filter-store", |b| {
        let counts = stream(b, "in").group_by_key::<String>().count::<String>().stored("c");
        counts.filter(|_, n| n % 2 == 0).stored("even").to_stream().to("out");
    }),
    ("count-of-counts", |b| {
        let counts = stream(b, "in").group_by_key::<String>().count::<String>();
        let by_count = counts.group_by(|k, n| (n.to_string(), k.clone()));
        by_count.count().stored("cc").to_stream().to("out");
    }),
    ("two-aggregates", two_aggregates),
    ("reduce", |b| {
        let grouped = stream(b, "in").group_by_key::<String>();
        grouped.reduce::<String, _>(|a, v| plus(a, v)).stored("r").to_stream().to("out");
    }),
    ("reduce-delete", |b| {
        let grouped = stream(b, "in").group_by_key::<String>();
        let reduce = |a: String, v: &String| (v != "x").then(|| plus(a, v));
        grouped.reduce::<String, _>(reduce).stored("r").to_stream().to("out");
    }),
    ("aggregate", |b| {
        let grouped = stream(b, "in").group_by_key::<String>();
        let add = |_: &String, v: &String, a: String| plus(a, v);
        grouped.aggregate(|| "0".to_owned(), add).stored("a").to_stream().to("out");
    }),
    ("aggregate-delete", |b| {
        let grouped = stream(b, "in").group_by_key::<String>();
        let add = |_: &String, v: &String, a: String| (v != "x").then(|| plus(a, v));
        grouped.aggregate(|| "0".to_owned(), add).stored("a").to_stream().to("out");
    }),
    ("aggregate-sum", |b| {
        let grouped = stream(b, "in").group_by_key::<String>();
        let add = |_: &String, v: &String, n: i64| n + length(v);
        grouped.aggregate(|| 0, add).stored("sum").to_stream().to("out");
    }),
    ("aggregate-in-memory", |b| {
        let grouped = stream(b, "in").group_by_key::<String>();
        let add = |_: &String, v: &String, a: String| a + v;
        let store = Materialized::named("m").in_memory();
        let store = store.with_logging_disabled().with_caching_disabled();
        grouped.aggregate(String::new, add).stored(store).to_stream().to("out");
    }),
    ("aggregate-old-values", aggregate_old_values),
];

/// The aggregate and the value with a plus between them.
pub(super) fn plus(aggregate: String, value: &str) -> String {
    aggregate + "+" + value
}

/// The aggregate and the value with a minus between them.
pub(super) fn minus(aggregate: String, value: &str) -> String {
    aggregate + "-" + value
}

/// Java's length of a text: its UTF-16 units.
pub(super) fn length(text: &str) -> i64 {
    i64::try_from(text.encode_utf16().count()).unwrap_or(i64::MAX)
}

fn count_named_node(b: &StreamsBuilder) {
    let grouped = stream(b, "in").group_by_key::<String>().named("g");
    let counts = grouped.count::<String>().named("cnt").stored("counts");
    counts.to_stream().named("ts").to("out");
}

fn two_aggregates(b: &StreamsBuilder) {
    let grouped = stream(b, "in").group_by::<String, _>(|_, v| initial(v.as_deref()));
    grouped.count::<String>().stored("c").to_stream().to("out");
    grouped.reduce::<String, _>(|a, v| plus(a, v)).stored("r").to_stream().to("out2");
}

fn aggregate_old_values(b: &StreamsBuilder) {
    let add = |_: &String, v: &String, a: String| (v != "x").then(|| a + v);
    let first = stream(b, "in").group_by_key::<String>().aggregate(|| "0".to_owned(), add);
    let again = first.group_by(|k, a| (k.clone(), a.clone())).named("again");
    let adder = |_: &String, a: &String, s: String| plus(s, a);
    let subtractor = |_: &String, a: &String, s: String| minus(s, a);
    again.aggregate(String::new, adder, subtractor).stored("s").to_stream().to("out");
}
