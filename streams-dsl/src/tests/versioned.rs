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
fn a_join_with_a_grace_period_waits_for_late_updates() {
    let out = effect(
        |b| {
            let joined =
                b.stream::<String, String>("lines").join(&table(b), |l, r| format!("{l}{r}"));
            joined.with_grace_period(Duration::from_millis(100)).to("out");
        },
        &[
            ("rows", "k", "a", 0),
            ("lines", "k", "1", 50),
            ("rows", "k", "b", 40),
            ("lines", "k", "2", 149),
            ("lines", "k", "3", 150),
            ("lines", "k", "4", 49),
        ],
    );
    assert_eq!(out, ["k=1b@50", "k=4b@49"], "2 and 3 wait, 4 is late");
}

#[test]
fn a_grace_period_needs_a_history_that_is_as_long() {
    let builder = StreamsBuilder::new();
    let lines = builder.stream::<String, String>("lines");
    let joiner = |l: &String, r: &String| format!("{l}{r}");
    lines.join(&table(&builder), joiner).with_grace_period(Duration::from_secs(2)).to("a");
    let plain = builder.table::<String, String>("plain");
    lines.join(&plain, joiner).with_grace_period(Duration::from_secs(1)).to("b");
    lines.filter(|_, _| true).with_grace_period(Duration::from_secs(1)).to("c");
    let text = builder.build().unwrap_err().to_string();
    for problem in ["is shorter than the grace period", "needs a versioned table", "is not a join"]
    {
        assert!(text.contains(problem), "{text}");
    }
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
