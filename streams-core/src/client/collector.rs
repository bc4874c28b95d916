//! What tasks write with: a producer, and what it had no room for.
//!
//! A producer that is full does not take a record, but the record that a task is processing has to go on to the end of every
//! branch: half of it can't wait. So what is appended then waits here, in order and before everything that comes later, until
//! the producer takes it. Whoever lends this to tasks begins nothing that writes while something waits: so no more waits than
//! what one record, one punctuation or one step of a commit wrote.
//!
//! Invariant: records reach the producer in the order in which they were appended, each once.

use super::{
    Answer, Appended, BatchReport, PartitionSlot, ProduceRecord, Producer, ProducerId, Records,
    RefusedRecord,
};
use crate::{
    Error, ErrorKind, Headers, Result, TopicPartition,
    planted::{PlantedBug, is_planted},
};

/// Bytes of memory that are kept for what waits next.
const KEPT_BYTES: usize = 64 * 1024;

/// A producer that takes everything, as far as whoever appends can tell. Java's `RecordCollector`.
#[derive(Debug)]
pub(crate) struct Collector {
    producer: Box<dyn Producer>,
    /// The producer's id, which is compared for each record.
    id: ProducerId,
    waiting: Waiting,
}

/// Records that wait for room, in order.
#[derive(Debug, Default)]
struct Waiting {
    records: Records,
    slots: Vec<PartitionSlot>,
    /// So many of them the producer has taken.
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

    /// Has `producer` take what it has room for.
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
        Self { producer, id, waiting: Waiting::default() }
    }

    /// As [`Producer::partitions`].
    pub(crate) fn partitions(&mut self, topic: &str) -> Result<i32> {
        self.producer.partitions(topic)
    }

    /// As [`Producer::slot`].
    pub(crate) fn slot(&mut self, to: &TopicPartition) -> Result<PartitionSlot> {
        self.producer.slot(to)
    }

    /// Whether a slot is the producer's.
    #[inline]
    pub(crate) fn knows(&self, slot: PartitionSlot) -> bool {
        slot.producer() == self.id
    }

    /// Appends a record: to the producer's open batch, or to what waits.
    ///
    /// # Errors
    /// Those of [`Producer::append`].
    #[inline]
    pub(crate) fn append(&mut self, slot: PartitionSlot, record: ProduceRecord<'_>) -> Result {
        if self.waiting.is_empty() || is_planted(PlantedBug::OvertakeWhenFull) {
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
    /// Those of [`Producer::slot`] and [`Producer::append`].
    pub(crate) fn append_to(&mut self, to: &TopicPartition, record: ProduceRecord<'_>) -> Result {
        let slot = self.slot(to)?;
        self.append(slot, record)
    }

    /// Whether records wait for room: nothing is to be begun that writes.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Gives the producer what waits, as far as it has room. Returns whether nothing waits any more.
    ///
    /// # Errors
    /// Those of [`Producer::append`], `Unavailable` if there was no room for too long.
    pub(crate) fn drain(&mut self) -> Result<bool> {
        if !self.waiting.is_empty() {
            self.waiting.drain(&mut *self.producer)?;
        }
        Ok(self.waiting.is_empty())
    }

    /// Gives up what waits.
    pub(crate) fn forget(&mut self) {
        if !is_planted(PlantedBug::KeepWaitingAfterAbort) {
            self.waiting.clear();
        }
    }

    /// Sends everything and waits for it, as [`Producer::flush`].
    ///
    /// # Errors
    /// Those of the producer, or `Unavailable` if it has no room even then.
    pub(crate) fn flush(&mut self) -> Result<Vec<BatchReport>> {
        let mut reports = Vec::new();
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

    /// As [`Producer::begin_flush`], when nothing waits.
    pub(crate) fn begin_flush(&mut self) -> Answer<Vec<BatchReport>> {
        debug_assert!(!self.is_full(), "what waits would not be in the flush");
        self.producer.begin_flush()
    }

    /// As [`Producer::take_refused`].
    pub(crate) fn take_refused(&mut self) -> Vec<RefusedRecord> {
        self.producer.take_refused()
    }

    /// The producer, for its transactions.
    pub(crate) fn producer(&mut self) -> &mut dyn Producer {
        &mut *self.producer
    }
}
