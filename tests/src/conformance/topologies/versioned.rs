//! Tables with versions, and what is joined with them.

use std::time::Duration;

use streams_dsl::{KTable, Materialized, StreamsBuilder};

use super::{
    Dsl,
    foreign_key::foreign,
    stateless::stream,
    table_join::{inner, left},
    table_table::outer,
};

pub(super) const TOPOLOGIES: Dsl = &[
    ("table-versioned", |b| {
        short(b).to_stream().to("out");
    }),
    ("table-versioned-filter", |b| {
        short(b).filter(|_, v| v.starts_with('a')).to_stream().to("out");
    }),
    ("table-versioned-group", |b| {
        let grouped = short(b).group_by(|k, v| (v.clone(), k.clone()));
        grouped.count().stored("c").to_stream().to("out");
    }),
    ("stream-versioned-table-inner", |b| {
        stream(b, "left").join(&table(b, "right", "v"), inner).to("out");
    }),
    ("stream-versioned-table-left", |b| {
        stream(b, "left").left_join(&table(b, "right", "v"), left).to("out");
    }),
    ("stream-versioned-table-grace", |b| {
        let joined = stream(b, "left").join(&table(b, "right", "v"), inner);
        joined.named("gr").with_grace_period(Duration::from_secs(5)).to("out");
    }),
    ("stream-versioned-table-grace-left", |b| {
        let joined = stream(b, "left").left_join(&table(b, "right", "v"), left);
        joined.named("gr").with_grace_period(Duration::from_secs(5)).to("out");
    }),
    ("table-table-versioned-inner", |b| {
        let l = table(b, "left", "vl");
        l.join(&table(b, "right", "vr"), inner).stored("j").to_stream().to("out");
    }),
    ("table-table-versioned-left", |b| {
        let l = table(b, "left", "vl");
        l.left_join(&table(b, "right", "vr"), left).stored("j").to_stream().to("out");
    }),
    ("table-table-versioned", |b| {
        let l = table(b, "left", "vl");
        l.outer_join(&table(b, "right", "vr"), outer).to_stream().to("out");
    }),
    ("foreign-key-versioned", |b| {
        let l = table(b, "left", "vl");
        l.left_join_on(&table(b, "right", "vr"), foreign, left).to_stream().to("out");
    }),
];

fn short(b: &StreamsBuilder) -> KTable<String, String> {
    b.table("in").stored(Materialized::versioned("v", Duration::from_millis(10)))
}

fn table(b: &StreamsBuilder, topic: &str, store: &str) -> KTable<String, String> {
    b.table(topic).stored(Materialized::versioned(store, Duration::from_secs(30)))
}
