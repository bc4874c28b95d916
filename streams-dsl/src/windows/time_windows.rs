//! Windows of a fixed size.

use std::{iter::successors, time::Duration};

use streams_core::{Result, time::duration_ms};

use super::{
    Window,
    spans::{check_spans, mistake},
};
use crate::options::EmitStrategy;

/// Windows of one size that begin every `advance`, at multiples of it: tumbling if the advance is
/// the size, hopping if it is less. Java's `TimeWindows`.
///
/// A window takes records until stream time reaches its end plus the grace period. A mistake, such
/// as a size of zero, is reported where the topology is built ([`check`](Self::check)).
///
/// ```
/// use std::time::Duration;
/// use streams_dsl::TimeWindows;
///
/// let hopping = TimeWindows::of_size_and_grace(Duration::from_secs(10), Duration::from_secs(5))
///     .advance_by(Duration::from_secs(4));
/// let starts: Vec<i64> = hopping.windows_for(13_000).map(|window| window.start).collect();
/// assert_eq!(starts, [4_000, 8_000, 12_000]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimeWindows {
    size: Duration,
    advance: Duration,
    grace: Duration,
    emit: EmitStrategy,
}

impl TimeWindows {
    /// Tumbling windows that take no record once stream time has reached their end. Java's
    /// `ofSizeWithNoGrace`.
    pub const fn of_size_with_no_grace(size: Duration) -> Self {
        Self::of_size_and_grace(size, Duration::ZERO)
    }

    /// Tumbling windows that take records for `grace` after their end. Java's `ofSizeAndGrace`.
    pub const fn of_size_and_grace(size: Duration, grace: Duration) -> Self {
        Self { size, advance: size, grace, emit: EmitStrategy::on_window_update() }
    }

    /// Hopping windows: one begins every `advance`, so that they overlap where it is less than the
    /// size.
    #[must_use]
    pub const fn advance_by(self, advance: Duration) -> Self {
        Self { advance, ..self }
    }

    /// Length of a window.
    pub const fn size(&self) -> Duration {
        self.size
    }

    /// Time from the start of one window to that of the next.
    pub const fn advance(&self) -> Duration {
        self.advance
    }

    /// For how long after its end a window takes records.
    pub const fn grace_period(&self) -> Duration {
        self.grace
    }

    /// The same windows, whose results are emitted at other times.
    pub(crate) const fn emitting(self, emit: EmitStrategy) -> Self {
        Self { emit, ..self }
    }

    /// Strategy by which results are emitted.
    pub(crate) const fn emit(&self) -> EmitStrategy {
        self.emit
    }

    /// Returns whether these windows can be used.
    ///
    /// # Errors
    /// `Topology` if the size is zero, the advance is zero or greater than the size, or a span is
    /// not in whole milliseconds.
    pub fn check(&self) -> Result {
        let spans = [("size", self.size), ("advance", self.advance), ("grace period", self.grace)];
        check_spans("time windows", &spans)?;
        if self.size.is_zero() {
            return Err(mistake("the size of time windows must be greater than zero"));
        }
        if self.advance.is_zero() || self.advance > self.size {
            let (advance, size) = (self.advance, self.size);
            let text = format!(
                "time windows must advance by more than zero and at most their size of {size:?}, \
                 not by {advance:?}"
            );
            return Err(mistake(text));
        }
        Ok(())
    }

    /// The windows that a timestamp, in milliseconds since the epoch, is in, by their starts. No
    /// window starts before the epoch.
    pub fn windows_for(&self, timestamp: i64) -> impl Iterator<Item = Window> + use<> {
        let size = duration_ms(self.size);
        let advance = duration_ms(self.advance).max(1);
        let earliest = timestamp.saturating_sub(size).saturating_add(advance).max(0);
        let first = earliest / advance * advance;
        successors(Some(first), move |start| start.checked_add(advance))
            .take_while(move |start| *start <= timestamp)
            .map(move |start| Window::new(start, start.saturating_add(size)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn windows(windows: TimeWindows, timestamp: i64) -> Vec<(i64, i64)> {
        windows.windows_for(timestamp).map(|window| (window.start, window.end)).collect()
    }

    #[test]
    fn a_timestamp_is_in_one_tumbling_window() {
        let tumbling = TimeWindows::of_size_with_no_grace(ms(12));
        assert_eq!(windows(tumbling, 0), [(0, 12)]);
        assert_eq!(windows(tumbling, 11), [(0, 12)]);
        assert_eq!(windows(tumbling, 12), [(12, 24)]);
        assert_eq!(windows(tumbling, 21), [(12, 24)]);
    }

    /// The cases of Java's `TimeWindowsTest`.
    #[test]
    fn a_timestamp_is_in_every_hopping_window_that_covers_it() {
        let hopping = TimeWindows::of_size_with_no_grace(ms(12)).advance_by(ms(5));
        assert_eq!(windows(hopping, 21), [(10, 22), (15, 27), (20, 32)]);
        let barely = TimeWindows::of_size_with_no_grace(ms(6)).advance_by(ms(5));
        assert_eq!(windows(barely, 7), [(5, 11)]);
        assert_eq!(windows(barely, 10), [(5, 11), (10, 16)]);
    }

    #[test]
    fn no_window_starts_before_the_epoch() {
        let hopping = TimeWindows::of_size_with_no_grace(ms(12)).advance_by(ms(5));
        assert_eq!(windows(hopping, 0), [(0, 12)]);
        assert_eq!(windows(hopping, 6), [(0, 12), (5, 17)]);
    }

    #[test]
    fn the_end_of_time_does_not_overflow() {
        let tumbling = TimeWindows::of_size_with_no_grace(ms(12));
        assert_eq!(tumbling.windows_for(i64::MAX).map(|window| window.end).last(), Some(i64::MAX));
        assert_eq!(TimeWindows::of_size_with_no_grace(ms(0)).windows_for(3).count(), 0);
    }

    #[test]
    fn a_mistake_says_what_is_wrong() {
        let text = |windows: TimeWindows| windows.check().unwrap_err().to_string();
        let tumbling = TimeWindows::of_size_with_no_grace(ms(10));
        assert!(tumbling.check().is_ok());
        assert!(tumbling.advance_by(ms(10)).check().is_ok());
        assert!(text(TimeWindows::of_size_with_no_grace(ms(0))).contains("size"));
        assert!(text(tumbling.advance_by(ms(0))).contains("more than zero"));
        assert!(
            text(tumbling.advance_by(ms(11))).contains("at most their size of 10ms, not by 11ms")
        );
        let grace = Duration::from_micros(1_500);
        assert!(text(TimeWindows::of_size_and_grace(ms(10), grace)).contains("grace period"));
        assert!(text(TimeWindows::of_size_with_no_grace(Duration::MAX)).contains("size"));
    }
}
