//! Figures of a client: its connections, and the records that wait in it.
//!
//! They are counted once per request or batch, never per record.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Length of the intervals over which durations are summed up.
const INTERVAL: Duration = Duration::from_secs(10);

/// Figures of a client. Totals begin when it is created; requests that set up a connection are not
/// among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Open connections.
    pub connections: u64,
    /// Requests sent.
    pub requests: u64,
    /// Bytes of requests.
    pub bytes_out: u64,
    /// Bytes of answers.
    pub bytes_in: u64,
    /// Batches sent again, or fetches that failed and are sent again.
    pub retries: u64,
    /// Requests without an answer in time.
    pub timeouts: u64,
    /// Times from requests to their answers, lately: those of fetches contain the time for which
    /// the broker waited for records.
    pub latency: Spread,
    /// Times for which brokers throttled the client, lately: one for each fetch or batch of records
    /// that was answered.
    pub throttle: Spread,
    /// Records that were fetched and not yet taken, or are not yet written.
    pub queued_records: u64,
    /// Bytes of these records.
    pub queued_bytes: u64,
}

/// Some durations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    count: u32,
    sum: Duration,
    max: Duration,
}

impl Spread {
    /// Their mean; `None` if there are none.
    pub fn mean(&self) -> Option<Duration> {
        self.sum.checked_div(self.count)
    }

    /// The longest one; `None` if there are none.
    pub fn max(&self) -> Option<Duration> {
        (self.count > 0).then_some(self.max)
    }

    fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        self.max = self.max.max(other.max);
    }
}

/// Counts what a client does. Its clones, and its consumer or producer, share one.
#[derive(Debug, Default)]
pub struct Meter(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Without the durations.
    totals: Statistics,
    latencies: Recent,
    throttles: Recent,
}

impl Meter {
    /// The figures now.
    pub fn statistics(&self) -> Statistics {
        let (mut state, now) = (self.0.lock(), Instant::now());
        let (latency, throttle) = (state.latencies.spread(now), state.throttles.spread(now));
        Statistics { latency, throttle, ..state.totals }
    }

    pub(crate) fn connected(&self) {
        self.0.lock().totals.connections += 1;
    }

    pub(crate) fn disconnected(&self) {
        let totals = &mut self.0.lock().totals;
        totals.connections = totals.connections.saturating_sub(1);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        let totals = &mut self.0.lock().totals;
        totals.requests += 1;
        totals.bytes_out = totals.bytes_out.saturating_add(wide(bytes));
    }

    pub(crate) fn answered(&self, bytes: usize, latency: Duration) {
        let mut state = self.0.lock();
        state.totals.bytes_in = state.totals.bytes_in.saturating_add(wide(bytes));
        state.latencies.add(latency, Instant::now());
    }

    pub(crate) fn timed_out(&self) {
        self.0.lock().totals.timeouts += 1;
    }

    pub(crate) fn retried(&self) {
        self.0.lock().totals.retries += 1;
    }

    pub(crate) fn throttled(&self, time: Duration) {
        self.0.lock().throttles.add(time, Instant::now());
    }

    pub(crate) fn queued(&self, records: usize, bytes: usize) {
        let totals = &mut self.0.lock().totals;
        totals.queued_records = totals.queued_records.saturating_add(wide(records));
        totals.queued_bytes = totals.queued_bytes.saturating_add(wide(bytes));
    }

    pub(crate) fn unqueued(&self, records: usize, bytes: usize) {
        let totals = &mut self.0.lock().totals;
        totals.queued_records = totals.queued_records.saturating_sub(wide(records));
        totals.queued_bytes = totals.queued_bytes.saturating_sub(wide(bytes));
    }
}

/// Durations of the current interval and of the one before it.
#[derive(Debug, Default)]
struct Recent {
    /// Beginning of the current interval; `None` before the first duration.
    since: Option<Instant>,
    current: Spread,
    before: Spread,
}

impl Recent {
    fn add(&mut self, duration: Duration, now: Instant) {
        self.pass(now);
        self.since.get_or_insert(now);
        self.current.add(Spread { count: 1, sum: duration, max: duration });
    }

    /// The durations of the last one to two intervals.
    fn spread(&mut self, now: Instant) -> Spread {
        self.pass(now);
        let mut spread = self.before;
        spread.add(self.current);
        spread
    }

    /// Drops what is too old.
    fn pass(&mut self, now: Instant) {
        let Some(since) = self.since else { return };
        let passed = now.saturating_duration_since(since);
        if passed >= INTERVAL * 2 {
            *self = Self::default();
        } else if passed >= INTERVAL {
            self.before = std::mem::take(&mut self.current);
            self.since = Some(since + INTERVAL);
        }
    }
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[tokio::test(start_paused = true)]
    async fn durations_are_those_of_the_last_one_to_two_intervals() {
        let meter = Meter::default();
        let latency = || {
            let latency = meter.statistics().latency;
            (latency.mean(), latency.max())
        };
        assert_eq!(latency(), (None, None));
        meter.answered(10, ms(10));
        meter.answered(10, ms(30));
        assert_eq!(latency(), (Some(ms(20)), Some(ms(30))));
        advance(INTERVAL).await;
        meter.answered(10, ms(80));
        assert_eq!(latency(), (Some(ms(40)), Some(ms(80))));
        advance(INTERVAL).await;
        assert_eq!(latency(), (Some(ms(80)), Some(ms(80))));
        advance(INTERVAL).await;
        assert_eq!(latency(), (None, None));
        assert_eq!(meter.statistics().bytes_in, 30);
    }

    #[tokio::test]
    async fn what_waits_is_counted_until_it_is_gone() {
        let meter = Meter::default();
        meter.queued(3, 300);
        meter.queued(1, 50);
        meter.unqueued(3, 300);
        let Statistics { queued_records, queued_bytes, .. } = meter.statistics();
        assert_eq!((queued_records, queued_bytes), (1, 50));
    }
}
