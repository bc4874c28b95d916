//! Operators of a stream that keep nothing.

use streams_core::{Record, processor::ExtractTimestamp};
use streams_dsl::{Consumed, KStream, Produced, StreamsBuilder};

use super::{Dsl, processor::Text};
use crate::conformance::functions::{initial, pair, starts_with_a, upper, words};

pub(super) const TOPOLOGIES: Dsl = &[
    ("passthrough", |b| {
        stream(b, "in").to("out");
    }),
    ("filter", |b| {
        stream(b, "in").filter(|_, v| starts_with_a(v.as_deref())).to("out");
    }),
    ("filter-not", |b| {
        stream(b, "in").filter_not(|_, v| starts_with_a(v.as_deref())).to("out");
    }),
    ("map", |b| {
        let paired = |k: &Text, v: &Text| (v.clone(), pair(k.as_deref(), v.as_deref()));
        stream(b, "in").map(paired).to("out");
    }),
    ("map-values", |b| {
        stream(b, "in").map_values(|v| upper(v.as_deref())).to("out");
    }),
    ("map-values-with-key", |b| {
        let paired = |k: &Text, v: &Text| pair(k.as_deref(), v.as_deref());
        stream(b, "in").map_values_with_key(paired).to("out");
    }),
    ("flat-map", flat_map),
    ("flat-map-values", |b| {
        stream(b, "in").flat_map_values(|v| words(v.as_deref())).to("out");
    }),
    ("select-key", |b| {
        stream(b, "in").select_key(|_, v| initial(v.as_deref())).to("out");
    }),
    ("peek-foreach", peek_for_each),
    ("branch", branch),
    ("branch-unnamed", branch_unnamed),
    ("branch-consumer", branch_consumer),
    ("merge", |b| {
        stream(b, "in").merge(&stream(b, "in2")).to("out");
    }),
    ("merge-mapped", merge_mapped),
    ("several-topics", |b| {
        let both = b.stream::<Text, Text>(Consumed::topics(["in", "in2"]));
        both.map_values(|v| upper(v.as_deref())).to("out");
    }),
    ("dynamic-topic", dynamic_topic),
    ("fan-out", fan_out),
    ("through-topic", through_topic),
    ("named-nodes", named_nodes),
    ("timestamp-extractor", timestamp_extractor),
    ("long-values", long_values),
];

/// A stream of texts that may be null.
pub(super) fn stream(builder: &StreamsBuilder, topic: &str) -> KStream<Text, Text> {
    builder.stream(topic)
}

fn flat_map(b: &StreamsBuilder) {
    let by_word = |k: &Text, v: &Text| -> Vec<(String, Text)> {
        words(v.as_deref()).into_iter().map(|word| (word, k.clone())).collect()
    };
    stream(b, "in").flat_map(by_word).to("out");
}

fn peek_for_each(b: &StreamsBuilder) {
    let s = stream(b, "in");
    s.peek(|_, _| {}).to("out");
    s.for_each(|_, _| {});
}

fn branch(b: &StreamsBuilder) {
    let branches = stream(b, "in")
        .split()
        .named("b-")
        .branch(|_, v| starts_with_a(v.as_deref()))
        .named("as")
        .branch(|_, v| v.is_none())
        .named("nulls")
        .default_branch()
        .named("rest")
        .branches();
    for (name, topic) in [("b-as", "out-as"), ("b-nulls", "out-nulls"), ("b-rest", "out-rest")] {
        if let Some(branch) = branches.get(name) {
            branch.to(topic);
        }
    }
}

fn branch_unnamed(b: &StreamsBuilder) {
    let branches = stream(b, "in")
        .split()
        .branch(|_, v| starts_with_a(v.as_deref()))
        .branch(|k, _| k.is_none())
        .branches();
    for branch in branches.values() {
        branch.to("out");
    }
}

fn branch_consumer(b: &StreamsBuilder) {
    let branches = stream(b, "in")
        .split()
        .branch(|_, v| starts_with_a(v.as_deref()))
        .with_consumer(|s| s.to("out"))
        .branch(|_, v| v.is_none())
        .named("n")
        .with_function(|s| s.map_values(|_| Some("none".to_owned())))
        .branches();
    if let Some(branch) = branches.get("n") {
        branch.to("out");
    }
}

fn merge_mapped(b: &StreamsBuilder) {
    let upper = stream(b, "in").map_values(|v| upper(v.as_deref()));
    let present = stream(b, "in2").filter(|_, v| v.is_some());
    upper.merge(&present).named("both").to("out");
}

fn dynamic_topic(b: &StreamsBuilder) {
    let by_value = |record: &Record<'_, Text, Text>| {
        let topic = if starts_with_a(record.value.as_deref()) { "out-a" } else { "out-b" };
        topic.to_owned()
    };
    stream(b, "in").to(Produced::topic_by("by-value", by_value));
}

fn fan_out(b: &StreamsBuilder) {
    let s = stream(b, "in");
    s.filter(|_, v| starts_with_a(v.as_deref())).to("out-a");
    s.map_values(|v| upper(v.as_deref())).to("out-b");
}

fn through_topic(b: &StreamsBuilder) {
    stream(b, "in").map_values(|v| upper(v.as_deref())).to("mid");
    stream(b, "mid").filter(|_, v| v.is_some()).to("out");
}

fn named_nodes(b: &StreamsBuilder) {
    b.stream::<Text, Text>("in")
        .named("src")
        .filter(|_, v| v.is_some())
        .named("keep")
        .map_values(|v| upper(v.as_deref()))
        .named("up")
        .select_key(|k, _| k.clone())
        .named("same-key")
        .peek(|_, _| {})
        .named("look")
        .to("out")
        .named("snk");
}

fn timestamp_extractor(b: &StreamsBuilder) {
    let in_value = |asked: &ExtractTimestamp<'_, Text, Text>| match asked.record.value {
        Some(value) => Ok(value.parse::<i64>()?),
        None => Ok(asked.partition_time),
    };
    b.stream(Consumed::topic("in").with_timestamp_extractor(in_value)).to("out");
}

fn long_values(b: &StreamsBuilder) {
    b.stream::<Text, Option<i64>>("in")
        .map_values(|v| v.map(|v| v.wrapping_add(1)))
        .filter(|_, v| v.is_none_or(|v| v % 2 == 0))
        .to("out");
}
