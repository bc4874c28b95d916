//! The answer of a handler.

use std::time::Duration;

use super::DeadLetter;

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// The task fails; the record is processed again after a restart.
    Fail,
    /// The record is dropped and counted; its siblings and successors go on.
    Continue,
    /// What the record did is undone, and it is processed again after this time at the earliest; until then its task
    /// processes no other record. For errors of processing, by a handler that [may retry](super::ProcessingExceptionHandler::may_retry)
    /// and only where that [can be done](super::ErrorContext::can_retry), or the task fails. Dead letters are not sent.
    Retry {
        /// The least pause before the next attempt.
        after: Duration,
    },
}

/// What to do about a record.
#[derive(Clone, Debug)]
pub struct HandlerResponse {
    /// Whether to go on.
    pub reaction: Reaction,
    /// Records to write, in the same transaction as everything else.
    pub dead_letters: Vec<DeadLetter>,
}

impl HandlerResponse {
    /// Fails the task.
    pub const fn fail() -> Self {
        Self { reaction: Reaction::Fail, dead_letters: Vec::new() }
    }

    /// Undoes what the record did, and processes it again.
    pub const fn retry(after: Duration) -> Self {
        Self { reaction: Reaction::Retry { after }, dead_letters: Vec::new() }
    }

    /// Drops the record and goes on.
    pub const fn resume() -> Self {
        Self { reaction: Reaction::Continue, dead_letters: Vec::new() }
    }
}
