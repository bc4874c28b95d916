//! Options of the calls that an async operator makes.

use std::time::Duration;

use streams_core::handler::Retry;

/// Options of an async operator: its calls in flight, the order of their results, and the treatment
/// of calls that fail or take too long. Passed to [`with_async`](crate::KStream::with_async), which
/// follows the operator.
///
/// ```
/// use std::time::Duration;
/// use streams_dsl::prelude::*;
///
/// let calls = AsyncOptions::default()
///     .unordered()
///     .in_flight(20)
///     .timeout(Duration::from_millis(500))
///     .retry(3, Duration::from_millis(100));
/// let builder = StreamsBuilder::new();
/// let lines = builder.stream::<String, String>("lines");
/// lines.map_values_async(|line| async move { line.len() as i64 }).with_async(calls).to("lengths");
/// builder.build()?;
/// # Ok::<(), streams_dsl::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsyncOptions {
    pub(crate) order: Order,
    pub(crate) in_flight: usize,
    pub(crate) timeout: Duration,
    pub(crate) retry: Retry,
}

/// Order in which results go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Results of a key in the order of their records.
    ByKey,
    /// All results in the order of their records.
    Records,
    /// As they come.
    Completion,
}

impl Default for AsyncOptions {
    /// The results of a key in order, 100 records in flight, a second for each call, no retries.
    fn default() -> Self {
        Self {
            order: Order::ByKey,
            in_flight: 100,
            timeout: Duration::from_secs(1),
            retry: Retry::never(),
        }
    }
}

impl AsyncOptions {
    /// Forwards results as soon as they arrive, those of one key too.
    #[must_use]
    pub const fn unordered(mut self) -> Self {
        self.order = Order::Completion;
        self
    }

    /// Forwards results in the order of their records, whatever the key: each waits for all before
    /// it.
    #[must_use]
    pub const fn ordered(mut self) -> Self {
        self.order = Order::Records;
        self
    }

    /// At most so many records of a task are in flight, at least one: those whose calls are on
    /// their way, and those whose results wait for others. With so many the task takes no further
    /// records. Where an operator above makes several records of one, as `flat_map` does, those
    /// beyond the number are held too, without a call until it is their turn: as many as come of
    /// one record.
    #[must_use]
    pub fn in_flight(mut self, records: usize) -> Self {
        self.in_flight = records.max(1);
        self
    }

    /// A call that has not ended after this time has failed, and is dropped.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// A call that has failed is made again, so many times at most: after `back_off`, after twice
    /// as long, and so on, up to 30 seconds.
    #[must_use]
    pub const fn retry(mut self, times: u32, back_off: Duration) -> Self {
        self.retry = Retry::new(times, back_off);
        self
    }

    /// The longest time that a record may take, with all attempts.
    pub(crate) fn longest(&self) -> Duration {
        let attempts = self.timeout.saturating_mul(self.retry.times().saturating_add(1));
        attempts.saturating_add(self.retry.pauses())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_takes_all_attempts_and_pauses_at_most() {
        let three = AsyncOptions::default().retry(3, Duration::from_millis(100));
        assert_eq!(three.longest(), Duration::from_millis(4_700));
        assert_eq!(AsyncOptions::default().in_flight(0).in_flight, 1);
    }
}
