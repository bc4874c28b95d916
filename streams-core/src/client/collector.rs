//! The output of tasks: a producer, and the records for which it had no room.
//!
//! A full producer does not take a record, but the record that a task is processing has to continue
//! to the end of every branch: half of it can't wait. So records that are appended then wait here,
//! in order and before all later ones, until the producer takes them. The owner, which lends this
//! to tasks, begins nothing that writes while something waits: so no more waits than the output of
//! one record, one punctuation or one step of a commit.
//!
//! While a commit is in transit the owner [holds](Collector::hold) what tasks write: those records
//! wait here too, up to a limit, because they belong to the next transaction.
//!
//! Invariant: records reach the producer in the order in which they were appended, each once.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    Answer, Appended, BatchReport, Flow, PartitionSlot, ProduceRecord, Producer, ProducerId,
    Records, RefusedRecord,
};
use crate::{
    Error, ErrorKind, Headers, Result, TopicPartition,
    planted::{PlantedBug, is_planted},
};

/// Bytes of memory that are kept for the next waiting records.
const KEPT_BYTES: usize = 64 * 1024;

/// Bytes of held records at which nothing may begin that writes.
const HELD_BYTES: usize = 4 << 20;

/// A producer that takes everything, as far as its callers can tell. Java's `RecordCollector`.
#[derive(Debug)]
pub(crate) struct Collector {
    producer: Box<dyn Producer>,
    /// The producer's id, which is compared for each record.
    id: ProducerId,
    waiting: Waiting,
    /// True if records wait for the end of a commit, not for room.
    is_held: bool,
    /// True if held records must not be written before they are released: a transaction is ending.
    is_ending: bool,
    /// Records appended to each slot since they were last taken, with the topic.
    appended: Vec<(Arc<str>, Flow)>,
}

/// Records that wait for room, in order.
#[derive(Debug, Default)]
struct Waiting {
    records: Records,
    slots: Vec<PartitionSlot>,
    /// Number of them that the producer has taken.
    taken: usize,
    headers: Headers,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.taken == self.slots.len()
    }

    fn push(&mut self, slot: PartitionSlot, record: ProduceRecord<'_>) {
        let ProduceRecord { timestamp, key, value, headers } = record;
        self.records.push(timestamp, key, value, headers.iter());
        self.slots.push(slot);
    }

    /// Gives `producer` as many records as it has room for.
    fn drain(&mut self, producer: &mut dyn Producer) -> Result {
        while let Some(slot) = self.slots.get(self.taken) {
            let Some(record) = self.records.get(self.taken, 0) else { break };
            record.read_headers(&mut self.headers);
            let record = ProduceRecord {
                timestamp: record.timestamp,
                key: record.key,
                value: record.value,
                headers: &self.headers,
            };
            if producer.append(*slot, record)? == Appended::Full {
                return Ok(());
            }
            self.taken += 1;
        }
        self.clear();
        Ok(())
    }

    fn clear(&mut self) {
        if self.records.byte_len() > KEPT_BYTES {
            *self = Self::default();
        } else {
            self.records.clear();
            self.slots.clear();
            self.taken = 0;
        }
    }
}

impl Collector {
    pub(crate) fn new(producer: Box<dyn Producer>) -> Self {
        let id = producer.id();
        Self {
            producer,
            id,
            waiting: Waiting::default(),
            is_held: false,
            is_ending: false,
            appended: Vec::new(),
        }
    }

    /// Like [`Producer::partitions`].
    pub(crate) fn partitions(&mut self, topic: &str) -> Result<i32> {
        self.producer.partitions(topic)
    }

    /// Like [`Producer::slot`].
    pub(crate) fn slot(&mut self, to: &TopicPartition) -> Result<PartitionSlot> {
        let slot = self.producer.slot(to)?;
        // Slots are numbered in the order in which they are made.
        if slot.index() >= self.appended.len() {
            let entry = (to.topic.clone(), Flow::default());
            self.appended.resize(slot.index() + 1, entry);
        }
        Ok(slot)
    }

    /// Adds the records appended to each topic since the last call.
    pub(crate) fn take_appended(&mut self, topics: &mut BTreeMap<Arc<str>, Flow>) {
        for (topic, flow) in &mut self.appended {
            let flow = std::mem::take(flow);
            if flow.records > 0 {
                topics.entry(topic.clone()).or_default().add(flow);
            }
        }
    }

    /// Returns whether a slot belongs to the producer.
    #[inline]
    pub(crate) fn knows(&self, slot: PartitionSlot) -> bool {
        slot.producer() == self.id
    }

    /// Appends a record: to the producer's open batch, or to the waiting records.
    ///
    /// # Errors
    /// The errors of [`Producer::append`].
    #[inline]
    pub(crate) fn append(&mut self, slot: PartitionSlot, record: ProduceRecord<'_>) -> Result {
        if let Some((_, flow)) = self.appended.get_mut(slot.index()) {
            flow.count(record.byte_len());
        }
        let goes_first = self.waiting.is_empty() || is_planted(PlantedBug::OvertakeWhenFull);
        if goes_first && !self.is_held {
            match self.producer.append(slot, record)? {
                Appended::Full if is_planted(PlantedBug::ForgetWhenFull) => return Ok(()),
                Appended::Done => return Ok(()),
                Appended::Full => {}
            }
        }
        self.waiting.push(slot, record);
        Ok(())
    }

    /// Looks a partition up and appends a record to it.
    ///
    /// # Errors
    /// The errors of [`Producer::slot`] and [`Producer::append`].
    pub(crate) fn append_to(&mut self, to: &TopicPartition, record: ProduceRecord<'_>) -> Result {
        let slot = self.slot(to)?;
        self.append(slot, record)
    }

    /// Returns whether records wait for room, or too many are held: nothing may begin that writes.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        if self.is_held {
            self.waiting.records.byte_len() >= HELD_BYTES
        } else {
            !self.waiting.is_empty()
        }
    }

    /// Lets records wait from now on, until they are [released](Self::release): they belong to the
    /// next commit, and to the next transaction if one is ending. Nothing waits for room now.
    pub(crate) fn hold(&mut self, is_ending: bool) {
        self.is_ending = is_ending;
        debug_assert!(!self.is_full(), "what waits would be in the next commit");
        self.is_held = !is_planted(PlantedBug::WriteIntoEndingTransaction);
    }

    /// Returns whether records are held.
    pub(crate) const fn is_held(&self) -> bool {
        self.is_held
    }

    /// Lets the held records wait for room only.
    pub(crate) const fn release(&mut self) {
        self.is_held = false;
    }

    /// Like [`Producer::send_due`].
    pub(crate) fn send_due(&mut self) -> Option<Duration> {
        self.producer.send_due()
    }

    /// Like [`Producer::send_idle`].
    pub(crate) fn send_idle(&mut self) {
        self.producer.send_idle();
    }

    /// Gives the producer the waiting records, as far as it has room, unless they are held. Returns
    /// whether something may begin that writes.
    ///
    /// # Errors
    /// The errors of [`Producer::append`]; `Unavailable` if there was no room for too long.
    pub(crate) fn drain(&mut self) -> Result<bool> {
        if !self.is_held && !self.waiting.is_empty() {
            self.waiting.drain(&mut *self.producer)?;
        }
        Ok(!self.is_full())
    }

    /// Drops the waiting records.
    pub(crate) fn forget(&mut self) {
        self.is_held = false;
        if !is_planted(PlantedBug::KeepWaitingAfterAbort) {
            self.waiting.clear();
        }
    }

    /// Sends everything and waits for it, like [`Producer::flush`]; held records too, unless a
    /// transaction is ending.
    ///
    /// # Errors
    /// The errors of the producer, or `Unavailable` if it has no room even then.
    pub(crate) fn flush(&mut self) -> Result<Vec<BatchReport>> {
        let mut reports = Vec::new();
        if self.is_held && !self.is_ending {
            self.release();
        }
        loop {
            let left = self.waiting.slots.len() - self.waiting.taken;
            let is_drained = self.drain()?;
            reports.extend(self.producer.flush()?);
            if is_drained {
                return Ok(reports);
            }
            if self.waiting.slots.len() - self.waiting.taken == left {
                let text = "the producer has no room for any record, though all before it are sent";
                return Err(Error::new(ErrorKind::Unavailable, text));
            }
        }
    }

    /// Like [`Producer::begin_flush`], when nothing waits.
    pub(crate) fn begin_flush(&mut self) -> Answer<Vec<BatchReport>> {
        debug_assert!(!self.is_full(), "what waits would not be in the flush");
        self.producer.begin_flush()
    }

    /// Like [`Producer::take_refused`].
    pub(crate) fn take_refused(&mut self) -> Vec<RefusedRecord> {
        self.producer.take_refused()
    }

    /// The producer, for its transactions.
    pub(crate) fn producer(&mut self) -> &mut dyn Producer {
        &mut *self.producer
    }
}
