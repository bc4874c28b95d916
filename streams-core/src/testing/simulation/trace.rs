//! The events of a simulation.

use std::fmt;

/// The events of a simulation, one line each: virtual time, instance, event. Equal seeds give equal
/// traces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace(Vec<String>);

impl Trace {
    /// The lines.
    pub fn lines(&self) -> &[String] {
        &self.0
    }

    pub(super) fn push(&mut self, now_ms: i64, who: &str, what: &str) {
        self.0.push(format!("{now_ms:>8} ms  {who:<12} {what}"));
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
