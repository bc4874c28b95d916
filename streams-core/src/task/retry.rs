//! A record that waits for another attempt.
//!
//! It stays the first of its queue, and no other record of the task is processed before it. Its
//! effects are undone, so commits continue; its offset is not among theirs, and if the task is
//! closed meanwhile, the record is left to the next owner.

use super::ActiveTask;
use crate::{
    Result,
    processor::{Event, Head, HeldHead},
    time::duration_ms,
};

/// The waiting record, and the time of its next attempt.
#[derive(Debug)]
pub(super) struct Waiting {
    head: HeldHead,
    /// Number of failed attempts.
    attempts: u32,
    due_ms: i64,
}

/// Result for the next record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// There was no record.
    None,
    /// It has been processed.
    Done,
    /// It waits for another attempt.
    Waits,
}

impl ActiveTask {
    /// Time of the next attempt at the waiting record; `None` if none waits.
    pub(crate) fn retry_due_ms(&self) -> Option<i64> {
        self.waiting.as_ref().map(|waiting| waiting.due_ms)
    }

    /// Returns whether a record waits for a later time.
    pub(crate) fn waits(&self, now_ms: i64) -> bool {
        self.retry_due_ms().is_some_and(|due_ms| now_ms < due_ms)
    }

    /// The next record to be processed, and the number of the attempt.
    pub(super) fn next_head(&mut self) -> Result<Option<(Head, u32)>> {
        if let Some(Waiting { head, attempts, .. }) = self.waiting.take() {
            return Ok(Some((self.state.group.take_held(head), attempts.saturating_add(1))));
        }
        self.decode_heads()?;
        Ok(self.state.group.take_head().map(|head| (head, 1)))
    }

    /// Undoes a given-up attempt, and lets the record wait.
    #[cold]
    pub(super) fn wait_to_retry(&mut self, head: Head, attempts: u32) -> Result<Next> {
        let pause = self.state.undo_attempt().unwrap_or_default();
        self.control_all(Event::Undo)?;
        let due_ms = self.state.now_ms.saturating_add(duration_ms(pause));
        let head = self.state.group.hold(head);
        self.waiting = Some(Waiting { head, attempts, due_ms });
        Ok(Next::Waits)
    }
}
