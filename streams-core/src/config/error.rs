//! The error of a configuration, with all its problems.

use std::fmt;

use thiserror::Error;

use super::settings::{HIDDEN, is_secret};

/// The kind of a [`ConfigProblem`], for callers that react to it and for tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigProblemKind {
    /// There is no such key. Correct its spelling or remove it.
    UnknownKey,
    /// A key of Java Kafka Streams or of the clients that cannot be set here. Remove it and follow
    /// the advice.
    Unsupported,
    /// The value is malformed, out of range or not one of the permitted ones. Correct it.
    InvalidValue,
    /// A required key is not set, or is empty. Set it.
    Missing,
    /// The value is valid by itself but contradicts another one. Change one of the two.
    Conflict,
}

/// One problem of a configuration: the key, its value, the fault, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    kind: ConfigProblemKind,
    key: String,
    value: Option<String>,
    wrong: String,
    advice: String,
}

impl ConfigProblem {
    /// Makes a problem. The value of a secret is replaced, so that errors may be logged.
    pub(super) fn new(
        kind: ConfigProblemKind,
        key: &str,
        value: Option<&str>,
        wrong: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        let shown = value.map(|value| if is_secret(key) { HIDDEN } else { value }.to_owned());
        Self { kind, key: key.to_owned(), value: shown, wrong: wrong.into(), advice: advice.into() }
    }

    /// Kind of the problem.
    pub fn kind(&self) -> ConfigProblemKind {
        self.kind
    }

    /// The key as it was set, with its prefix.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value as it was set; `None` if the key is missing. Secrets are masked.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// The fault, as a phrase.
    pub fn wrong(&self) -> &str {
        &self.wrong
    }

    /// The remedy, as a phrase.
    pub fn advice(&self) -> &str {
        &self.advice
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A line break in a value must not look like a further problem.
        match (self.kind, &self.value) {
            (ConfigProblemKind::UnknownKey, _) => {
                write!(f, "{} ({})", self.wrong, self.advice)
            }
            (_, Some(value)) => {
                let value = value.escape_debug();
                write!(f, "`{}` = `{value}`: {}; {}", self.key, self.wrong, self.advice)
            }
            (_, None) => write!(f, "`{}`: {}; {}", self.key, self.wrong, self.advice),
        }
    }
}

/// A configuration that cannot be used, with all its problems.
///
/// The first line of the message counts the problems; one line for each follows. The caller must
/// correct the configuration; trying again does not help. Java's counterpart is `ConfigException`,
/// which reports the first problem only.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", render(problems))]
pub struct ConfigError {
    problems: Box<[ConfigProblem]>,
}

impl ConfigError {
    /// Wraps the problems, of which there is at least one.
    pub(super) fn new(problems: Vec<ConfigProblem>) -> Self {
        debug_assert!(!problems.is_empty(), "an error needs a problem");
        Self { problems: problems.into_boxed_slice() }
    }

    /// Every problem that was found, at least one, in the order of the keys.
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }
}

fn render(problems: &[ConfigProblem]) -> String {
    use fmt::Write as _;

    let plural = if problems.len() == 1 { "problem" } else { "problems" };
    let mut text = format!("the configuration has {} {plural}:", problems.len());
    for problem in problems {
        // Writing into a string cannot fail.
        let _ = write!(text, "\n  {problem}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_has_one_line_for_each_problem() {
        let error = ConfigError::new(vec![
            ConfigProblem::new(
                ConfigProblemKind::InvalidValue,
                "poll.ms",
                Some("a\nb"),
                "it is not a whole number",
                "give a number",
            ),
            ConfigProblem::new(
                ConfigProblemKind::Missing,
                "application.id",
                None,
                "it is required",
                "set it",
            ),
        ]);
        assert_eq!(
            error.to_string(),
            "the configuration has 2 problems:\n  \
             `poll.ms` = `a\\nb`: it is not a whole number; give a number\n  \
             `application.id`: it is required; set it"
        );
    }

    #[test]
    fn a_password_is_not_shown() {
        let problem = ConfigProblem::new(
            ConfigProblemKind::InvalidValue,
            "consumer.ssl.key.password",
            Some("hunter2"),
            "it is wrong",
            "change it",
        );
        assert!(!problem.to_string().contains("hunter2"));
        assert_eq!(problem.value(), Some("[hidden]"));
    }
}
