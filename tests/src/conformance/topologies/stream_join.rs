//! Joins of streams.

use std::time::Duration;

use streams_dsl::{JoinWindows, KStream, StreamsBuilder};

use super::{
    Dsl,
    processor::Text,
    stateless::stream,
    table_join::{inner, left},
};
use crate::conformance::functions::{initial, pair, upper};

pub(super) const TOPOLOGIES: Dsl = &[
    ("stream-stream-inner", |b| join(b, Kind::Inner, ten())),
    ("stream-stream-left", |b| join(b, Kind::Left, ten())),
    ("stream-stream-outer", |b| join(b, Kind::Outer, ten())),
    ("stream-stream-inner-no-grace", |b| join(b, Kind::Inner, no_grace())),
    ("stream-stream-left-no-grace", |b| join(b, Kind::Left, no_grace())),
    ("stream-stream-outer-no-grace", |b| join(b, Kind::Outer, no_grace())),
    ("stream-stream-inner-before", |b| join(b, Kind::Inner, before())),
    ("stream-stream-left-before", |b| join(b, Kind::Left, before())),
    ("stream-stream-outer-before", |b| join(b, Kind::Outer, before())),
    ("stream-stream-inner-after", |b| join(b, Kind::Inner, after())),
    ("stream-stream-left-after", |b| join(b, Kind::Left, after())),
    ("stream-stream-outer-after", |b| join(b, Kind::Outer, after())),
    ("stream-stream-inner-shifted", |b| join(b, Kind::Inner, shifted())),
    ("stream-stream-left-shifted", |b| join(b, Kind::Left, shifted())),
    ("stream-stream-outer-shifted", |b| join(b, Kind::Outer, shifted())),
    ("stream-stream-left-interval", |b| join(b, Kind::Left, ten())),
    ("stream-stream-with-key", with_key),
    ("stream-stream-named", |b| {
        let joined = outer(&stream(b, "left"), &stream(b, "right"), ten());
        joined.named("jn").stored("js").to("out");
    }),
    ("stream-stream-rekeyed", |b| {
        let l = stream(b, "left").select_key(|_, v| initial(v.as_deref()));
        let r = stream(b, "right").select_key(|_, v| initial(v.as_deref()));
        left_joined(&l, &r, ten()).named("jn").to("out");
    }),
    ("stream-stream-rekeyed-inner", |b| {
        let l = stream(b, "left").map(|_, v| (initial(v.as_deref()), v.clone()));
        joined(&l, &stream(b, "right"), ten()).to("out");
    }),
    ("stream-stream-counted", |b| {
        let joined = left_joined(&stream(b, "left"), &stream(b, "right"), ten());
        joined.group_by_key::<String>().count().stored("c").to_stream().to("out");
    }),
    ("stream-self-join", |b| self_join(b, ten())),
    ("stream-self-join-shifted", |b| self_join(b, after())),
    ("stream-self-join-optimised", |b| self_join(b, ten())),
    ("stream-self-join-shifted-optimised", |b| self_join(b, after())),
    ("stream-self-left-join", |b| {
        let s = stream(b, "in");
        left_joined(&s, &s, ten()).to("out");
    }),
    ("opt-self-join-none", |b| self_join(b, ten())),
    ("opt-self-join-all", |b| self_join(b, ten())),
    ("opt-self-join-mapped-none", self_join_mapped),
    ("opt-self-join-mapped-all", self_join_mapped),
    ("opt-not-self-join-none", not_self_join),
    ("opt-not-self-join-all", not_self_join),
];

type Stream = KStream<Text, Text>;
type Joined = KStream<Text, String>;

#[derive(Clone, Copy)]
enum Kind {
    Inner,
    Left,
    Outer,
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn ten() -> JoinWindows {
    JoinWindows::of_time_difference_and_grace(s(10), s(5))
}

const fn no_grace() -> JoinWindows {
    JoinWindows::of_time_difference_with_no_grace(s(10))
}

const fn before() -> JoinWindows {
    ten().after(s(0))
}

const fn after() -> JoinWindows {
    ten().before(s(2))
}

const fn shifted() -> JoinWindows {
    ten().starting_after(s(3))
}

fn joined(l: &Stream, r: &Stream, windows: JoinWindows) -> Joined {
    l.join_stream::<String, _, _, _, _>(r, windows, inner)
}

fn left_joined(l: &Stream, r: &Stream, windows: JoinWindows) -> Joined {
    l.left_join_stream::<String, _, _, _, _>(r, windows, left)
}

fn outer(l: &Stream, r: &Stream, windows: JoinWindows) -> Joined {
    let joiner =
        |l: Option<&String>, r: Option<&String>| pair(l.map(String::as_str), r.map(String::as_str));
    l.outer_join_stream::<String, _, _, _, _>(r, windows, joiner)
}

fn join(b: &StreamsBuilder, kind: Kind, windows: JoinWindows) {
    let (l, r) = (stream(b, "left"), stream(b, "right"));
    let stream = match kind {
        Kind::Inner => joined(&l, &r, windows),
        Kind::Left => left_joined(&l, &r, windows),
        Kind::Outer => outer(&l, &r, windows),
    };
    stream.to("out");
}

fn with_key(b: &StreamsBuilder) {
    let joiner = |k: &Text, l: &String, r: &String| {
        format!("{}={}", k.as_deref().unwrap_or("null"), inner(l, r))
    };
    let (l, r) = (stream(b, "left"), stream(b, "right"));
    l.join_stream_with_key::<String, _, _, _, _>(&r, ten(), joiner).to("out");
}

fn self_join(b: &StreamsBuilder, windows: JoinWindows) {
    let s = stream(b, "in");
    joined(&s, &s, windows).to("out");
}

fn self_join_mapped(b: &StreamsBuilder) {
    let s = stream(b, "in").map_values(|v| upper(v.as_deref()));
    joined(&s, &s, ten()).to("out");
}

fn not_self_join(b: &StreamsBuilder) {
    let s = stream(b, "in");
    joined(&s.map_values(|v| upper(v.as_deref())), &s, ten()).to("out");
}
