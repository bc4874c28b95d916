//! Joins of two tables.

use streams_dsl::StreamsBuilder;

use super::{
    Dsl,
    stateless::stream,
    table::table,
    table_join::{inner, left},
    window::{to_out, tumbling},
};
use crate::conformance::functions::pair;

pub(super) const TOPOLOGIES: Dsl = &[
    ("table-table-inner", |b| {
        table(b, "left").join(&table(b, "right"), inner).stored("j").to_stream().to("out");
    }),
    ("table-table-inner-plain", |b| {
        table(b, "left").join(&table(b, "right"), inner).to_stream().to("out");
    }),
    ("table-table-left", |b| {
        table(b, "left").left_join(&table(b, "right"), left).stored("j").to_stream().to("out");
    }),
    ("table-table-outer", |b| {
        table(b, "left").outer_join(&table(b, "right"), outer).stored("j").to_stream().to("out");
    }),
    ("table-table-outer-null", |b| {
        let joiner = |l: Option<&String>, r: Option<&String>| l.map(|l| left(l, r));
        let joined = table(b, "left").outer_join::<String, String, _>(&table(b, "right"), joiner);
        joined.named("oj").to_stream().to("out");
    }),
    ("table-table-chain", table_table_chain),
    ("table-table-self", |b| {
        let l = table(b, "left");
        l.outer_join(&l.map_values(|v| v.to_uppercase()), outer).to_stream().to("out");
        stream(b, "right").for_each(|_, _| {});
    }),
    ("table-table-grouped", table_table_grouped),
    ("windowed-table-join", windowed_table_join),
];

/// Joiner of an outer join.
pub(super) fn outer(left: Option<&String>, right: Option<&String>) -> String {
    pair(left.map(String::as_str), right.map(String::as_str))
}

fn table_table_chain(b: &StreamsBuilder) {
    let (l, r) = (table(b, "left"), table(b, "right"));
    let joined = l.join(&r, inner).left_join(&r, left);
    joined.filter(|_, v| v.contains('2') || v.contains('b')).to_stream().to("out");
}

fn table_table_grouped(b: &StreamsBuilder) {
    let joined = table(b, "left").outer_join(&table(b, "right"), outer);
    let grouped = joined.group_by(|k, v| (k.clone(), v.clone())).named("g");
    let adder = |_: &String, v: &String, a: String| a + "+" + v;
    let subtractor = |_: &String, v: &String, a: String| a + "-" + v;
    grouped.aggregate(String::new, adder, subtractor).stored("a").to_stream().to("out");
}

fn windowed_table_join(b: &StreamsBuilder) {
    let counted = |topic: &str, store: &str| {
        let groups = stream(b, topic).group_by_key::<String>().windowed_by(tumbling());
        groups.count().stored(store)
    };
    let (a, b) = (counted("left", "a"), counted("right", "b"));
    let number = |n: Option<&i64>| n.map_or_else(|| "null".to_owned(), i64::to_string);
    let joined = a.outer_join(&b, move |x: Option<&i64>, y: Option<&i64>| {
        pair(Some(&number(x)), Some(&number(y)))
    });
    to_out(&joined.to_stream());
}
