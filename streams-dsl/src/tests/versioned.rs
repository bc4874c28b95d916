//! Tables with versions: what comes late takes its place in time.

use std::time::Duration;

use super::effect;
use crate::{BufferConfig, KTable, Materialized, StreamsBuilder, Suppressed, TimeWindows};

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

/// The versions of an aggregate begin when its greatest timestamp does: a late record changes the
/// latest of them, as Java's `KStreamAggregate` has it.
#[test]
fn an_aggregate_is_joined_as_it_was_at_that_time() {
    let out = effect(
        |b| {
            let words = b.stream::<String, String>("words").group_by_key();
            let second = Duration::from_secs(1);
            let counts = words.count().stored(Materialized::versioned("counts", second));
            let lines = b.stream::<String, String>("lines");
            lines.left_join(&counts, |l, n: Option<&i64>| format!("{l}{n:?}")).to("out");
        },
        &[
            ("words", "k", "a", 100),
            ("words", "k", "b", 300),
            ("lines", "k", "1", 250),
            ("words", "k", "c", 200),
            ("lines", "k", "2", 250),
            ("lines", "k", "3", 99),
            ("lines", "k", "4", 300),
        ],
    );
    let expected = ["1Some(1)@250", "2Some(1)@250", "3None@99", "4Some(3)@300"];
    assert_eq!(out, expected.map(|line| format!("k={line}")));
}

/// A deleted aggregate has no timestamp any more, so that the next record may come before the
/// deletion: its row was valid up to then, and those that aggregate the table leave it out. What is
/// older than the history is not forwarded.
#[test]
fn an_aggregate_of_before_its_deletion_is_not_the_latest() {
    let records = [
        ("words", "k", "a", 2_100),
        ("words", "k", "end", 2_300),
        ("words", "k", "b", 2_200),
        ("words", "k", "c", 1_299),
    ];
    let last = |b: &StreamsBuilder| {
        let words = b.stream::<String, String>("words").group_by_key();
        let last = words.reduce(|_, word| (word != "end").then(|| word.clone()));
        last.stored(Materialized::versioned("last", Duration::from_secs(1)))
    };
    let to_out = |b: &StreamsBuilder| {
        last(b).to_stream().to("out");
    };
    let out = effect(to_out, &records);
    assert_eq!(out, ["k=a@2100", "k=-@2300", "k=b@2200"]);
    let out = effect(
        |b| {
            let words = last(b).group_by(|key, word| (word.clone(), key.clone())).count();
            words.to_stream().map_values(|n| n.map(|n| n.to_string())).to("out");
        },
        &records,
    );
    assert_eq!(out, ["a=1@2100", "a=0@2300"]);
}

#[test]
fn an_aggregate_of_a_table_is_joined_as_it_was_at_that_time() {
    let out = effect(
        |b| {
            let towns = b.table::<String, String>("towns");
            let people = towns.group_by(|person, town| (town.clone(), person.clone())).count();
            let people = people.stored(Materialized::versioned("people", Duration::from_secs(1)));
            let lines = b.stream::<String, String>("lines");
            lines.left_join(&people, |l, n: Option<&i64>| format!("{l}{n:?}")).to("out");
        },
        &[
            ("towns", "ann", "rome", 100),
            ("towns", "bob", "rome", 50),
            ("towns", "ann", "-", 400),
            ("lines", "rome", "1", 99),
            ("lines", "rome", "2", 100),
            ("lines", "rome", "3", 399),
            ("lines", "rome", "4", 400),
        ],
    );
    let expected = ["1None@99", "2Some(2)@100", "3Some(2)@399", "4Some(1)@400"];
    assert_eq!(out, expected.map(|line| format!("rome={line}")));
}

#[test]
fn cogrouped_streams_share_a_store_of_versions() {
    let out = effect(
        |b| {
            let joined = |sum: String, word: &String| format!("{sum}{word}");
            let one = b.stream::<String, String>("one").group_by_key();
            let two = b.stream::<String, String>("two").group_by_key();
            let both = one.cogroup(move |_, word: &String, sum: String| joined(sum, word));
            let both = both.cogroup(&two, move |_, word: &String, sum| joined(sum, word));
            let second = Duration::from_secs(1);
            let table = both.aggregate(String::new).stored(Materialized::versioned("both", second));
            let lines = b.stream::<String, String>("lines");
            lines.join(&table, |line, sum| format!("{line}{sum}")).to("out");
        },
        &[
            ("one", "k", "a", 100),
            ("two", "k", "b", 200),
            ("lines", "k", "1", 199),
            ("lines", "k", "2", 200),
        ],
    );
    assert_eq!(out, ["k=1a@199", "k=2ab@200"]);
}

#[test]
fn what_cannot_be_versioned_is_a_mistake() {
    let builder = StreamsBuilder::new();
    let versioned = Materialized::versioned("counts", Duration::from_secs(1));
    let minutes = TimeWindows::of_size_with_no_grace(Duration::from_secs(60));
    let words = builder.stream::<String, String>("in").group_by_key().windowed_by(minutes);
    words.count().stored(versioned);
    let wait = Suppressed::until_time_limit(Duration::from_secs(1), BufferConfig::unbounded());
    table(&builder).suppress(wait).to_stream().to("out");
    let text = builder.build().unwrap_err().to_string();
    assert!(text.contains("store `counts` of node `KSTREAM-AGGREGATE-"), "{text}");
    assert!(text.contains("a versioned table can't be suppressed"), "{text}");
}
