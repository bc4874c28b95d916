//! Retries before a record is given up.

use std::time::Duration;

use super::{ErrorContext, HandlerResponse, ProcessingExceptionHandler};
use crate::Error;

/// The longest pause before another attempt, unless the first pause is longer.
const BACK_OFF_MAX: Duration = Duration::from_secs(30);

/// The number of retries of an operation that failed, and the pauses before them: the first pause
/// is given, each further one is twice as long, up to 30 seconds.
///
/// For a processing exception handler: [`then`](Self::then) names the handler that decides in the
/// end. Async operators of the DSL take one, too.
///
/// ```
/// use std::time::Duration;
/// use streams_core::handler::{LogAndContinue, Retry};
///
/// let retry = Retry::new(3, Duration::from_millis(100));
/// assert_eq!(retry.pause_after(2), Some(Duration::from_millis(200)));
/// assert_eq!(retry.pause_after(4), None);
/// let handler = retry.then(LogAndContinue::with_dead_letters("orders-failed"));
/// # let _ = handler;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    times: u32,
    back_off: Duration,
}

impl Retry {
    /// Retries up to `times` times, first after `back_off`.
    #[must_use]
    pub const fn new(times: u32, back_off: Duration) -> Self {
        Self { times, back_off }
    }

    /// Never retries.
    #[must_use]
    pub const fn never() -> Self {
        Self::new(0, Duration::ZERO)
    }

    /// Greatest number of retries.
    #[must_use]
    pub const fn times(&self) -> u32 {
        self.times
    }

    /// Pause after an attempt that failed, where the first attempt has number 1; `None` after the
    /// last one.
    #[must_use]
    pub fn pause_after(&self, attempt: u32) -> Option<Duration> {
        if attempt > self.times {
            return None;
        }
        let factor = 2_u32.saturating_pow(attempt.saturating_sub(1));
        Some(self.back_off.saturating_mul(factor).min(BACK_OFF_MAX.max(self.back_off)))
    }

    /// Sum of all pauses.
    #[must_use]
    pub fn pauses(&self) -> Duration {
        // With more attempts the pauses exceed anything that is permitted.
        let pauses = (1..=self.times.min(1_000)).filter_map(|attempt| self.pause_after(attempt));
        pauses.fold(Duration::ZERO, Duration::saturating_add)
    }

    /// Creates a processing exception handler that retries the record, and asks `handler` once the
    /// retries are used up or none is possible.
    #[must_use]
    pub const fn then<H>(self, handler: H) -> RetryThen<H> {
        RetryThen { retry: self, handler }
    }
}

/// Processes a record again after pauses, and asks another handler after the last failure. Made by
/// [`Retry::then`].
///
/// A failed attempt is undone before the next one: its writes to stores and topics, dead letters,
/// counts and punctuations. State and topics therefore show the effects of one attempt only, the
/// last one. Not undone are effects of user code elsewhere: calls of other services, fields of the
/// program's own processors (see [`Processor::undo`](crate::processor::Processor::undo)), lines in
/// logs. The whole record is processed again, starting at its source; attempts are counted per
/// record, whichever node failed.
///
/// Meanwhile the record stays at the head of its task: no other record of the task is processed, so
/// the order is the same as without failures. The stream thread does not wait: it processes other
/// tasks, takes part in its group and commits the work before the record; wall-clock punctuations
/// continue. A task that is closed or handed over leaves the record unprocessed and its offset
/// uncommitted: the next owner begins with its first attempt.
///
/// If an attempt can't be undone, `handler` is asked at once ([`ErrorContext::can_retry`]): in
/// punctuations, for changes that a cache or a buffer of records held back and forwards at a
/// commit, for results of async operators, which retry by themselves, and for a record that already
/// reached a [`CustomStore`](crate::store::CustomStore).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryThen<H> {
    retry: Retry,
    handler: H,
}

impl<H: ProcessingExceptionHandler> ProcessingExceptionHandler for RetryThen<H> {
    fn handle(&self, context: &ErrorContext<'_>, error: &Error) -> HandlerResponse {
        let pause = self.retry.pause_after(context.attempt).filter(|_| context.can_retry);
        let Some(pause) = pause else { return self.handler.handle(context, error) };
        let (task, node, attempt) = (context.task, context.node, context.attempt);
        tracing::warn!(%task, node, attempt, "tries a record again in {pause:?}: {error}");
        HandlerResponse::retry(pause)
    }

    fn may_retry(&self) -> bool {
        self.retry.times > 0 || self.handler.may_retry()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let retry = Retry::new(12, Duration::from_millis(100));
        let pause = |attempt| retry.pause_after(attempt).map(|pause| pause.as_millis());
        let pauses = [1, 2, 3, 9, 10, 12, 13].map(pause);
        assert_eq!(
            pauses,
            [Some(100), Some(200), Some(400), Some(25_600), Some(30_000), Some(30_000), None]
        );
        assert_eq!(Retry::new(3, Duration::from_millis(100)).pauses(), Duration::from_millis(700));
        let long = Retry::new(2, Duration::from_secs(60));
        assert_eq!(long.pause_after(2), Some(Duration::from_secs(60)));
        assert_eq!(Retry::never().pause_after(1), None);
    }
}
