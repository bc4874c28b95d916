//! Counts that a task keeps of its records.
//!
//! They are plain numbers, since they change with each record. The thread takes them from time to
//! time, and adds them to counters that other threads can read.

/// The count, sum and extremes of some measurements, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spread {
    pub(crate) count: u64,
    pub(crate) sum: i64,
    /// The greatest number if there are none.
    pub(crate) min: i64,
    /// The least number if there are none.
    pub(crate) max: i64,
}

impl Default for Spread {
    fn default() -> Self {
        Self { count: 0, sum: 0, min: i64::MAX, max: i64::MIN }
    }
}

impl Spread {
    /// Adds one measurement.
    #[inline]
    pub(crate) fn add(&mut self, value: i64) {
        self.merge(Self { count: 1, sum: value, min: value, max: value });
    }

    /// Adds the measurements of another one.
    #[inline]
    pub(crate) fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

/// Counts since they were last taken.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Number of records that were chosen.
    pub(crate) records: u64,
    /// Time by which each record was behind stream time.
    pub(crate) lateness: Spread,
    /// Time from the timestamp of each record to the end of its processing.
    pub(crate) latency: Spread,
    /// Number of punctuations of both kinds.
    pub(crate) punctuations: u64,
    /// Number of records that handlers sent to a dead letter topic.
    pub(crate) dead_letters: u64,
    /// Timestamps of the records chosen since the last [`through`](Self::through), which ends each
    /// run.
    run: Spread,
}

impl Tally {
    /// Counts a chosen record; `stream_time` is the one before it.
    #[inline]
    pub(crate) fn chosen(&mut self, timestamp: i64, stream_time: i64) {
        self.records += 1;
        self.lateness.add(stream_time.saturating_sub(timestamp).max(0));
        self.run.add(timestamp);
    }

    /// Notes that the chosen records have been processed.
    pub(crate) fn through(&mut self, now_ms: i64) {
        let run = std::mem::take(&mut self.run);
        if run.count == 0 {
            return;
        }
        let count = i64::try_from(run.count).unwrap_or(i64::MAX);
        self.latency.merge(Spread {
            count: run.count,
            sum: now_ms.saturating_mul(count).saturating_sub(run.sum),
            min: now_ms.saturating_sub(run.max),
            max: now_ms.saturating_sub(run.min),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lateness_is_against_stream_time_and_latency_against_the_end_of_the_run() {
        let mut tally = Tally::default();
        tally.chosen(100, -1);
        tally.chosen(70, 100);
        tally.chosen(130, 100);
        assert_eq!(tally.latency, Spread::default(), "they are not through");
        tally.through(150);
        let taken = std::mem::take(&mut tally);
        assert_eq!(taken.records, 3);
        assert_eq!(taken.lateness, Spread { count: 3, sum: 30, min: 0, max: 30 });
        assert_eq!(taken.latency, Spread { count: 3, sum: 50 + 80 + 20, min: 20, max: 80 });
        tally.through(1_000);
        assert_eq!(tally.latency, Spread::default(), "nothing was chosen since");
    }
}
