//! One instance of each library share the application's tasks in one group.
//!
//! The first one leads a classic group. The other joins while orders arrive, both run, and the
//! first leaves while orders arrive.

use crate::{
    application::{Application, PORTION, TASKS, await_tasks},
    instance::{
        Library::{self, Java, Rust},
        PATIENCE,
    },
};

/// A classic group, whose members notice soon that another has come.
const CLASSIC: [&str; 4] =
    ["--config", "group.protocol=classic", "--config", "heartbeat.interval.ms=300"];
const STREAMS: [&str; 2] = ["--config", "group.protocol=streams"];
const AT_LEAST_ONCE: [&str; 2] = ["--guarantee", "at-least-once"];
const EXACTLY_ONCE: [&str; 2] = ["--guarantee", "exactly-once"];

fn share(first: Library, second: Library, settings: &[&[&'static str]]) {
    let Some(mut application) = Application::new(4, &settings.concat()) else { return };
    application.feed();
    let first = application.start(first);
    application.await_figures(&[&first]);

    let feed = application.start_slow_feed();
    let second = application.start(second);
    let of_rust = if first.library() == Rust { &first } else { &second };
    let is_shared = |tasks| (1..TASKS).contains(&tasks);
    await_tasks(of_rust, is_shared);
    feed.succeed(PATIENCE).unwrap();
    application.await_figures(&[&first, &second]);

    // Only the other can have taken the tasks that the instance of this library does not have.
    application.feed();
    application.await_figures(&[&first, &second]);
    assert!(of_rust.active_tasks().is_some_and(is_shared), "{:?}", of_rust.active_tasks());

    let feed = application.start_slow_feed();
    let processed = first.close().map(|summary| summary.processed);
    feed.succeed(PATIENCE).unwrap();
    application.await_figures(&[&second]);
    if second.library() == Rust {
        await_tasks(&second, |tasks| tasks == TASKS);
    }
    let processed = processed.or(second.close().map(|summary| summary.processed)).unwrap();
    let portion = u64::try_from(PORTION).unwrap();
    assert!(processed > portion, "the instance of this library took {processed} records");
}

#[test]
fn rust_joins_java_in_a_classic_group_and_takes_over() {
    share(Java, Rust, &[&CLASSIC, &AT_LEAST_ONCE]);
}

#[test]
fn java_joins_rust_in_a_classic_group_and_takes_over() {
    share(Rust, Java, &[&CLASSIC, &EXACTLY_ONCE]);
}

#[test]
fn rust_joins_java_in_a_streams_group_and_takes_over() {
    share(Java, Rust, &[&STREAMS, &EXACTLY_ONCE]);
}

#[test]
fn java_joins_rust_in_a_streams_group_and_takes_over() {
    share(Rust, Java, &[&STREAMS, &AT_LEAST_ONCE]);
}
