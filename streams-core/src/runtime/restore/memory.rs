//! The memory of one restorer, charged to the process's budget.

use state_store::{MemoryBudget, OverlayAccount};

use crate::client::RecordBatch;

/// Upper limit on the buffers of a restorer, however large the budget.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Lower limit, however small the budget.
const BYTES_MIN: usize = 64 * 1024;
/// Number of records per poll.
const POLL_RECORDS: usize = 20_000;
/// Number of records of the first poll, before their size is known.
const POLL_RECORDS_FIRST: usize = 500;
/// Number of records per poll if they are large.
const POLL_RECORDS_MIN: usize = 100;

/// Memory taken by the buffers of all stores of a restorer, and its limit.
///
/// It is charged to the overlays' share of the budget: restored rows wait for their write as an
/// overlay's rows do. All restorers together may take half of the share.
#[derive(Debug)]
pub(super) struct Memory {
    account: OverlayAccount,
    limit: usize,
    poll_records: usize,
}

impl Memory {
    pub(super) fn new(budget: &MemoryBudget, restorers: usize) -> Self {
        let share = budget.overlay_limit() / 2 / restorers.max(1);
        Self {
            account: budget.overlay_account(),
            limit: share.clamp(BYTES_MIN, BYTES_MAX),
            poll_records: POLL_RECORDS_FIRST,
        }
    }

    /// Adds memory that the buffers took.
    pub(super) fn grew(&mut self, bytes: usize) {
        self.account.add(bytes);
    }

    /// Sets the memory that the buffers take.
    pub(super) fn set(&mut self, bytes: usize) {
        let used = self.account.used();
        self.account.add(bytes.saturating_sub(used));
        self.account.sub(used.saturating_sub(bytes));
    }

    /// Returns whether something must be written.
    pub(super) fn is_full(&self) -> bool {
        self.account.used() > self.limit
    }

    /// Returns whether more than half of it is taken.
    pub(super) fn is_half_full(&self) -> bool {
        self.account.used() > self.limit / 2
    }

    /// Learns from a poll how large records are: all of the next one are in memory at once, too.
    pub(super) fn polled(&mut self, batches: &[RecordBatch]) {
        let records: usize = batches.iter().map(RecordBatch::len).sum();
        if records == 0 {
            return;
        }
        let size = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
        let all = batches.iter().flat_map(RecordBatch::iter);
        let bytes: usize = all.map(|record| size(record.key) + size(record.value)).sum();
        let fitting = self.limit / 2 / (bytes / records).max(1);
        // Increases slowly, since the next records may be larger; decreases at once.
        let most = self.poll_records.saturating_mul(4).min(POLL_RECORDS);
        self.poll_records = fitting.clamp(POLL_RECORDS_MIN, most);
    }

    /// Number of records that the next poll asks for.
    pub(super) fn poll_records(&self) -> usize {
        self.poll_records
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{TopicPartition, client::Records};

    fn batch(records: usize, value: usize) -> RecordBatch {
        let mut all = Records::new();
        for _ in 0..records {
            all.push(0, Some(b"k"), Some(&vec![0; value]), []);
        }
        let next = i64::try_from(records).unwrap();
        RecordBatch::new(TopicPartition::new("t", 0), Arc::new(all), 0, 0..records, next)
    }

    #[test]
    fn restorers_share_half_of_what_overlays_may_take() {
        let budget = MemoryBudget::new(10_000_000, 4_000_000);
        let mut memory = Memory::new(&budget, 2);
        memory.grew(900_000);
        assert_eq!((memory.is_full(), memory.is_half_full()), (false, true));
        memory.grew(200_000);
        assert_eq!((memory.is_full(), budget.overlay_used()), (true, 1_100_000));
        memory.set(400_000);
        assert_eq!((memory.is_half_full(), budget.overlay_used()), (false, 400_000));
        drop(memory);
        assert_eq!(budget.overlay_used(), 0);
    }

    #[test]
    fn a_poll_asks_for_fewer_records_if_they_are_large() {
        let mut memory = Memory::new(&MemoryBudget::new(10_000_000, 4_000_000), 1);
        memory.polled(&[batch(100, 9)]);
        assert_eq!(memory.poll_records(), 2_000);
        for _ in 0..5 {
            memory.polled(&[batch(100, 9)]);
        }
        assert_eq!(memory.poll_records(), POLL_RECORDS);
        memory.polled(&[batch(10, 9_999)]);
        assert_eq!(memory.poll_records(), 100);
        memory.polled(&[]);
        assert_eq!(memory.poll_records(), 100);
    }
}
