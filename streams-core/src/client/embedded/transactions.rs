//! Transactional ids and their producers.
//!
//! Invariant: of all producers that registered a transactional id only the last may write; the id's
//! epoch tells them apart. A transaction begins with its first record or offset; the coordinator
//! only decides what ends, and the cluster's state tells the logs and groups that took part.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Error, ErrorKind, Result, TopicPartition,
    planted::{PlantedBug, is_planted},
};

/// A producer, for the time during which it holds its transactional id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProducerIdentity {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// A transaction that has ended, and the logs and groups that must learn of it.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) producer: ProducerIdentity,
    pub(super) committed: bool,
    pub(super) partitions: BTreeSet<TopicPartition>,
    pub(super) groups: BTreeSet<String>,
}

#[derive(Debug)]
struct TransactionalId {
    producer: ProducerIdentity,
    open: Option<OpenTransaction>,
    /// Number of the last transaction that ended, and whether it was committed, so that a repeated
    /// request, whose first reply was lost, gets the same answer.
    last: Option<(u64, bool)>,
}

#[derive(Debug)]
struct OpenTransaction {
    began_ms: i64,
    partitions: BTreeSet<TopicPartition>,
    groups: BTreeSet<String>,
}

/// All transactional ids of the cluster.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    ids: BTreeMap<String, TransactionalId>,
    next_producer_id: i64,
}

impl Transactions {
    /// Assigns the transactional id to a new producer. An open transaction of the previous one is
    /// aborted.
    pub(super) fn init(&mut self, id: &str) -> (ProducerIdentity, Option<Ended>) {
        let Some(held) = self.ids.get_mut(id) else {
            let producer = ProducerIdentity { id: self.next_producer_id, epoch: 0 };
            self.next_producer_id += 1;
            let held = TransactionalId { producer, open: None, last: None };
            self.ids.insert(id.to_owned(), held);
            return (producer, None);
        };
        let ended = held.end(0, false);
        held.last = None;
        held.fence(&mut self.next_producer_id);
        (held.producer, ended)
    }

    /// Checks that a producer holds its transactional id.
    pub(super) fn check(&self, id: &str, producer: ProducerIdentity) -> Result {
        match self.ids.get(id) {
            Some(held) if held.producer == producer => Ok(()),
            _ => Err(fenced(id)),
        }
    }

    /// Notes that a partition takes part in the transaction.
    pub(super) fn add_partition(
        &mut self,
        id: &str,
        producer: ProducerIdentity,
        partition: &TopicPartition,
        now_ms: i64,
    ) -> Result {
        let open = self.open(id, producer, now_ms)?;
        if !open.partitions.contains(partition) {
            open.partitions.insert(partition.clone());
        }
        Ok(())
    }

    /// Notes that offsets of a group take part in the transaction.
    pub(super) fn add_group(
        &mut self,
        id: &str,
        producer: ProducerIdentity,
        group: &str,
        now_ms: i64,
    ) -> Result {
        self.open(id, producer, now_ms)?.groups.insert(group.to_owned());
        Ok(())
    }

    fn open(
        &mut self,
        id: &str,
        producer: ProducerIdentity,
        now_ms: i64,
    ) -> Result<&mut OpenTransaction> {
        let held = self.ids.get_mut(id).filter(|held| held.producer == producer);
        let held = held.ok_or_else(|| fenced(id))?;
        Ok(held.open.get_or_insert_with(|| OpenTransaction {
            began_ms: now_ms,
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
        }))
    }

    /// Ends transaction `number` of a producer. If nothing happened in it, or the same end was
    /// requested before, there is nothing left to do, and no error.
    pub(super) fn end(
        &mut self,
        id: &str,
        producer: ProducerIdentity,
        number: u64,
        committed: bool,
    ) -> Result<Option<Ended>> {
        let held = self.ids.get_mut(id).filter(|held| held.producer == producer);
        let held = held.ok_or_else(|| fenced(id))?;
        if held.open.is_some() {
            return Ok(held.end(number, committed));
        }
        if held.last != Some((number, !committed)) {
            return Ok(None);
        }
        let (is, asked) = if committed { ("aborted", "commit") } else { ("committed", "abort") };
        let text = format!("can't {asked}: the transaction of `{id}` is {is} already");
        Err(Error::new(ErrorKind::InvalidState, text))
    }

    /// Aborts the transactions that began before `deadline_ms` and fences their producers.
    pub(super) fn expire(&mut self, deadline_ms: i64) -> Vec<Ended> {
        let mut expired = Vec::new();
        for held in self.ids.values_mut() {
            if held.open.as_ref().is_some_and(|open| open.began_ms < deadline_ms) {
                expired.extend(held.end(0, false));
                if !is_planted(PlantedBug::TransactionOutlivesTimeout) {
                    held.fence(&mut self.next_producer_id);
                }
            }
        }
        expired
    }
}

impl TransactionalId {
    fn end(&mut self, number: u64, committed: bool) -> Option<Ended> {
        let OpenTransaction { partitions, groups, .. } = self.open.take()?;
        self.last = Some((number, committed));
        Some(Ended { producer: self.producer, committed, partitions, groups })
    }

    fn fence(&mut self, next_producer_id: &mut i64) {
        if let Some(epoch) = self.producer.epoch.checked_add(1) {
            self.producer.epoch = epoch;
        } else {
            self.producer = ProducerIdentity { id: *next_producer_id, epoch: 0 };
            *next_producer_id += 1;
        }
    }
}

fn fenced(id: &str) -> Error {
    let text = format!(
        "another producer took over the transactional id `{id}`, or its transaction took too long"
    );
    Error::new(ErrorKind::Fenced, text)
}
