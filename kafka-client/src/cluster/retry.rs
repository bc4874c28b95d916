//! Operations that are retried until they succeed, are refused, or their time is over.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tracing::debug;

use super::Client;
use crate::{Error, ErrorKind, Result};

/// Number of tries for something that does not exist: a topic is known to all brokers only some
/// time after its creation.
const NOT_FOUND_TRIES: u32 = 4;

/// First pause before the retry of a request that is refused only briefly.
const SOON: Duration = Duration::from_millis(2);

impl Client {
    /// Repeats `attempt`, which must be safe to repeat, for up to the settings' `api_timeout`.
    /// Leaders and controller are looked up again each time.
    ///
    /// # Errors
    /// The error of the last attempt; `Timeout` if the time ended during one.
    pub(crate) async fn retrying<T, F: Future<Output = Result<T>>>(
        &self,
        what: &str,
        attempt: impl FnMut() -> F,
    ) -> Result<T> {
        self.retrying_after(self.config().retry_backoff, what, attempt).await
    }

    /// Like [`retrying`](Self::retrying), with shorter pauses at first: for requests that a broker
    /// refuses while it is finishing something else, such as the end of a transaction.
    pub(crate) async fn retrying_soon<T, F: Future<Output = Result<T>>>(
        &self,
        what: &str,
        attempt: impl FnMut() -> F,
    ) -> Result<T> {
        self.retrying_after(SOON.min(self.config().retry_backoff), what, attempt).await
    }

    async fn retrying_after<T, F: Future<Output = Result<T>>>(
        &self,
        first_pause: Duration,
        what: &str,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T> {
        let limit = self.config().api_timeout();
        let deadline = Instant::now() + limit;
        let mut tries = 0;
        let mut last_error = None;
        loop {
            let Ok(outcome) = timeout_at(deadline, attempt()).await else {
                return Err(out_of_time(what, limit, last_error));
            };
            let error = match outcome {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            tries += 1;
            let factor = 1_u32 << (tries - 1).min(16);
            let pause = first_pause.saturating_mul(factor).min(self.config().retry_backoff_max);
            if !may_pass(&error, tries) || Instant::now() + pause >= deadline {
                return Err(error);
            }
            debug!(what, %error, tries, "again after a pause");
            self.forget_leaders();
            last_error = Some(error);
            sleep(pause).await;
        }
    }
}

/// Returns whether another try may succeed.
pub(crate) fn may_pass(error: &Error, tries: u32) -> bool {
    match error.kind() {
        // While a group rebalances or a transaction is open the caller must act or decide.
        ErrorKind::Retriable => !matches!(error.code(), Some(27 | 88)),
        ErrorKind::Connection | ErrorKind::Timeout => true,
        ErrorKind::NotFound => error.code() == Some(3) && tries < NOT_FOUND_TRIES,
        _ => false,
    }
}

fn out_of_time(what: &str, limit: Duration, last_error: Option<Error>) -> Error {
    let context = format!("{what}: not done within {limit:?}");
    match last_error {
        Some(error) => Error::with_source(ErrorKind::Timeout, context, error),
        None => Error::new(ErrorKind::Timeout, context),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::ClientConfig;

    /// The result, and the number of tries, of an operation that always fails with this error.
    async fn failing_with(error: Error) -> (Error, u32) {
        let client = Client::new(ClientConfig::new(["localhost:1"]));
        let tries = Cell::new(0);
        let outcome = client.retrying("trying", || {
            tries.set(tries.get() + 1);
            std::future::ready(Err::<(), _>(error.clone()))
        });
        (outcome.await.unwrap_err(), tries.get())
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_tried_until_the_time_is_over() {
        let started = Instant::now();
        let (error, tries) = failing_with(Error::from_code(6, "fetching", None)).await;
        assert_eq!(error.code(), Some(6));
        assert!(tries > 50, "{tries}");
        assert!(started.elapsed() <= Duration::from_secs(60));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_not_tried_again() {
        for code in [22, 29, 40, 27, 88, 69] {
            assert_eq!(failing_with(Error::from_code(code, "trying", None)).await.1, 1, "{code}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_topic_is_looked_for_a_few_times() {
        assert_eq!(failing_with(Error::from_code(3, "t-0", None)).await.1, NOT_FOUND_TRIES);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_hangs_ends_with_the_time() {
        let client = Client::new(ClientConfig::new(["localhost:1"]));
        let error = client.retrying("creating", std::future::pending::<Result>).await.unwrap_err();
        assert_eq!(error.to_string(), "creating: not done within 60s");
        assert_eq!(error.kind(), ErrorKind::Timeout);
    }
}
