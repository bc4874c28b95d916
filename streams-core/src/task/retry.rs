//! A record that waits to be processed again.
//!
//! It stays the first of its queue, and no other record of the task is processed before it. What it did is undone, so that
//! commits go on; its offset is not among theirs, and who closes the task meanwhile leaves it to the next owner.

use super::ActiveTask;
use crate::{
    Result,
    processor::{Event, Head, HeldHead},
    time::duration_ms,
};

/// The record that waits, and until when.
#[derive(Debug)]
pub(super) struct Waiting {
    head: HeldHead,
    /// Attempts that have failed.
    attempts: u32,
    due_ms: i64,
}

/// What became of the next record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// There was none.
    None,
    /// It is through.
    Done,
    /// It waits to be processed again.
    Waits,
}

impl ActiveTask {
    /// When the record that waits may be processed again; `None` if none waits.
    pub(crate) fn retry_due_ms(&self) -> Option<i64> {
        self.waiting.as_ref().map(|waiting| waiting.due_ms)
    }

    /// Whether a record waits whose time has not come.
    pub(crate) fn waits(&self, now_ms: i64) -> bool {
        self.retry_due_ms().is_some_and(|due_ms| now_ms < due_ms)
    }

    /// The record that is to be processed next, and the number of the attempt.
    pub(super) fn next_head(&mut self) -> Result<Option<(Head, u32)>> {
        if let Some(Waiting { head, attempts, .. }) = self.waiting.take() {
            return Ok(Some((self.state.group.take_held(head), attempts.saturating_add(1))));
        }
        self.decode_heads()?;
        Ok(self.state.group.take_head().map(|head| (head, 1)))
    }

    /// The attempt is given up: it is undone, and the record waits.
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
