//! An application that ran on one library continues with the other, and then with the first again.
//!
//! State is restored from the changelogs that the other has written, and input is read from the
//! offsets that the other has committed.

use crate::{
    application::Application,
    instance::Library::{self, Java, Rust},
};

const AT_LEAST_ONCE: [&str; 2] = ["--guarantee", "at-least-once"];
const EXACTLY_ONCE: [&str; 2] = ["--guarantee", "exactly-once"];

/// Each library in turn processes a portion of the orders.
fn hand_over(turns: [Library; 3], settings: &[&'static str]) {
    let Some(mut application) = Application::new(turns.len(), settings) else { return };
    let mut topics = Vec::new();
    for (turn, library) in turns.into_iter().enumerate() {
        application.feed();
        let instance = application.start(library);
        application.await_figures(&[&instance]);
        if let Some(summary) = instance.close() {
            assert_eq!(summary.processed, application.records_of_a_portion(), "turn {turn}");
            assert_eq!(summary.restored > 0, turn > 0, "turn {turn}: {summary:?}");
        }
        topics.push(application.topics());
    }
    let internal = |name: &&String| name.starts_with("orders-app-");
    assert_eq!(topics[0].keys().filter(internal).count(), 4, "{:?}", topics[0]);
    assert!(topics.iter().all(|after| *after == topics[0]), "{topics:?}");
}

#[test]
fn java_hands_over_to_rust_and_takes_over_again_at_least_once() {
    hand_over([Java, Rust, Java], &AT_LEAST_ONCE);
}

#[test]
fn rust_hands_over_to_java_and_takes_over_again_at_least_once() {
    hand_over([Rust, Java, Rust], &AT_LEAST_ONCE);
}

#[test]
fn java_hands_over_to_rust_and_takes_over_again_exactly_once() {
    hand_over([Java, Rust, Java], &EXACTLY_ONCE);
}

#[test]
fn rust_hands_over_to_java_and_takes_over_again_exactly_once() {
    hand_over([Rust, Java, Rust], &EXACTLY_ONCE);
}
