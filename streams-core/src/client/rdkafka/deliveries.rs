//! Delivery reports, combined into batches.

use super::ffi::Code;
use crate::client::refused::TimeBits;

/// Tag of a record that returns with its report: the partition, by its number at the producer, and
/// the timestamp, which the report of a failure lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag(usize);

impl Tag {
    /// More partitions than any producer has.
    pub(super) const SLOTS: usize = 1 << (usize::BITS - TimeBits::BITS);

    pub(super) fn new(slot: usize, timestamp: i64) -> Self {
        Self((slot << TimeBits::BITS) | TimeBits::of(timestamp).0)
    }

    pub(super) fn slot(self) -> usize {
        self.0 >> TimeBits::BITS
    }

    pub(super) fn time(self) -> TimeBits {
        TimeBits(self.0 & ((1 << TimeBits::BITS) - 1))
    }

    pub(super) fn from_word(word: usize) -> Self {
        Self(word)
    }

    pub(super) fn to_word(self) -> usize {
        self.0
    }
}

/// Consecutive records of one partition with the same result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Number of the partition at its producer.
    pub(super) slot: usize,
    /// Number of records.
    pub(super) records: usize,
    /// The first one's offset, or the reason why they were not written.
    pub(super) result: Result<i64, Code>,
}

/// Reports in order of arrival. Those of a partition arrive in the order of its records.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    runs: Vec<Run>,
    /// Index of each slot's last run.
    last: Vec<Option<usize>>,
}

impl Deliveries {
    /// Adds the report of one record.
    pub(super) fn add(&mut self, slot: usize, outcome: Result<i64, Code>) {
        if self.last.len() <= slot {
            self.last.resize(slot + 1, None);
        }
        let Some(last) = self.last.get_mut(slot) else { return };
        if let Some(run) = last.and_then(|at| self.runs.get_mut(at))
            && continues(run, outcome)
        {
            run.records += 1;
            return;
        }
        *last = Some(self.runs.len());
        self.runs.push(Run { slot, records: 1, result: outcome });
    }

    pub(super) fn into_runs(self) -> Vec<Run> {
        self.runs
    }
}

fn continues(run: &Run, outcome: Result<i64, Code>) -> bool {
    match (run.result, outcome) {
        (Ok(base), Ok(offset)) => usize::try_from(offset - base) == Ok(run.records),
        (Err(before), Err(code)) => before == code,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_both_a_partition_and_a_time() {
        for (slot, timestamp) in [(0, -1), (7, 0), (Tag::SLOTS - 1, i64::MAX), (1, i64::MIN)] {
            let tag = Tag::from_word(Tag::new(slot, timestamp).to_word());
            assert_eq!((tag.slot(), tag.time()), (slot, TimeBits::of(timestamp)));
        }
    }

    #[test]
    fn neighbours_become_one_report_for_each_partition() {
        let mut deliveries = Deliveries::default();
        let refused = Code::new(10);
        for (slot, outcome) in [
            (0, Ok(7)),
            (2, Ok(0)),
            (0, Ok(8)),
            (0, Err(refused)),
            (2, Ok(1)),
            (0, Err(refused)),
            (0, Ok(11)),
        ] {
            deliveries.add(slot, outcome);
        }
        let run = |slot, records, result| Run { slot, records, result };
        assert_eq!(
            deliveries.into_runs(),
            [run(0, 2, Ok(7)), run(2, 2, Ok(0)), run(0, 2, Err(refused)), run(0, 1, Ok(11))]
        );
    }
}
