//! How much a crash would lose.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::WriteBatch;

/// Counts what was written since the last flush.
///
/// Records of a changelog count by its offset: many of them may have come to a few rows, and after a crash each is read
/// again.
#[derive(Debug)]
pub(super) struct Unflushed(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    operations: usize,
    records: i64,
    /// Up to where each changelog is in the stores.
    offsets: BTreeMap<String, i64>,
}

impl Unflushed {
    /// Nothing, in a database whose changelogs are in it up to these offsets.
    pub(super) fn none(offsets: impl IntoIterator<Item = (String, i64)>) -> Self {
        let offsets = offsets.into_iter().collect();
        Self(Mutex::new(Counts { operations: 0, records: 0, offsets }))
    }

    /// Counts what is written, and says how much there is by now: operations or records, whichever is more.
    pub(super) fn add(&self, batch: &WriteBatch) -> u64 {
        let counts = &mut *self.0.lock();
        counts.operations += batch.len();
        for (changelog, offset) in batch.offsets() {
            let before =
                counts.offsets.get_mut(changelog).map(|known| std::mem::replace(known, offset));
            if before.is_none() {
                counts.offsets.insert(changelog.to_owned(), offset);
            }
            let records = offset.saturating_sub(before.unwrap_or(0)).max(0);
            counts.records = counts.records.saturating_add(records);
        }
        let operations = u64::try_from(counts.operations).unwrap_or(u64::MAX);
        operations.max(u64::try_from(counts.records).unwrap_or(0))
    }

    /// Begins again, for all is being flushed.
    pub(super) fn clear(&self) {
        let counts = &mut *self.0.lock();
        (counts.operations, counts.records) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreId;

    fn batch(rows: u8, offsets: &[(&str, i64)]) -> WriteBatch {
        let mut batch = WriteBatch::new();
        for row in 0..rows {
            batch.put(StoreId(0), &[row], b"v");
        }
        for (changelog, offset) in offsets {
            batch.set_offset(changelog, *offset);
        }
        batch
    }

    #[test]
    fn records_count_by_the_offsets_of_all_changelogs() {
        let unflushed = Unflushed::none([("a".to_owned(), 1_000)]);
        assert_eq!(unflushed.add(&batch(1, &[("a", 1_400)])), 400);
        assert_eq!(unflushed.add(&batch(1, &[("a", 1_500), ("b", 20)])), 520);
        // A changelog that was deleted and made again starts over.
        assert_eq!(unflushed.add(&batch(1, &[("a", 10)])), 520);
        unflushed.clear();
        assert_eq!(unflushed.add(&batch(1, &[("a", 15)])), 5);
    }

    #[test]
    fn a_mark_is_no_number_of_records() {
        let unflushed = Unflushed::none([]);
        let mut batch = batch(1, &[("a", 100)]);
        batch.set_mark("store/stream-time", 1_704_067_200_000);
        assert_eq!(unflushed.add(&batch), 100);
    }

    #[test]
    fn operations_count_where_they_are_more() {
        let unflushed = Unflushed::none([]);
        assert_eq!(unflushed.add(&batch(200, &[("a", 1)])), 201);
        assert_eq!(unflushed.add(&batch(100, &[])), 301);
    }
}
