//! Mistakes in a topology.

use std::fmt;

use super::Caller;

/// A mistake, and the line of the program that made it.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) text: String,
    pub(crate) caller: Option<Caller>,
}

impl Problem {
    pub(crate) fn at(caller: Caller, text: impl fmt::Display) -> Self {
        Self { text: text.to_string(), caller: Some(caller) }
    }

    /// One of the whole topology.
    pub(super) fn of_all(text: impl fmt::Display) -> Self {
        Self { text: text.to_string(), caller: None }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.caller {
            Some(caller) => write!(f, "{} ({caller})", self.text),
            None => f.write_str(&self.text),
        }
    }
}
