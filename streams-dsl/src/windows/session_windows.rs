//! Sessions: windows that last as long as records keep coming.

use std::time::Duration;

use streams_core::Result;

use super::spans::{check_spans, mistake};
use crate::options::EmitStrategy;

/// Sessions: the records of a key of which each comes within the gap of another one are together.
/// Java's `SessionWindows`.
///
/// A session is the time from its first record to its last, both included; its
/// [`Window`](super::Window) ends at the last one, not behind it. A record that comes within the
/// gap of two sessions makes them one. A session takes records until stream time has passed its end
/// by more than the gap and the grace period. A mistake, such as a gap of zero, is reported where
/// the topology is built ([`check`](Self::check)).
///
/// ```
/// use std::time::Duration;
/// use streams_dsl::SessionWindows;
///
/// let visits = SessionWindows::of_inactivity_gap_and_grace(Duration::from_secs(1_800), Duration::from_secs(60));
/// assert_eq!(visits.inactivity_gap(), Duration::from_secs(1_800));
/// assert!(visits.check().is_ok());
/// assert!(SessionWindows::of_inactivity_gap_with_no_grace(Duration::ZERO).check().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionWindows {
    gap: Duration,
    grace: Duration,
    emit: EmitStrategy,
}

impl SessionWindows {
    /// Sessions that end after a gap, and take no record that is late.
    pub const fn of_inactivity_gap_with_no_grace(gap: Duration) -> Self {
        Self::of_inactivity_gap_and_grace(gap, Duration::ZERO)
    }

    /// Sessions that end after a gap, and take late records for `grace` behind that.
    pub const fn of_inactivity_gap_and_grace(gap: Duration, grace: Duration) -> Self {
        Self { gap, grace, emit: EmitStrategy::on_window_update() }
    }

    /// The longest time between two records that follow each other in a session.
    pub const fn inactivity_gap(&self) -> Duration {
        self.gap
    }

    /// For how long after the gap a session takes records.
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

    /// Returns whether these sessions can be used.
    ///
    /// # Errors
    /// `Topology` if the gap is zero, or a span is not in whole milliseconds.
    pub fn check(&self) -> Result {
        check_spans("sessions", &[("gap", self.gap), ("grace period", self.grace)])?;
        if self.gap.is_zero() {
            return Err(mistake("the gap between sessions must be greater than zero"));
        }
        Ok(())
    }
}
