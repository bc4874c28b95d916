//! Tables with versions: what comes late takes its place in time.

use std::time::Duration;

use super::effect;
use crate::{BufferConfig, KTable, Materialized, StreamsBuilder, Suppressed};

fn table(builder: &StreamsBuilder) -> KTable<String, String> {
    builder.table("rows").stored(Materialized::versioned("rows", Duration::from_secs(1)))
}

#[test]
fn a_stream_is_joined_with_what_a_row_was_at_that_time() {
    let out = effect(
        |b| {
            let upper = table(b).map_values(|value| value.to_uppercase());
            let lines = b.stream::<String, String>("lines");
            lines.left_join(&upper, |l, r: Option<&String>| format!("{l}{r:?}")).to("out");
        },
        &[
            ("rows", "k", "a", 100),
            ("rows", "k", "c", 300),
            ("lines", "k", "1", 250),
            ("rows", "k", "b", 200),
            ("lines", "k", "2", 250),
            ("lines", "k", "3", 99),
            ("lines", "k", "4", 300),
        ],
    );
    let expected = ["1Some(\"A\")@250", "2Some(\"B\")@250", "3None@99", "4Some(\"C\")@300"];
    assert_eq!(out, expected.map(|line| format!("k={line}")));
}

#[test]
fn a_late_update_leaves_groups_as_they_are() {
    let out = effect(
        |b| {
            let grouped = table(b).group_by(|key, value| (value.clone(), key.clone()));
            grouped.count().to_stream().map_values(|n| n.map(|n| n.to_string())).to("out");
        },
        &[("rows", "k", "a", 100), ("rows", "k", "b", 50), ("rows", "k", "c", 200)],
    );
    assert_eq!(out, ["a=1@100", "a=0@200", "c=1@200"]);
}

#[test]
fn what_cannot_be_versioned_is_a_mistake() {
    let builder = StreamsBuilder::new();
    let versioned = Materialized::versioned("counts", Duration::from_secs(1));
    builder.stream::<String, String>("in").group_by_key().count().stored(versioned);
    let wait = Suppressed::until_time_limit(Duration::from_secs(1), BufferConfig::unbounded());
    table(&builder).suppress(wait).to_stream().to("out");
    let text = builder.build().unwrap_err().to_string();
    assert!(text.contains("store `counts` of node `KSTREAM-AGGREGATE-"), "{text}");
    assert!(text.contains("a versioned table can't be suppressed"), "{text}");
}
