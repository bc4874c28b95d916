//! A producer for measurements.

use crate::{
    Result, TopicPartition,
    client::{
        BatchReport, GroupMetadata, OffsetAndMetadata, PartitionSlot, ProduceRecord, Producer,
        ProducerId, Slots,
    },
};

/// Copies each record into a buffer, as a producer that batches does, and begins the buffer anew when it is full. Each
/// topic has one partition.
#[derive(Debug, Default)]
pub(super) struct DiscardingProducer {
    batches: Slots<OpenBatch>,
}

/// Bytes of a full buffer.
const FULL: usize = 64 * 1024;

/// What was written to one partition since the last flush.
#[derive(Debug, Default)]
struct OpenBatch {
    base_offset: i64,
    records: usize,
    bytes: Vec<u8>,
}

impl Producer for DiscardingProducer {
    fn partitions(&mut self, _topic: &str) -> Result<i32> {
        Ok(1)
    }

    fn id(&self) -> ProducerId {
        self.batches.producer()
    }

    fn slot(&mut self, to: &TopicPartition) -> Result<PartitionSlot> {
        self.batches.resolve(to, || Ok(OpenBatch::default()))
    }

    fn append(&mut self, slot: PartitionSlot, record: ProduceRecord<'_>) -> Result {
        let batch = self.batches.get_mut(slot)?;
        if batch.bytes.len() >= FULL {
            batch.bytes.clear();
        }
        batch.records += 1;
        batch.bytes.extend_from_slice(record.key.unwrap_or_default());
        batch.bytes.extend_from_slice(record.value.unwrap_or_default());
        Ok(())
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
