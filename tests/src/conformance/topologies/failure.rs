//! Errors of user code and of deserialization, with the handlers that go on, and dead letters.

use streams_dsl::StreamsBuilder;

use super::{Dsl, processor::Text, stateless::stream};
use crate::conformance::functions::upper;

pub(super) const TOPOLOGIES: Dsl = &[
    ("processing-fail", processing),
    ("processing-continue", processing),
    ("processing-dead-letters", processing),
    ("deserialization-fail", deserialization),
    ("deserialization-continue", deserialization),
    ("deserialization-dead-letters", deserialization),
];

fn risky(value: Option<&str>) -> Result<Text, &'static str> {
    if value == Some("x") { Err("bad") } else { Ok(upper(value)) }
}

fn processing(b: &StreamsBuilder) {
    let s = stream(b, "in");
    s.try_map_values(|v| risky(v.as_deref())).to("out");
    s.filter(|_, v| v.is_some()).to("out2");
    let add = |_: &String, v: &String, a: String| {
        risky(Some(v)).map(|v| a + v.as_deref().unwrap_or("null"))
    };
    let aggregates =
        s.group_by_key::<String>().try_aggregate(|| Ok(String::new()), add).stored("a");
    aggregates.to_stream().to("out3");
}

fn deserialization(b: &StreamsBuilder) {
    let longs = b.stream::<Text, Option<i64>>("in");
    longs.map_values(|v| v.map_or("null".to_owned(), |v| v.to_string())).to("out");
}
