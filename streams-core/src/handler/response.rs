//! The answer of a handler.

use super::DeadLetter;

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// The task fails; the record is processed again after a restart.
    Fail,
    /// The record is dropped and counted; its siblings and successors go on.
    Continue,
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

    /// Drops the record and goes on.
    pub const fn resume() -> Self {
        Self { reaction: Reaction::Continue, dead_letters: Vec::new() }
    }
}
