//! The producer of a thread that writes only dead letters.

use std::sync::Arc;

use super::app::App;
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{
        Appended, BatchReport, GroupMetadata, OffsetAndMetadata, PartitionSlot, ProduceRecord,
        Producer, ProducerId, ProducerSettings, Slots,
    },
};

/// Made with the first dead letter, since most instances never have one. It is never transactional,
/// so a crash may duplicate a dead letter.
#[derive(Debug)]
pub(super) struct DeadLetterProducer {
    app: Arc<App>,
    client_id: String,
    producer: Option<Box<dyn Producer>>,
    /// The slots of that producer.
    slots: Slots<PartitionSlot>,
}

impl DeadLetterProducer {
    pub(super) fn new(app: Arc<App>, client_id: String) -> Self {
        Self { app, client_id, producer: None, slots: Slots::new() }
    }

    fn producer(&mut self) -> Result<&mut dyn Producer> {
        let producer = if let Some(producer) = self.producer.take() {
            producer
        } else {
            let client_id = self.client_id.clone();
            self.app
                .clients
                .producer(&ProducerSettings { client_id, ..ProducerSettings::default() })?
        };
        Ok(&mut **self.producer.insert(producer))
    }
}

#[cold]
fn no_transactions<T>() -> Result<T> {
    Err(Error::new(ErrorKind::InvalidState, "dead letters of global stores are in no transaction"))
}

impl Producer for DeadLetterProducer {
    fn partitions(&mut self, topic: &str) -> Result<i32> {
        self.producer()?.partitions(topic)
    }

    fn id(&self) -> ProducerId {
        self.slots.producer()
    }

    fn slot(&mut self, to: &TopicPartition) -> Result<PartitionSlot> {
        let slot = self.producer()?.slot(to)?;
        self.slots.resolve(to, || Ok(slot))
    }

    fn append(&mut self, slot: PartitionSlot, record: ProduceRecord<'_>) -> Result<Appended> {
        let slot = *self.slots.get(slot)?;
        self.producer()?.append(slot, record)
    }

    fn flush(&mut self) -> Result<Vec<BatchReport>> {
        self.producer.as_mut().map_or(Ok(Vec::new()), |producer| producer.flush())
    }

    fn init_transactions(&mut self) -> Result {
        no_transactions()
    }

    fn begin_transaction(&mut self) -> Result {
        no_transactions()
    }

    fn send_offsets(
        &mut self,
        _offsets: &[(TopicPartition, OffsetAndMetadata)],
        _group: &GroupMetadata,
    ) -> Result {
        no_transactions()
    }

    fn commit_transaction(&mut self) -> Result {
        no_transactions()
    }

    fn abort_transaction(&mut self) -> Result {
        no_transactions()
    }
}
