//! Outcome of a golden file.

use std::fmt;

/// Outcome of comparing a golden file with this library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is as in Java.
    Pass,
    /// The first difference.
    Fail(String),
    /// Why it could not be tried.
    Skip(String),
}

impl From<super::Checked> for Verdict {
    fn from(checked: super::Checked) -> Self {
        match checked {
            Ok(()) => Self::Pass,
            Err(difference) => Self::Fail(difference.to_string()),
        }
    }
}

/// The verdict on a golden file; prints as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Name of the file.
    pub name: String,
    /// Its outcome.
    pub verdict: Verdict,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, text) = match &self.verdict {
            Verdict::Pass => return write!(f, "PASS {}", self.name),
            Verdict::Fail(text) => ("FAIL", text),
            Verdict::Skip(text) => ("SKIP", text),
        };
        write!(f, "{word} {}: {}", self.name, text.replace('\n', " / "))
    }
}
