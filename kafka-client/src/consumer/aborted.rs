//! Filter that leaves out aborted records.

use std::{cmp::Reverse, collections::HashSet};

use crate::Result;
use crate::record_batch::{ControlRecord, RecordBatch};

/// An aborted transaction, identified by its producer and the offset of its first record in the
/// partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AbortedTransaction {
    pub(super) producer_id: i64,
    pub(super) first_offset: i64,
}

/// Separates the batches of aborted transactions in one answer from the others.
///
/// A producer's batches are aborted from the first offset of its transaction to the marker that
/// ends it.
#[derive(Debug, Default)]
pub(super) struct AbortedFilter {
    /// Transactions that begin after the batches seen so far, the next one last.
    coming: Vec<AbortedTransaction>,
    /// Producers whose aborted transaction has begun and not yet ended.
    open: HashSet<i64>,
}

impl AbortedFilter {
    pub(super) fn new(mut aborted: Vec<AbortedTransaction>) -> Self {
        aborted.sort_by_key(|transaction| Reverse(transaction.first_offset));
        Self { coming: aborted, open: HashSet::new() }
    }

    /// Returns whether the records of the next batch count.
    ///
    /// # Errors
    /// `Protocol` if a control batch can't be read.
    pub(super) fn admits(&mut self, batch: &RecordBatch) -> Result<bool> {
        let header = batch.header();
        while let Some(next) = self.coming.pop_if(|next| next.first_offset <= header.last_offset())
        {
            self.open.insert(next.producer_id);
        }
        if header.is_control() {
            if !self.open.is_empty() && is_abort(batch)? {
                self.open.remove(&header.producer_id);
            }
            return Ok(false);
        }
        Ok(!(header.is_transactional() && self.open.contains(&header.producer_id)))
    }
}

/// Returns whether a control batch, which has one record, ends an aborted transaction.
fn is_abort(batch: &RecordBatch) -> Result<bool> {
    let records = batch.records()?;
    let Some(entry) = records.entries().next().transpose()? else { return Ok(false) };
    let key = entry.key.map(|key| records.slice(key)).unwrap_or_default();
    Ok(ControlRecord::from_key(key) == Some(ControlRecord::Abort))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record_batch::{BatchBuilder, BatchSeal, Compression, RecordBatches, RecordHeader};

    const CONTROL: u8 = 1 << 5;

    fn batch(
        offset: i64,
        producer_id: i64,
        is_transactional: bool,
        key: Option<&[u8]>,
    ) -> RecordBatch {
        let mut builder = BatchBuilder::new(Vec::new());
        let none = std::iter::empty::<RecordHeader<'_>>();
        builder.append(0, key, None, none, usize::MAX).unwrap();
        let seal = BatchSeal { producer_id, producer_epoch: 0, base_sequence: 0, is_transactional };
        let mut bytes = builder.seal(&seal, Compression::None, None).unwrap().to_vec();
        bytes[..8].copy_from_slice(&offset.to_be_bytes());
        if key.is_some() {
            bytes[22] |= CONTROL;
        }
        RecordBatches::new(bytes.into()).next().unwrap().unwrap()
    }

    #[test]
    fn a_producer_s_records_are_left_out_from_the_first_of_a_transaction_to_its_marker() {
        let (abort, commit) = (&[0, 0, 0, 0][..], &[0, 0, 0, 1][..]);
        let aborted = [(7, 12), (8, 11), (7, 20)]
            .map(|(producer_id, first_offset)| AbortedTransaction { producer_id, first_offset });
        let mut filter = AbortedFilter::new(aborted.to_vec());
        for (offset, producer, key, admitted) in [
            (10, 7, None, true),
            (11, 8, None, false),
            (12, 7, None, false),
            (13, 9, None, true),
            (14, 9, Some(commit), false),
            (15, 7, Some(abort), false),
            (16, 7, None, true),
            (17, 8, None, false),
            (18, 8, Some(abort), false),
            (20, 7, None, false),
        ] {
            let batch = batch(offset, producer, true, key);
            assert_eq!(filter.admits(&batch).unwrap(), admitted, "{offset}");
        }
        assert!(filter.admits(&batch(21, 7, false, None)).unwrap(), "it is in no transaction");
    }
}
