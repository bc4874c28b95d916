//! Effects of store options on the rows of tables.

use std::time::Duration;

use super::effect;
use crate::{Materialized, StreamsBuilder, TimeWindows};

#[test]
fn a_row_that_was_not_written_for_its_time_to_live_begins_anew() {
    let records = [
        ("in", "a", "x", 0),
        ("in", "a", "x", 900),
        ("in", "b", "x", 2_500),
        ("in", "a", "x", 2_600),
    ];
    let out = effect(
        |b| {
            let store = Materialized::named("counts").with_ttl(Duration::from_secs(1));
            let counts = b.stream::<String, String>("in").group_by_key().count().stored(store);
            counts.to_stream().map_values(|n| n.map(|n| n.to_string())).to("out");
        },
        &records,
    );
    assert_eq!(out, ["a=1@0", "a=2@900", "b=1@2500", "a=1@2600"]);
}

#[test]
fn windows_have_a_retention_and_no_time_to_live() {
    let builder = StreamsBuilder::new();
    let second = Duration::from_secs(1);
    let windows = TimeWindows::of_size_with_no_grace(second);
    let store = Materialized::named("counts").with_ttl(second);
    builder
        .stream::<String, String>("in")
        .group_by_key()
        .windowed_by(windows)
        .count()
        .stored(store);
    let error = builder.build().unwrap_err();
    let [problem] = error.topology_problems() else { panic!("{error}") };
    assert!(problem.wrong().contains("store `counts` has windows"), "{problem}");
}
