//! Limit on how long a thread continues without the cluster.

use std::time::Duration;

use crate::{
    Error, ErrorKind, Result,
    time::{Span, duration_ms},
};

/// Returns whether the cluster may serve the same call later.
pub(crate) fn is_transient(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout)
}

/// Tolerates calls that the cluster did not serve, for at most `task.timeout.ms`.
#[derive(Debug)]
pub(super) struct Patience {
    thread: String,
    timeout_ms: i64,
    /// Start of the current outage, if there is one.
    failing_since: Option<i64>,
    /// True if this turn continued after a failed call.
    passed_over: bool,
}

impl Patience {
    pub(super) fn new(thread: &str, timeout: Duration) -> Self {
        let timeout_ms = duration_ms(timeout);
        Self { thread: thread.to_owned(), timeout_ms, failing_since: None, passed_over: false }
    }

    /// Returns whether the cluster could not serve the last call.
    pub(super) fn is_failing(&self) -> bool {
        self.failing_since.is_some()
    }

    /// Returns whether this turn continued after a failed call.
    pub(super) fn has_passed_over(&self) -> bool {
        self.passed_over
    }

    /// Notes that this turn waits for the cluster, which may still be unable to serve an earlier
    /// call.
    pub(super) fn waits(&mut self) {
        self.passed_over |= self.is_failing();
    }

    pub(super) fn begin_turn(&mut self) {
        self.passed_over = false;
    }

    /// Ends a turn.
    pub(super) fn end_turn(&mut self) {
        if !self.passed_over && self.failing_since.take().is_some() {
            tracing::info!(thread = %self.thread, "the cluster serves this thread again");
        }
    }

    /// Continues without a call that the cluster did not serve and that leaves the thread's work
    /// unchanged.
    ///
    /// # Errors
    /// Errors that no later call mends, and any error that has lasted longer than
    /// `task.timeout.ms`.
    pub(super) fn pass_over<T: Default>(&mut self, called: Result<T>, now_ms: i64) -> Result<T> {
        match called {
            Err(error) if is_transient(&error) => {
                if !self.bears(&error, now_ms) {
                    return Err(error);
                }
                self.passed_over = true;
                Ok(T::default())
            }
            other => other,
        }
    }

    /// Returns whether the outage has not lasted too long yet. Logs once that there is one.
    pub(super) fn bears(&mut self, error: &Error, now_ms: i64) -> bool {
        if self.failing_since.is_none() {
            tracing::warn!(thread = %self.thread, "the cluster does not serve this thread, trying again: {error}");
        }
        let since = *self.failing_since.get_or_insert(now_ms);
        now_ms - since <= self.timeout_ms
    }

    /// The error when it has lasted too long.
    pub(super) fn exhausted(&self, error: Error, now_ms: i64) -> Error {
        let since = self.failing_since.unwrap_or(now_ms);
        let text = format!("no progress for longer than task.timeout.ms ({})", Span(since, now_ms));
        error.in_context(text)
    }
}
