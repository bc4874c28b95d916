//! Several grouped streams that fold into one table.

use std::time::Duration;

use streams_dsl::{CogroupedKStream, SessionWindows, StreamsBuilder};

use super::{
    Dsl, session,
    stateless::stream,
    window::{sliding, to_out, tumbling},
};
use crate::conformance::functions::{initial, text};

pub(super) const TOPOLOGIES: Dsl = &[
    ("cogroup", |b| {
        values(b).aggregate(String::new).stored("co").to_stream().to("out");
    }),
    ("cogroup-delete", |b| {
        let (first, second) = (stream(b, "in").group_by_key(), stream(b, "in2").group_by_key());
        let delete =
            |_: &String, v: &String, a: String| (v != "x" && v != "z").then(|| format!("{a}2{v}"));
        let both = first.cogroup(one).cogroup(&second, delete);
        both.aggregate(String::new).named("agg").to_stream().to("out");
    }),
    ("cogroup-one", |b| {
        let merged = stream(b, "in").merge(&stream(b, "in2"));
        merged.group_by_key().cogroup(one).aggregate(String::new).to_stream().to("out");
    }),
    ("cogroup-rekeyed", |b| {
        let first = stream(b, "in").group_by::<String, _>(|_, v| initial(v.as_deref())).named("g1");
        let both = first.cogroup(one).cogroup(&stream(b, "in2").group_by_key(), two);
        both.aggregate(String::new).stored("co").to_stream().to("out");
    }),
    ("cogroup-tumbling", |b| {
        let windowed = nulls(b).windowed_by(tumbling());
        to_out(&windowed.aggregate(String::new).stored("w").to_stream());
    }),
    ("cogroup-sliding", |b| {
        let windowed = values(b).windowed_by(sliding());
        to_out(&windowed.aggregate(String::new).stored("w").to_stream());
    }),
    ("cogroup-session", |b| {
        let gap = Duration::from_secs(5);
        let sessions = SessionWindows::of_inactivity_gap_and_grace(gap, gap);
        let merge = |_: &String, a: String, b: String| a + &b;
        let windowed = nulls(b).windowed_by(sessions).aggregate(String::new, merge);
        session::to_out(&windowed.stored("s").to_stream());
    }),
];

#[expect(clippy::ptr_arg, reason = "its type says that values are folded, and nulls are not")]
fn one(_: &String, v: &String, a: String) -> String {
    a + "1" + v
}

#[expect(clippy::ptr_arg, reason = "its type says that values are folded, and nulls are not")]
fn two(_: &String, v: &String, a: String) -> String {
    a + "2" + v
}

/// Both inputs, without records that have no value.
fn values(b: &StreamsBuilder) -> CogroupedKStream<String, String> {
    let (first, second) = (stream(b, "in").group_by_key(), stream(b, "in2").group_by_key());
    first.cogroup(one).cogroup(&second, two)
}

/// Both inputs, with nulls, as Java's text of them.
fn nulls(b: &StreamsBuilder) -> CogroupedKStream<String, String> {
    let (first, second) = (stream(b, "in").group_by_key(), stream(b, "in2").group_by_key());
    let one = |_: &String, v: &Option<String>, a: String| format!("{a}1{}", text(v.as_deref()));
    let two = |_: &String, v: &Option<String>, a: String| format!("{a}2{}", text(v.as_deref()));
    first.cogroup(one).cogroup(&second, two)
}
