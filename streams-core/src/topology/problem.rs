//! The error of a topology, with all its mistakes.

use std::{fmt, panic::Location};

use thiserror::Error;

use crate::{Error, ErrorKind};

/// One mistake in a topology, and the line of the program that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopologyProblem {
    wrong: String,
    caller: Option<&'static Location<'static>>,
}

impl TopologyProblem {
    /// Creates a mistake of a line of the program.
    pub fn at(caller: &'static Location<'static>, wrong: impl fmt::Display) -> Self {
        Self { wrong: wrong.to_string(), caller: Some(caller) }
    }

    /// Creates a mistake of the whole topology.
    pub fn of_all(wrong: impl fmt::Display) -> Self {
        Self { wrong: wrong.to_string(), caller: None }
    }

    /// The fault and the remedy, as a phrase that names the node, store or topic.
    pub fn wrong(&self) -> &str {
        &self.wrong
    }

    /// The line of the program that made the mistake; `None` if it concerns the topology as a
    /// whole.
    pub fn caller(&self) -> Option<&'static Location<'static>> {
        self.caller
    }
}

impl fmt::Display for TopologyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.caller {
            Some(caller) => write!(f, "{} ({caller})", self.wrong),
            None => f.write_str(&self.wrong),
        }
    }
}

/// A topology that can't be built, with all its mistakes. Java's counterpart is
/// `TopologyException`, which reports the first one only.
///
/// It is the cause of the [`Error`](crate::Error) that `build` returns; see
/// [`Error::topology_problems`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", render(problems))]
pub struct TopologyError {
    problems: Box<[TopologyProblem]>,
}

impl TopologyError {
    /// Wraps the mistakes, of which there is at least one.
    pub fn new(problems: Vec<TopologyProblem>) -> Self {
        debug_assert!(!problems.is_empty(), "an error needs a problem");
        Self { problems: problems.into_boxed_slice() }
    }

    /// All mistakes, in the order in which they were found.
    pub fn problems(&self) -> &[TopologyProblem] {
        &self.problems
    }
}

impl From<TopologyError> for Error {
    fn from(error: TopologyError) -> Self {
        Self::with_source(ErrorKind::Topology, "the topology can't be built", error)
    }
}

impl Error {
    /// The mistakes of a topology, each with its line of the program, if they caused this error.
    ///
    /// ```
    /// use streams_core::topology::TopologyBuilder;
    ///
    /// let error = TopologyBuilder::new().build().unwrap_err();
    /// assert_eq!(error.topology_problems()[0].wrong(), "the topology reads no topic");
    /// ```
    pub fn topology_problems(&self) -> &[TopologyProblem] {
        let error = self.root_cause().downcast_ref::<TopologyError>();
        error.map_or(&[], TopologyError::problems)
    }
}

fn render(problems: &[TopologyProblem]) -> String {
    use fmt::Write as _;

    let plural = if problems.len() == 1 { "mistake" } else { "mistakes" };
    let mut text = format!("it has {} {plural}:", problems.len());
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
        let caller = Location::caller();
        let problems = vec![
            TopologyProblem::at(caller, "a node named `a` exists already"),
            TopologyProblem::of_all("the topology reads no topic"),
        ];
        let error = Error::from(TopologyError::new(problems.clone()));
        let text = format!(
            "the topology can't be built: it has 2 mistakes:\n  a node named `a` exists already ({caller})\n  \
             the topology reads no topic"
        );
        assert_eq!((error.to_string(), error.topology_problems()), (text, &problems[..]));
        assert!(Error::new(ErrorKind::Config, "x").topology_problems().is_empty());
    }
}
