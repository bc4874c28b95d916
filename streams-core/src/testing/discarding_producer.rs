//! A producer for measurements.

use crate::{
    Result, TopicPartition,
    client::{BatchReport, GroupMetadata, OffsetAndMetadata, ProduceRecord, Producer},
};

/// Copies each record into a buffer, as a producer that batches does, and begins the buffer anew when it is full. Each
/// topic has one partition.
#[derive(Debug, Default)]
pub(super) struct DiscardingProducer {
    batches: Vec<OpenBatch>,
}

/// Bytes of a full buffer.
const FULL: usize = 64 * 1024;

/// What was written to one partition since the last flush.
#[derive(Debug)]
struct OpenBatch {
    to: TopicPartition,
    base_offset: i64,
    records: usize,
    bytes: Vec<u8>,
}

impl Producer for DiscardingProducer {
    fn partitions(&mut self, _topic: &str) -> Result<i32> {
        Ok(1)
    }

    fn append(&mut self, to: &TopicPartition, record: ProduceRecord<'_>) -> Result {
        let known = self.batches.iter().position(|batch| batch.to == *to);
        let at = known.unwrap_or(self.batches.len());
        if known.is_none() {
            let to = to.clone();
            self.batches.push(OpenBatch { to, base_offset: 0, records: 0, bytes: Vec::new() });
        }
        if let Some(batch) = self.batches.get_mut(at) {
            if batch.bytes.len() >= FULL {
                batch.bytes.clear();
            }
            batch.records += 1;
            batch.bytes.extend_from_slice(record.key.unwrap_or_default());
            batch.bytes.extend_from_slice(record.value.unwrap_or_default());
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<Vec<BatchReport>> {
        let open = self.batches.iter_mut().filter(|batch| batch.records > 0);
        let reports = open.map(|batch| {
            let (records, base_offset) = (batch.records, batch.base_offset);
            let behind = i64::try_from(records).unwrap_or(i64::MAX);
            batch.base_offset = base_offset.saturating_add(behind);
            batch.records = 0;
            batch.bytes.clear();
            BatchReport { topic_partition: batch.to.clone(), records, result: Ok(base_offset) }
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
