//! Joins of a stream with a table.

#![expect(clippy::ptr_arg, reason = "what a stream of `String` hands to its functions")]

use streams_dsl::StreamsBuilder;

use super::{Dsl, processor::Text, stateless::stream, table::table};
use crate::conformance::functions::{initial, pair};

pub(super) const TOPOLOGIES: Dsl = &[
    ("stream-table-inner", |b| {
        stream(b, "left").join(&table(b, "right"), inner).to("out");
    }),
    ("stream-table-left", |b| {
        stream(b, "left").left_join(&table(b, "right"), left).to("out");
    }),
    ("stream-table-with-key", |b| {
        let joiner = |k: &Text, l: &String, r: Option<&String>| {
            format!("{}={}", k.as_deref().unwrap_or("null"), left(l, r))
        };
        stream(b, "left").left_join_with_key(&table(b, "right"), joiner).to("out");
    }),
    ("stream-table-rekeyed", |b| {
        let s = stream(b, "left").select_key(|_, v| initial(v.as_deref()));
        s.join(&table(b, "right"), inner).named("jn").to("out");
    }),
    ("stream-table-rekeyed-left", |b| {
        let s = stream(b, "left").select_key(|_, v| initial(v.as_deref()));
        s.left_join(&table(b, "right"), left).to("out");
    }),
    ("stream-table-filtered", |b| {
        let s = stream(b, "left");
        let t = table(b, "right").filter(|_, v| v != "r1").map_values(|v| v.to_uppercase());
        s.left_join(&t, left).to("out");
    }),
    ("stream-table-self", stream_table_self),
];

/// Joiner of an inner join.
pub(super) fn inner(left: &String, right: &String) -> String {
    pair(Some(left), Some(right))
}

/// Joiner of a left join.
pub(super) fn left(left: &String, right: Option<&String>) -> String {
    pair(Some(left), right.map(String::as_str))
}

fn stream_table_self(b: &StreamsBuilder) {
    let t = stream(b, "left").to_table::<String, String>().stored("t");
    stream(b, "right").join(&t, inner).to("out");
    t.to_stream().to("out");
}
