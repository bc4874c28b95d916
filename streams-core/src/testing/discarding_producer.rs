//! A producer for measurements.

use std::{collections::BTreeMap, mem, sync::Arc};

use parking_lot::Mutex;

use crate::{
    Result, TopicPartition,
    client::{
        Appended, BatchReport, GroupMetadata, OffsetAndMetadata, PartitionSlot, ProduceRecord,
        Producer, ProducerId, Records, Slots,
    },
};

/// Copies each record into a buffer, like a producer that batches, and resets the buffer when it is
/// full. Each topic has one partition.
#[derive(Debug)]
pub(super) struct DiscardingProducer {
    batches: Slots<OpenBatch>,
    kept: KeptRecords,
}

/// Records that were written to topics that the topology reads.
#[derive(Clone, Debug)]
pub(super) struct KeptRecords(Arc<Mutex<BTreeMap<Arc<str>, Records>>>);

impl KeptRecords {
    /// Keeps the records written to these topics.
    pub(super) fn of(topics: impl Iterator<Item = Arc<str>>) -> Self {
        Self(Arc::new(Mutex::new(topics.map(|topic| (topic, Records::new())).collect())))
    }

    /// Takes the kept records, by topic.
    pub(super) fn take(&self) -> Vec<(Arc<str>, Records)> {
        let mut kept = self.0.lock();
        let written = kept.iter_mut().filter(|(_, records)| !records.is_empty());
        written.map(|(topic, records)| (topic.clone(), mem::take(records))).collect()
    }

    fn add(&self, topic: &str, record: ProduceRecord<'_>) {
        if let Some(records) = self.0.lock().get_mut(topic) {
            records.push(record.timestamp, record.key, record.value, record.headers.iter());
        }
    }
}

impl DiscardingProducer {
    /// Creates a producer that also keeps some records.
    pub(super) fn new(kept: KeptRecords) -> Self {
        Self { batches: Slots::default(), kept }
    }
}

/// Size of a full buffer, in bytes.
const FULL: usize = 64 * 1024;

/// Records written to one partition since the last flush.
#[derive(Debug, Default)]
struct OpenBatch {
    base_offset: i64,
    records: usize,
    bytes: Vec<u8>,
    /// Name of the topic, if the topology reads it too.
    kept_as: Option<Arc<str>>,
}

impl Producer for DiscardingProducer {
    fn partitions(&mut self, _topic: &str) -> Result<i32> {
        Ok(1)
    }

    fn id(&self) -> ProducerId {
        self.batches.producer()
    }

    fn slot(&mut self, to: &TopicPartition) -> Result<PartitionSlot> {
        let kept = self.kept.0.lock();
        self.batches.resolve(to, || {
            let kept_as = kept.contains_key(&to.topic).then(|| to.topic.clone());
            Ok(OpenBatch { kept_as, ..OpenBatch::default() })
        })
    }

    fn append(&mut self, slot: PartitionSlot, record: ProduceRecord<'_>) -> Result<Appended> {
        let batch = self.batches.get_mut(slot)?;
        if let Some(topic) = &batch.kept_as {
            self.kept.add(topic, record);
        }
        if batch.bytes.len() >= FULL {
            batch.bytes.clear();
        }
        batch.records += 1;
        batch.bytes.extend_from_slice(record.key.unwrap_or_default());
        batch.bytes.extend_from_slice(record.value.unwrap_or_default());
        Ok(Appended::Done)
    }

    fn flush(&mut self) -> Result<Vec<BatchReport>> {
        let open = self.batches.iter_mut().filter(|(_, batch)| batch.records > 0);
        let reports = open.map(|(to, batch)| {
            let (records, base_offset) = (batch.records, batch.base_offset);
            let behind = i64::try_from(records).unwrap_or(i64::MAX);
            batch.base_offset = base_offset.saturating_add(behind);
            batch.records = 0;
            batch.bytes.clear();
            BatchReport { topic_partition: to.clone(), records, result: Ok(base_offset) }
        });
        Ok(reports.collect())
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
