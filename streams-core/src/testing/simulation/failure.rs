//! A simulation that found a violation.

use std::fmt;

use super::Trace;

/// A violation, with its seed, and everything that led to it. Its text, also as `{:?}`, tells how
/// to reproduce it.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The violation.
    pub what: String,
    /// The events before it.
    pub trace: Trace,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, what, trace } = self;
        writeln!(f, "simulation with seed {seed}: {what}\n{trace}")?;
        // The test harness names a test's thread after the test.
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("");
        writeln!(f, "simulation with seed {seed}: {what}")?;
        write!(f, "to see it again: {}={seed} cargo test {test}", super::SEED_VARIABLE)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}
