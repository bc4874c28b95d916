//! Allocations of the stateful operators, with limits so that they do not grow unnoticed.
//!
//! The figures are those of `docs/BENCHMARKS.md`, per thousand records: while records are processed
//! and at the commit.
#![forbid(unsafe_code)]

use allocation_counter::measure;
use bench::{Operator, ROUND};
use streams_dsl::Result;

/// Number of rounds before the count: windows close, and stores reach the size that they keep.
const WARM: usize = 30;
/// Number of counted rounds.
const COUNTED: u64 = 10;

/// Allocations per thousand records of an operator, in processing and in the commit.
fn allocations(operator: &Operator) -> Result<[u64; 2]> {
    let mut rounds = operator.start()?;
    for _ in 0..WARM {
        rounds.enqueue()?;
        rounds.process()?;
        rounds.commit()?;
    }
    let mut counts = [0; 2];
    for _ in 0..COUNTED {
        rounds.enqueue()?;
        let mut result = Ok(());
        counts[0] += measure(|| result = rounds.process()).count_total;
        result?;
        let mut result = Ok(());
        counts[1] += measure(|| result = rounds.commit()).count_total;
        result?;
    }
    assert_eq!(ROUND, 1_000);
    Ok(counts.map(|count| count / COUNTED))
}

/// Limits on the allocations per thousand records of an operator: while records are processed, and
/// at the commit.
const ALLOWED: [(&str, [u64; 2]); 7] = [
    ("tumbling_count", [250, 400]),
    ("hopping_count_of_ten", [250, 3_200]),
    ("sliding_count", [4_500, 7_800]),
    ("session_count", [4_100, 1_700]),
    ("stream_stream_join", [2_300, 2_400]),
    ("stream_stream_outer_join", [3_900, 2_400]),
    ("foreign_key_join", [100, 3_800]),
];

#[test]
fn operators_allocate_no_more_than_is_written_down() {
    let operators = Operator::all().unwrap();
    assert_eq!(operators.len(), ALLOWED.len());
    for (operator, (name, allowed)) in operators.iter().zip(ALLOWED) {
        assert_eq!(operator.name(), name);
        let counted = allocations(operator).unwrap();
        let exceeds = counted.iter().zip(&allowed).any(|(counted, allowed)| counted > allowed);
        assert!(
            !exceeds,
            "{name}: {counted:?} allocations of a thousand records, allowed are {allowed:?}"
        );
    }
}
