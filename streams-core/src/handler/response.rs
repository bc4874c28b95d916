//! The answer of a handler.

use std::time::Duration;

use super::DeadLetter;

/// Reaction to a failed record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// The task fails; the record is processed again after a restart.
    Fail,
    /// The record is dropped and counted; its siblings and successors are processed.
    Continue,
    /// The effects of the record are undone, and it is processed again after this time at the
    /// earliest; until then its task processes no other record. For errors of processing, by a
    /// handler that [may retry](super::ProcessingExceptionHandler::may_retry) and only where that
    /// is [possible](super::ErrorContext::can_retry); otherwise the task fails. Dead letters are
    /// not sent.
    Retry {
        /// The least pause before the next attempt.
        after: Duration,
    },
}

/// The answer about a record.
#[derive(Clone, Debug)]
pub struct HandlerResponse {
    /// The reaction.
    pub reaction: Reaction,
    /// Records to write, in the same transaction as everything else.
    pub dead_letters: Vec<DeadLetter>,
}

impl HandlerResponse {
    /// Fails the task.
    pub const fn fail() -> Self {
        Self { reaction: Reaction::Fail, dead_letters: Vec::new() }
    }

    /// Undoes the effects of the record, and processes it again.
    pub const fn retry(after: Duration) -> Self {
        Self { reaction: Reaction::Retry { after }, dead_letters: Vec::new() }
    }

    /// Drops the record and continues.
    pub const fn resume() -> Self {
        Self { reaction: Reaction::Continue, dead_letters: Vec::new() }
    }
}
