//! What is wrong with a topology: all of it, in one error.

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
    /// A mistake that a line of the program made.
    pub fn at(caller: &'static Location<'static>, wrong: impl fmt::Display) -> Self {
        Self { wrong: wrong.to_string(), caller: Some(caller) }
    }

    /// A mistake of the whole topology.
    pub fn of_all(wrong: impl fmt::Display) -> Self {
        Self { wrong: wrong.to_string(), caller: None }
    }

    /// What is wrong and what to do, as a phrase: the node, store or topic is named.
    pub fn wrong(&self) -> &str {
        &self.wrong
    }

    /// The line of the program that added what is wrong; `None` if it is the topology as a whole.
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

/// A topology that can't be built, with every mistake in it. Java's counterpart is `TopologyException`, which reports the
/// first one only.
///
/// It is the cause of the [`Error`](crate::Error) that `build` returns; [`Error::topology_problems`] gets at it.
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

    /// Every mistake that was found, in the order in which they were.
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
    /// The mistakes of a topology, each with the line of the program that made it, if they are why this error is.
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
