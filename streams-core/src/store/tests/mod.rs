//! Properties of the typed stores: whatever operations are applied, in whatever order, the reads
//! are those of an ordered map.
//!
//! A case is a random list of writes, commits, aborts, restarts and restores. It runs on each
//! engine, with and without caching. The random numbers have a fixed seed, so that all runs see the
//! same cases.

mod bed;
mod buffers;
mod custom;
mod duplicates;
mod engine;
mod headers;
mod key_value;
mod memory;
mod model;
mod outer_join;
mod record_buffer;
mod session;
mod ttl;
mod versioned;
mod window;

use std::fmt::Debug;

use proptest::{
    strategy::{Just, Strategy},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use self::bed::Turn;
use super::ValueAndTimestamp;

/// A value of a store under test, made from numbers.
trait TestValue: Clone + PartialEq + Debug + Send + 'static {
    /// The value of `number`; one that carries a timestamp carries this one.
    fn of(number: i64, timestamp: i64) -> Self;
}

impl TestValue for i64 {
    fn of(number: i64, _: i64) -> Self {
        number
    }
}

impl TestValue for ValueAndTimestamp<i64> {
    fn of(number: i64, timestamp: i64) -> Self {
        Self { value: number, timestamp }
    }
}

/// Runs `test` on `cases` values of `strategy`, always the same ones, and shrinks the first that
/// fails.
fn check<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let outcome = TestRunner::new_with_rng(config, rng).run(strategy, |case| {
        test(case);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// A strategy for the end of a transaction or of the store's life.
fn turn() -> impl Strategy<Value = Turn> {
    use proptest::prelude::any;
    proptest::prop_oneof![
        4 => any::<bool>().prop_map(|send_old| Turn::Commit { send_old }),
        1 => Just(Turn::Abort),
        1 => any::<bool>().prop_map(|logged| Turn::AbortAfterStage { logged }),
        1 => any::<bool>().prop_map(|flush| Turn::Restart { flush }),
        1 => (any::<bool>(), 1..40_usize)
            .prop_map(|(compacted, buffer)| Turn::RestoreAnew { compacted, buffer }),
    ]
}
