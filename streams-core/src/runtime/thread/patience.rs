//! How long a thread goes on without the cluster.

use std::time::Duration;

use crate::{
    Error, ErrorKind, Result,
    time::{Span, duration_ms},
};

/// Whether the cluster may serve the same call later.
pub(crate) fn is_transient(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout)
}

/// Bears calls that the cluster did not serve, for at most `task.timeout.ms`.
#[derive(Debug)]
pub(super) struct Patience {
    thread: String,
    timeout_ms: i64,
    /// Since when the cluster could not serve what it was asked.
    failing_since: Option<i64>,
    /// Whether this turn went on without a call that failed.
    passed_over: bool,
}

impl Patience {
    pub(super) fn new(thread: &str, timeout: Duration) -> Self {
        let timeout_ms = duration_ms(timeout);
        Self { thread: thread.to_owned(), timeout_ms, failing_since: None, passed_over: false }
    }

    /// Whether the cluster could not serve the last call.
    pub(super) fn is_failing(&self) -> bool {
        self.failing_since.is_some()
    }

    /// Whether this turn went on without a call that failed.
    pub(super) fn has_passed_over(&self) -> bool {
        self.passed_over
    }

    /// This turn waits for the cluster, which may still not serve what it did not serve before.
    pub(super) fn waits(&mut self) {
        self.passed_over |= self.is_failing();
    }

    pub(super) fn begin_turn(&mut self) {
        self.passed_over = false;
    }

    /// A turn came to its end.
    pub(super) fn end_turn(&mut self) {
        if !self.passed_over && self.failing_since.take().is_some() {
            tracing::info!(thread = %self.thread, "the cluster serves this thread again");
        }
    }

    /// Goes on without a call that the cluster did not serve and that leaves the thread's work as it is.
    ///
    /// # Errors
    /// Those that no later call mends, and any when that has lasted longer than `task.timeout.ms`.
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

    /// Whether the cluster has not failed for too long yet. Says once that it does.
    pub(super) fn bears(&mut self, error: &Error, now_ms: i64) -> bool {
        if self.failing_since.is_none() {
            tracing::warn!(thread = %self.thread, "the cluster does not serve this thread, trying again: {error}");
        }
        let since = *self.failing_since.get_or_insert(now_ms);
        now_ms - since <= self.timeout_ms
    }

    /// What to say when it has.
    pub(super) fn exhausted(&self, error: Error, now_ms: i64) -> Error {
        let since = self.failing_since.unwrap_or(now_ms);
        let text = format!("no progress for longer than task.timeout.ms ({})", Span(since, now_ms));
        error.in_context(text)
    }
}
