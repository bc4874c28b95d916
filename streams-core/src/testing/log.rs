//! Contents of a driver's topics: the records that the topology wrote, in the order of production.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
};

use parking_lot::Mutex;

use super::ProducedRecord;
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{
        Appended, BatchReport, GroupMetadata, OffsetAndMetadata, PartitionSlot, ProduceRecord,
        Producer, ProducerId, Slots,
    },
};

/// The topics of a driver.
#[derive(Debug, Default)]
pub(super) struct Log {
    produced: Vec<ProducedRecord>,
    next_offsets: HashMap<TopicPartition, i64>,
    /// For each output topic that a test reads: the first index of `produced` that was not
    /// considered.
    cursors: HashMap<String, usize>,
    /// Number of records that the task dropped.
    pub(super) dropped: u64,
    /// The topics that the topology may write to; `None` if it chooses them record by record.
    writes: Option<BTreeSet<String>>,
}

/// A driver's topics, shared with its producer and its output topics.
pub(super) type SharedLog = Arc<Mutex<Log>>;

impl Log {
    /// The topics of a topology that may write to these, or to any.
    pub(super) fn shared(writes: Option<BTreeSet<String>>) -> SharedLog {
        Arc::new(Mutex::new(Self { writes, ..Self::default() }))
    }

    /// Fails if the topology does not write to a topic, for example because its name is misspelt.
    pub(super) fn check(&self, topic: &str) -> Result {
        let Some(writes) = self.writes.as_ref().filter(|writes| !writes.contains(topic)) else {
            return Ok(());
        };
        if self.produced.iter().any(|record| record.topic() == topic) {
            return Ok(());
        }
        let known: Vec<&str> = writes.iter().map(String::as_str).collect();
        let text =
            format!("the topology writes to no topic {topic}; it writes to: {}", known.join(", "));
        Err(Error::new(ErrorKind::InvalidState, text))
    }

    /// The offset of the next record of a partition, piped in or produced.
    pub(super) fn take_offset(&mut self, partition: &TopicPartition) -> i64 {
        match self.next_offsets.entry(partition.clone()) {
            Entry::Occupied(mut next) => {
                let offset = *next.get();
                *next.get_mut() += 1;
                offset
            }
            Entry::Vacant(next) => {
                next.insert(1);
                0
            }
        }
    }

    /// All records produced so far.
    pub(super) fn produced(&self) -> &[ProducedRecord] {
        &self.produced
    }

    fn unread(&self, topic: &str) -> impl Iterator<Item = (usize, &ProducedRecord)> {
        let first = self.cursors.get(topic).copied().unwrap_or_default();
        let behind = self.produced.iter().enumerate().skip(first);
        behind.filter(move |(_, record)| record.topic() == topic)
    }

    /// Number of unread records of a topic.
    pub(super) fn unread_len(&self, topic: &str) -> usize {
        self.unread(topic).count()
    }

    /// The next record of a topic, which then counts as read.
    pub(super) fn read(&mut self, topic: &str) -> Option<ProducedRecord> {
        let next = self.unread(topic).next().map(|(index, record)| (index, record.clone()));
        let (cursor, record) = match next {
            Some((index, record)) => (index + 1, Some(record)),
            None => (self.produced.len(), None),
        };
        self.cursors.insert(topic.to_owned(), cursor);
        record
    }
}

/// Writes to the driver's topics, which have one partition each; each record is visible at once.
#[derive(Debug)]
pub(super) struct RecordingProducer {
    log: SharedLog,
    slots: Slots<()>,
    reports: Vec<BatchReport>,
}

impl RecordingProducer {
    pub(super) fn new(log: SharedLog) -> Self {
        Self { log, slots: Slots::new(), reports: Vec::new() }
    }
}

impl Producer for RecordingProducer {
    fn partitions(&mut self, _topic: &str) -> Result<i32> {
        Ok(1)
    }

    fn id(&self) -> ProducerId {
        self.slots.producer()
    }

    fn slot(&mut self, to: &TopicPartition) -> Result<PartitionSlot> {
        self.slots.resolve(to, || Ok(()))
    }

    fn append(&mut self, slot: PartitionSlot, record: ProduceRecord<'_>) -> Result<Appended> {
        let to = self.slots.partition(slot)?;
        let mut log = self.log.lock();
        let offset = log.take_offset(to);
        log.produced.push(ProducedRecord {
            topic_partition: to.clone(),
            offset,
            timestamp: record.timestamp,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record.headers.clone(),
        });
        let topic_partition = to.clone();
        self.reports.push(BatchReport { topic_partition, records: 1, result: Ok(offset) });
        Ok(Appended::Done)
    }

    fn flush(&mut self) -> Result<Vec<BatchReport>> {
        Ok(std::mem::take(&mut self.reports))
    }

    fn init_transactions(&mut self) -> Result {
        Ok(())
    }

    fn begin_transaction(&mut self) -> Result {
        Ok(())
    }

    fn send_offsets(
        &mut self,
        _offsets: &[(TopicPartition, OffsetAndMetadata)],
        _group: &GroupMetadata,
    ) -> Result {
        Ok(())
    }

    fn commit_transaction(&mut self) -> Result {
        Ok(())
    }

    fn abort_transaction(&mut self) -> Result {
        Ok(())
    }
}
