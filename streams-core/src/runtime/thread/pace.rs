//! The number of records per run.
//!
//! Between two runs a thread checks the clock and the due work. So a run is short if user code is
//! slow, down to one record, and otherwise long enough that the check costs nothing. Java adapts
//! its `numIterations` for the same purpose.

/// Limit on the records of a run: if user code suddenly becomes slow, this many are processed
/// before it shows.
const RECORDS_MAX: usize = 16;

/// Target duration of a run, in milliseconds.
const RUN_MS: i64 = 4;

/// Adapts the length of runs to the speed of user code.
#[derive(Debug)]
pub(super) struct Pace {
    records: usize,
}

impl Pace {
    /// Starts with one record, to measure its duration.
    pub(super) const fn new() -> Self {
        Self { records: 1 }
    }

    /// Number of records in the next run.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    /// Notes that a run of `records` records took `elapsed_ms`.
    pub(super) fn took(&mut self, records: usize, elapsed_ms: i64) {
        let most = if elapsed_ms <= RUN_MS {
            self.records * 2
        } else {
            let elapsed_ms = usize::try_from(elapsed_ms).unwrap_or(usize::MAX);
            records * usize::try_from(RUN_MS).unwrap_or(1) / elapsed_ms
        };
        self.records = most.clamp(1, RECORDS_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_grow_while_records_are_fast_and_shrink_at_once_when_they_are_slow() {
        let mut pace = Pace::new();
        for _ in 0..10 {
            pace.took(pace.records(), 0);
        }
        assert_eq!(pace.records(), RECORDS_MAX);
        pace.took(RECORDS_MAX, 32);
        assert_eq!(pace.records(), 2, "2 ms for each record");
        pace.took(2, 10_000);
        assert_eq!(pace.records(), 1);
        pace.took(1, i64::MAX);
        assert_eq!(pace.records(), 1);
        pace.took(1, 1);
        assert_eq!(pace.records(), 2);
    }
}
