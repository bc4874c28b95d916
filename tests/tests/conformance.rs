//! The golden scenarios of `golden`, all of which must hold.

use std::path::Path;

use tests::conformance::{Verdict, run_directory};

#[test]
fn every_golden_scenario_is_as_in_java() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let outcomes = run_directory(&golden).unwrap();
    assert!(!outcomes.is_empty(), "there are no golden scenarios in {}", golden.display());
    let differences: Vec<String> = outcomes
        .iter()
        .filter(|outcome| outcome.verdict != Verdict::Pass)
        .map(ToString::to_string)
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
