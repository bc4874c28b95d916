//! Topics that are missing or have the wrong shape: the program ends with their names, and the
//! remedy.

use tests::broker;

use crate::{
    orders::Orders,
    world::{APP, Mode, PATIENCE, World},
};

const OUTPUTS: [(&str, i32); 4] = [
    ("high-value-orders", 2),
    ("orders-per-customer", 2),
    ("enriched-orders", 2),
    ("orders-per-hour", 2),
];

/// The message with which an instance ends.
fn refusal(world: &World) -> String {
    let instance = world.run("only");
    assert_eq!(instance.wait(PATIENCE).unwrap().code(), Some(1), "it ends with status 1");
    let lines = instance.stderr();
    let error = lines.iter().find(|line| line.starts_with("error: "));
    error.unwrap_or_else(|| panic!("no error in {lines:#?}")).clone()
}

fn assert_says(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

fn a_missing_source_topic_is_named(mode: Mode) {
    if !broker::wanted() {
        return;
    }
    let world = World::new(mode, 2);
    world.create_topics(&OUTPUTS);
    world.create_topics(&[("customers", 2)]);
    let message = refusal(&world);
    assert_says(&message, &["orders", "reate them"]);
    // Once it exists, the program runs.
    let orders = Orders::new(500, 12);
    world.feed(&orders);
    let instance = world.run("only");
    world.await_all(&orders);
    world.close_and_check(&[&instance], &orders);
}

#[test]
fn a_missing_source_topic_is_named_and_looked_for_at_the_next_start() {
    a_missing_source_topic_is_named(Mode::EXACTLY_ONCE);
}

#[test]
fn a_missing_source_topic_is_named_in_a_streams_group_too() {
    a_missing_source_topic_is_named(Mode::STREAMS_EXACTLY_ONCE);
}

#[test]
fn joined_topics_with_different_numbers_of_partitions_are_named() {
    if !broker::wanted() {
        return;
    }
    let world = World::new(Mode::EXACTLY_ONCE, 2);
    world.create_topics(&OUTPUTS);
    world.create_topics(&[("orders", 2), ("customers", 3)]);
    assert_says(&refusal(&world), &["orders", "customers", "2", "3", "partitions"]);
}

#[test]
fn a_changelog_with_the_wrong_number_of_partitions_is_named() {
    if !broker::wanted() {
        return;
    }
    let world = World::new(Mode::AT_LEAST_ONCE, 2);
    world.feed(&Orders::new(100, 13));
    let changelog = format!("{APP}-orders-per-hour-changelog");
    world.create_topics(&[(&changelog, 7)]);
    assert_says(&refusal(&world), &[&changelog, "7", "2", "partition", "reset"]);
}
