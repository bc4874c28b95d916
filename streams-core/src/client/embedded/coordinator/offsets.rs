//! Committed offsets of a group, and offsets that wait for a transaction.
//!
//! Invariant: an offset of an open transaction is neither returned nor overlooked: a caller that
//! asks for its partition is told to try again.

use std::collections::BTreeMap;

use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::OffsetAndMetadata,
    planted::{PlantedBug, is_planted},
};

type Offsets = BTreeMap<TopicPartition, OffsetAndMetadata>;

/// The offsets of one group.
#[derive(Debug, Default)]
pub(in super::super) struct GroupOffsets {
    committed: Offsets,
    /// Offsets in open transactions, by producer id.
    pending: BTreeMap<i64, Offsets>,
}

impl GroupOffsets {
    pub(in super::super) fn commit(&mut self, offsets: &[(TopicPartition, OffsetAndMetadata)]) {
        self.committed.extend(offsets.iter().cloned());
    }

    pub(in super::super) fn add_pending(
        &mut self,
        producer_id: i64,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) {
        self.pending.entry(producer_id).or_default().extend(offsets.iter().cloned());
    }

    pub(in super::super) fn end_transaction(&mut self, producer_id: i64, committed: bool) {
        if let Some(offsets) = self.pending.remove(&producer_id).filter(|_| committed) {
            self.committed.extend(offsets);
        }
    }

    /// Drops the committed offsets of a deleted topic.
    pub(in super::super) fn forget_topic(&mut self, topic: &str) {
        self.committed.retain(|partition, _| *partition.topic != *topic);
    }

    /// All committed offsets, regardless of pending ones.
    pub(in super::super) fn committed(&self) -> &Offsets {
        &self.committed
    }

    /// The committed offsets of `partitions`, as far as they exist.
    ///
    /// # Errors
    /// `Unavailable` if a transaction holds one of them back.
    pub(in super::super) fn stable(&self, partitions: &[TopicPartition]) -> Result<Offsets> {
        let mut found = Offsets::new();
        for partition in partitions {
            if self.pending.values().any(|offsets| offsets.contains_key(partition))
                && !is_planted(PlantedBug::OverlookPendingOffsets)
            {
                let text =
                    format!("an open transaction holds the committed offset of {partition} back");
                return Err(Error::new(ErrorKind::Unavailable, text));
            }
            if let Some(offset) = self.committed.get(partition) {
                found.insert(partition.clone(), offset.clone());
            }
        }
        Ok(found)
    }
}
