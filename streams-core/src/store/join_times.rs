//! Time as both sides of a stream join see it.

/// Time as known to the sides of a left or outer stream join in one task: Java's `TimeTracker`.
///
/// It starts again with each task: records that were kept before a restart are released with the
/// first record after it that may look.
#[derive(Clone, Copy, Debug)]
pub struct JoinTimes {
    stream_time: i64,
    earliest: Option<i64>,
    next_look_ms: i64,
}

impl Default for JoinTimes {
    fn default() -> Self {
        Self { stream_time: -1, earliest: None, next_look_ms: 0 }
    }
}

impl JoinTimes {
    /// The greatest timestamp of both sides, in milliseconds since the epoch; -1 before the first
    /// record.
    pub const fn stream_time(&self) -> i64 {
        self.stream_time
    }

    /// Takes the timestamp of a record of either side, and returns the stream time.
    pub fn advance(&mut self, timestamp: i64) -> i64 {
        self.stream_time = self.stream_time.max(timestamp);
        self.stream_time
    }

    /// The least timestamp that a kept, unmatched record may have; `None` if unknown, as after a
    /// restart.
    pub const fn earliest(&self) -> Option<i64> {
        self.earliest
    }

    /// Notes that a record with this timestamp was kept.
    pub fn kept(&mut self, timestamp: i64) {
        self.earliest = Some(self.earliest.map_or(timestamp, |earliest| earliest.min(timestamp)));
    }

    /// Returns whether it is time to search for records whose windows have closed, which is done
    /// every `interval_ms` at most; if so, the earliest timestamp is unknown until
    /// [`looked_up_to`](Self::looked_up_to).
    pub fn may_look(&mut self, now_ms: i64, interval_ms: i64) -> bool {
        let may = now_ms >= self.next_look_ms;
        if may {
            self.next_look_ms = now_ms.saturating_add(interval_ms);
            self.earliest = None;
        }
        may
    }

    /// Notes that a search of the kept records ended at this timestamp.
    pub const fn looked_up_to(&mut self, timestamp: i64) {
        self.earliest = Some(timestamp);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_taken_once_in_an_interval_of_the_wall_clock() {
        let mut times = JoinTimes::default();
        assert!(times.may_look(5, 1_000));
        assert!(!times.may_look(1_004, 1_000));
        assert!(times.may_look(1_005, 1_000));
    }

    #[test]
    fn the_earliest_is_unknown_at_first_and_behind_a_look_that_found_nothing() {
        let mut times = JoinTimes::default();
        assert_eq!(times.earliest(), None);
        times.kept(7);
        times.kept(9);
        assert_eq!(times.earliest(), Some(7));
        assert!(times.may_look(0, 0));
        assert_eq!(times.earliest(), None);
        times.looked_up_to(8);
        times.kept(9);
        assert_eq!(times.earliest(), Some(8));
    }

    #[test]
    fn stream_time_is_the_greatest_timestamp() {
        let mut times = JoinTimes::default();
        assert_eq!(times.stream_time(), -1);
        assert_eq!([times.advance(5), times.advance(3), times.stream_time()], [5, 5, 5]);
    }
}
