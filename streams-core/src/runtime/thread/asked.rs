//! A request to the control plane, whose answer is taken in a later turn.

use std::task::Waker;

use crate::{Error, ErrorKind, Result, client::Answer};

/// Default time limit of an answer, in milliseconds.
pub(super) const ANSWER_MS: i64 = 30_000;

/// At most one open request.
#[derive(Debug)]
pub(super) struct Asked<T> {
    open: Option<(Answer<T>, i64)>,
}

impl<T> Default for Asked<T> {
    fn default() -> Self {
        Self { open: None }
    }
}

impl<T> Asked<T> {
    /// Creates a request that is answered by `until_ms`, or not at all.
    pub(super) fn new(answer: Answer<T>, until_ms: i64) -> Self {
        Self { open: Some((answer, until_ms)) }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Makes a request; an earlier one is dropped.
    pub(super) fn ask(&mut self, answer: Answer<T>, until_ms: i64) {
        self.open = Some((answer, until_ms));
    }

    /// The answer, if it has come. The turns of a thread come often enough that it need not be
    /// woken.
    pub(super) fn answer(&mut self, now_ms: i64) -> Option<Result<T>> {
        let (answer, until_ms) = self.open.as_mut()?;
        let said = answer.poll_with(Waker::noop()).or_else(|| {
            (now_ms >= *until_ms)
                .then(|| Err(Error::new(ErrorKind::Unavailable, "the cluster does not answer")))
        })?;
        self.open = None;
        Some(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_once_and_one_that_does_not_come_is_an_error_in_the_end() {
        let mut asked = Asked::default();
        assert!(!asked.is_open() && asked.answer(0).is_none());
        asked.ask(Answer::ready(Ok(7)), 10);
        assert_eq!(asked.answer(0).unwrap().unwrap(), 7);
        assert!(!asked.is_open());
        asked.ask(Answer::later(std::future::pending()), 10);
        assert!(asked.answer(9).is_none());
        assert_eq!(asked.answer(10).unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
        assert!(!asked.is_open());
    }
}
