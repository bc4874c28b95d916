//! How many records a run takes.
//!
//! Between two runs a thread looks at the clock, and at what is due. So a run is short where user code is slow, down to one
//! record, and long enough elsewhere that the look costs nothing. Java adapts its `numIterations` for the same end.

/// The most records of a run: should user code become slow all of a sudden, so many are processed before it shows.
const RECORDS_MAX: usize = 16;

/// What a run may take, in milliseconds.
const RUN_MS: i64 = 4;

/// Adapts the length of runs to the speed of user code.
#[derive(Debug)]
pub(super) struct Pace {
    records: usize,
}

impl Pace {
    /// The first run finds out.
    pub(super) const fn new() -> Self {
        Self { records: 1 }
    }

    /// How many records the next run takes.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    /// A run of so many records took so long.
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
