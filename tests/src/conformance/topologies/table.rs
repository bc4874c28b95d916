//! Operators of a table that are not joins.

#![expect(clippy::ptr_arg, reason = "what a stream of `String` hands to its functions")]

use streams_dsl::{KTable, StreamsBuilder};

use super::{
    Dsl,
    aggregation::{minus, plus},
    stateless::stream,
};
use crate::conformance::functions::{initial, pair, starts_with_a, text};

pub(super) const TOPOLOGIES: Dsl = &[
    ("table", |b| {
        b.table::<String, String>("in").stored("t").to_stream().to("out");
    }),
    ("table-unmaterialized", |b| {
        table(b, "in").to_stream().to("out");
    }),
    ("table-to-stream-selector", |b| {
        let paired = |k: &String, v: &Option<String>| pair(Some(k), v.as_deref());
        table(b, "in").to_stream_with_key(paired).to("out");
    }),
    ("table-filter", |b| {
        table(b, "in").filter(|_, v| v.starts_with('a')).to_stream().to("out");
    }),
    ("table-filter-not", |b| {
        table(b, "in").filter_not(|_, v| v.starts_with('a')).to_stream().to("out");
    }),
    ("table-filter-store", |b| {
        let t = b.table::<String, String>("in").stored("t");
        t.filter(|_, v| v.starts_with('a')).stored("f").to_stream().to("out");
    }),
    ("table-map-values", |b| {
        table(b, "in").map_values(|v| v.to_uppercase()).to_stream().to("out");
    }),
    ("table-map-values-store", |b| {
        let paired = |k: &String, v: &String| pair(Some(k), Some(v));
        table(b, "in").map_values_with_key(paired).stored("m").to_stream().to("out");
    }),
    ("table-map-filter", |b| {
        let upper = table(b, "in").map_values(|v| v.to_uppercase());
        upper.filter(|_, v| v.starts_with('A')).stored("mf").to_stream().to("out");
    }),
    ("table-transform-values", |b| {
        let paired =
            |k: &String, v: Option<&String>| format!("{k}-{}", text(v.map(String::as_str)));
        table(b, "in").transform_values(paired).to_stream().to("out");
    }),
    ("table-transform-values-store", |b| {
        let paired =
            |k: &String, v: Option<&String>| format!("{k}-{}", text(v.map(String::as_str)));
        table(b, "in").transform_values(paired).stored("tv").to_stream().to("out");
    }),
    ("table-to-table", |b| {
        let again = table(b, "in").to_stream().to_table::<String, String>().stored("again");
        again.to_stream().to("out");
    }),
    ("to-table", |b| {
        stream(b, "in").to_table::<String, String>().stored("t").to_stream().to("out");
    }),
    ("to-table-unnamed", |b| {
        let t = stream(b, "in").to_table::<String, String>();
        t.filter(|_, v| starts_with_a(Some(v))).to_stream().to("out");
    }),
    ("to-table-rekeyed", |b| {
        let s = stream(b, "in").select_key(|_, v| initial(v.as_deref()));
        s.to_table::<String, String>().named("tab").stored("t").to_stream().to("out");
    }),
    ("table-group-count", |b| {
        let t = b.table::<String, String>("in").stored("t");
        t.group_by(swap).count().stored("c").to_stream().to("out");
    }),
    ("table-group-aggregate", |b| {
        let grouped = table(b, "in").group_by(swap);
        grouped.aggregate(|| "0".to_owned(), add, subtract).stored("a").to_stream().to("out");
    }),
    ("table-group-same-key", |b| {
        let grouped = table(b, "in").group_by(|k, v| (k.clone(), v.clone())).named("g");
        grouped.aggregate(|| "0".to_owned(), add, subtract).stored("a").to_stream().to("out");
    }),
    ("table-group-aggregate-delete", |b| {
        let grouped = table(b, "in").group_by(swap);
        let adder = |_: &String, v: &String, a: String| a + v;
        let subtractor = |_: &String, _: &String, _: String| None::<String>;
        grouped.aggregate(String::new, adder, subtractor).stored("a").to_stream().to("out");
    }),
    ("table-group-reduce", |b| {
        let grouped = table(b, "in").group_by(swap);
        let reduced = grouped.reduce(|a, v| plus(a, v), |a, v| minus(a, v)).stored("r");
        reduced.to_stream().to("out");
    }),
    ("table-group-null", |b| {
        let by_initial = |k: &String, v: &String| (initial(Some(v)), k.clone());
        let grouped = table(b, "in").group_by::<String, String, _, _>(by_initial);
        grouped.count().stored("c").to_stream().to("out");
    }),
    ("table-filter-group", |b| {
        let filtered = table(b, "in").filter(|_, v| v.starts_with('a'));
        filtered.group_by(swap).count().stored("c").to_stream().to("out");
    }),
    ("table-map-group", |b| {
        let grouped = table(b, "in").map_values(|v| v.to_uppercase()).group_by(swap);
        grouped.aggregate(|| "0".to_owned(), add, subtract).stored("a").to_stream().to("out");
    }),
];

/// A table of texts.
pub(super) fn table(builder: &StreamsBuilder, topic: &str) -> KTable<String, String> {
    builder.table(topic)
}

fn swap(key: &String, value: &String) -> (String, String) {
    (value.clone(), key.clone())
}

fn add(_: &String, value: &String, aggregate: String) -> String {
    plus(aggregate, value)
}

fn subtract(_: &String, value: &String, aggregate: String) -> String {
    minus(aggregate, value)
}
