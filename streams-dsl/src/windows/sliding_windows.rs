//! Windows that end or begin at records.

use std::time::Duration;

use streams_core::Result;

use super::spans::check_spans;
use crate::options::EmitStrategy;

/// Windows of one length, of which there is one for each set of records that lie so close together:
/// all records of a key that are at most the time difference apart are in one window. Java's
/// `SlidingWindows`.
///
/// Each record ends a window, of which it is the last, and each record behind which others come
/// within the difference has a window that begins one millisecond behind it. A window includes both
/// its start and its end. It takes records until stream time has passed its end by more than the
/// grace period. Records without a value are dropped. A mistake is reported where the topology is
/// built ([`check`](Self::check)).
///
/// ```
/// use std::time::Duration;
/// use streams_dsl::SlidingWindows;
///
/// let tens = SlidingWindows::of_time_difference_with_no_grace(Duration::from_secs(10));
/// assert_eq!(tens.time_difference(), Duration::from_secs(10));
/// assert!(tens.check().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SlidingWindows {
    difference: Duration,
    grace: Duration,
    emit: EmitStrategy,
}

impl SlidingWindows {
    /// Windows that take no record once stream time has passed their end. Java's
    /// `ofTimeDifferenceWithNoGrace`.
    pub const fn of_time_difference_with_no_grace(difference: Duration) -> Self {
        Self::of_time_difference_and_grace(difference, Duration::ZERO)
    }

    /// Windows that take records for `grace` after their end. Java's `ofTimeDifferenceAndGrace`.
    pub const fn of_time_difference_and_grace(difference: Duration, grace: Duration) -> Self {
        Self { difference, grace, emit: EmitStrategy::on_window_update() }
    }

    /// The longest time between two records of a window.
    pub const fn time_difference(&self) -> Duration {
        self.difference
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

    /// Returns whether results are emitted when windows close.
    pub(crate) const fn emits_on_close(&self) -> bool {
        self.emit.is_on_close()
    }

    /// Returns whether these windows can be used.
    ///
    /// # Errors
    /// `Topology` if a span is not in whole milliseconds.
    pub fn check(&self) -> Result {
        let spans = [("time difference", self.difference), ("grace period", self.grace)];
        check_spans("sliding windows", &spans)
    }
}
