//! Windows of joins: spans of time between the records of two streams.

use std::time::Duration;

use streams_core::{Error, ErrorKind, Result, time::duration_ms};

/// Window in which a record joins records of another stream: those of its key from `before` earlier
/// to `after` later, both included. Java's `JoinWindows`.
///
/// A record that comes late is joined with what is still kept: records are kept for the size of the
/// window and the grace period. A left or outer join says that a record was not joined when stream
/// time is past its window and the grace period. A mistake is reported where the topology is built
/// ([`check`](Self::check)).
///
/// ```
/// use std::time::Duration;
/// use streams_dsl::JoinWindows;
///
/// // Payments from ten minutes before an order to an hour after it.
/// let minutes = |count: u64| Duration::from_secs(60 * count);
/// let windows = JoinWindows::of_time_difference_and_grace(minutes(60), minutes(5)).before(minutes(10));
/// assert_eq!(windows.size(), minutes(70));
/// // Only what comes a minute to an hour later.
/// let later = JoinWindows::of_time_difference_with_no_grace(minutes(60)).starting_after(minutes(1));
/// assert_eq!(later.size(), minutes(59));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JoinWindows {
    start: Bound,
    end: Bound,
    grace: Duration,
    idle: Option<Duration>,
}

/// A bound of a window, as seen from a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Bound {
    Earlier(Duration),
    Later(Duration),
}

impl JoinWindows {
    /// From `difference` earlier to `difference` later, without a grace period. Java's
    /// `ofTimeDifferenceWithNoGrace`.
    pub const fn of_time_difference_with_no_grace(difference: Duration) -> Self {
        Self::of_time_difference_and_grace(difference, Duration::ZERO)
    }

    /// From `difference` earlier to `difference` later; records may be late by `grace`. Java's
    /// `ofTimeDifferenceAndGrace`.
    pub const fn of_time_difference_and_grace(difference: Duration, grace: Duration) -> Self {
        Self { start: Bound::Earlier(difference), end: Bound::Later(difference), grace, idle: None }
    }

    /// Closes the windows of a left or outer join also while no record comes: when the partitions
    /// of a task have had none for `idle` of the wall clock, stream time counts as if it had gone
    /// on with the wall clock since the last one, and records that were not joined until their
    /// windows closed come out. Java has nothing like it; without this, they wait for the next
    /// record, however long that takes.
    ///
    /// [`EmitStrategy::with_idle_time`](crate::EmitStrategy::with_idle_time) explains when a task
    /// is idle and what that means for results. A record that comes later and is older than the
    /// time at which records came out so, less the grace period, is late: it could join one of
    /// them. It is dropped and counted. This has no effect on inner joins.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::{config::StreamsConfig, prelude::*, testing::TopologyTestDriver};
    ///
    /// let builder = StreamsBuilder::new();
    /// let minute = Duration::from_secs(60);
    /// let orders = builder.stream::<String, String>("orders");
    /// let payments = builder.stream::<String, String>("payments");
    /// let windows = JoinWindows::of_time_difference_with_no_grace(minute).with_idle_time(minute / 2);
    /// let paid = orders.left_join_stream(&payments, windows, |order, payment| match payment {
    ///     Some(payment) => format!("{order} by {payment}"),
    ///     None => format!("{order} is not paid"),
    /// });
    /// paid.to("paid");
    ///
    /// let config = StreamsConfig::new("app", "unused:9092");
    /// let driver = TopologyTestDriver::new(&builder.build()?, config)?;
    /// let paid = driver.output_topic("paid", string(), string());
    /// driver.input_topic("orders", string(), string()).pipe_input("ann".to_owned(), "tea".to_owned(), 0)?;
    /// driver.advance_wall_clock_time(minute)?;
    /// assert!(paid.is_empty());
    /// driver.advance_wall_clock_time(minute)?;
    /// assert_eq!(paid.read_key_value()?, Some(("ann".to_owned(), "tea is not paid".to_owned())));
    /// # Ok::<(), streams_dsl::Error>(())
    /// ```
    #[must_use]
    pub const fn with_idle_time(self, idle: Duration) -> Self {
        Self { idle: Some(idle), ..self }
    }

    /// For how long a task must be idle for windows to close by that.
    pub(crate) const fn idle_time(&self) -> Option<Duration> {
        self.idle
    }

    /// Begins so much earlier than the record; the end stays. Java's `before`.
    #[must_use]
    pub const fn before(self, earlier: Duration) -> Self {
        Self { start: Bound::Earlier(earlier), ..self }
    }

    /// Ends so much later than the record; the beginning stays. Java's `after`.
    #[must_use]
    pub const fn after(self, later: Duration) -> Self {
        Self { end: Bound::Later(later), ..self }
    }

    /// Begins so much later than the record: nothing earlier joins. Java's `before` with a negative
    /// difference.
    #[must_use]
    pub const fn starting_after(self, later: Duration) -> Self {
        Self { start: Bound::Later(later), ..self }
    }

    /// Ends so much earlier than the record: nothing later joins. Java's `after` with a negative
    /// difference.
    #[must_use]
    pub const fn ending_before(self, earlier: Duration) -> Self {
        Self { end: Bound::Earlier(earlier), ..self }
    }

    /// Time from the beginning of the window to its end; zero if the window ends before it begins.
    pub const fn size(&self) -> Duration {
        match (self.start, self.end) {
            (Bound::Earlier(start), Bound::Later(end)) => start.saturating_add(end),
            (Bound::Later(start), Bound::Later(end)) => end.saturating_sub(start),
            (Bound::Earlier(start), Bound::Earlier(end)) => start.saturating_sub(end),
            (Bound::Later(_), Bound::Earlier(_)) => Duration::ZERO,
        }
    }

    /// For how long after its end a window takes records.
    pub const fn grace_period(&self) -> Duration {
        self.grace
    }

    /// Span by which the window begins before the record, in milliseconds; negative if it begins
    /// after it.
    pub(crate) fn before_ms(&self) -> i64 {
        match self.start {
            Bound::Earlier(span) => duration_ms(span),
            Bound::Later(span) => -duration_ms(span),
        }
    }

    /// Span by which the window ends after the record, in milliseconds; negative if it ends before
    /// it.
    pub(crate) fn after_ms(&self) -> i64 {
        match self.end {
            Bound::Earlier(span) => -duration_ms(span),
            Bound::Later(span) => duration_ms(span),
        }
    }

    /// Returns whether these windows can be used.
    ///
    /// # Errors
    /// `Topology` if a window ends before it begins, or a span is not in whole milliseconds.
    pub fn check(&self) -> Result {
        let (Bound::Earlier(start) | Bound::Later(start)) = self.start;
        let (Bound::Earlier(end) | Bound::Later(end)) = self.end;
        let problem = |text: String| Err(Error::new(ErrorKind::Topology, text));
        for (name, span) in [("beginning", start), ("end", end), ("grace period", self.grace)] {
            if !span.subsec_nanos().is_multiple_of(1_000_000) || duration_ms(span) == i64::MAX {
                let text = format!(
                    "the {name} of join windows must be in whole milliseconds that an i64 can \
                     count, not {span:?}"
                );
                return problem(text);
            }
        }
        let (before, after) = (self.before_ms(), self.after_ms());
        if before.saturating_add(after) < 0 {
            let text = format!(
                "join windows must not end before they begin: they begin {before} ms before the \
                 record and end {after} ms after it"
            );
            return problem(text);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn the_bounds_are_told_apart() {
        let windows = JoinWindows::of_time_difference_and_grace(ms(10), ms(5));
        let bounds = |windows: JoinWindows| {
            (windows.before_ms(), windows.after_ms(), duration_ms(windows.size()))
        };
        assert_eq!(bounds(windows), (10, 10, 20));
        assert_eq!(bounds(windows.before(ms(3))), (3, 10, 13));
        assert_eq!(bounds(windows.after(ms(0))), (10, 0, 10));
        assert_eq!(bounds(windows.starting_after(ms(3))), (-3, 10, 7));
        assert_eq!(bounds(windows.ending_before(ms(4))), (10, -4, 6));
    }

    #[test]
    fn a_window_that_ends_before_it_begins_is_a_mistake() {
        let windows = JoinWindows::of_time_difference_with_no_grace(ms(10));
        let text = |windows: JoinWindows| windows.check().unwrap_err().to_string();
        assert!(windows.check().is_ok() && windows.starting_after(ms(10)).check().is_ok());
        assert!(text(windows.starting_after(ms(11))).contains("must not end before they begin"));
        assert!(text(windows.starting_after(ms(1)).ending_before(ms(1))).contains("-1 ms after"));
        assert!(text(windows.before(Duration::from_micros(1))).contains("whole milliseconds"));
        assert!(text(windows.after(Duration::MAX)).contains("end of join windows"));
    }
}
