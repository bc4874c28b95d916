//! The producer of a real cluster.

use std::{sync::Arc, time::Duration};

use kafka_client::{Client, GroupMember, producer::ProducerConfig};

use super::{
    failure::{of_init, of_transaction, of_writing},
    io::IoThread,
    refused::refused_records,
    statistics::Measured,
    topics::Topics,
    transaction::{Standing, TransactionState},
};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{
        Answer, Appended, BatchReport, GroupMetadata, Lease, OffsetAndMetadata, PartitionSlot,
        ProduceRecord, Producer, ProducerId, RefusedRecord, Slots, refused::in_words,
    },
    time::{Clock, SystemClock, duration_ms},
};

/// Appends records to batches that are sent as they are, in transactions if it has a transactional
/// id.
///
/// External conditions of a record (room, the lease, whether its transaction has failed) are
/// checked when a batch is opened for it, and hold for all records of that batch: they are written,
/// or given up, by the time of the first.
#[derive(Debug)]
pub(super) struct NativeProducer {
    measured: Arc<Measured>,
    transactional_id: Option<String>,
    lease: Lease,
    /// `max.block.ms`.
    max_block: Duration,
    /// The partitions that were looked up, each with the client crate's slot.
    slots: Slots<usize>,
    state: TransactionState,
    /// Time since which its buffers have been full and it has taken no record.
    full_since_ms: Option<i64>,
    producer: kafka_client::producer::Producer,
    topics: Topics,
    /// Declared last, because the others run on it.
    io: Arc<IoThread>,
}

impl NativeProducer {
    pub(super) fn new(
        client: Client,
        io: Arc<IoThread>,
        config: ProducerConfig,
        lease: Lease,
        max_block: Duration,
    ) -> Self {
        let (client_id, meter) = (config.client_id.clone(), Arc::clone(client.meter()));
        let transactional_id = config.transactional_id.clone();
        let producer = kafka_client::producer::Producer::new(&client, io.handle(), config);
        Self {
            measured: Arc::new(Measured { client_id, meter }),
            transactional_id,
            lease,
            max_block,
            slots: Slots::new(),
            state: TransactionState::new(),
            full_since_ms: None,
            producer,
            topics: Topics::new(client, Arc::clone(&io)),
            io,
        }
    }

    /// What tells of its figures.
    pub(super) const fn measured(&self) -> &Arc<Measured> {
        &self.measured
    }

    #[cold]
    fn invalid(&self, what: &str) -> Error {
        let client = &self.measured.client_id;
        Error::new(ErrorKind::InvalidState, format!("producer `{client}`: {what}"))
    }

    /// Copies a record into the open batch of a slot, if it has room.
    #[inline]
    fn put(&mut self, at: usize, slot: PartitionSlot, record: ProduceRecord<'_>) -> Result<bool> {
        let ProduceRecord { timestamp, key, value, headers } = record;
        let headers = headers.iter().map(|(name, value)| (name.as_bytes(), value));
        let put = self.producer.append(at, timestamp, key, value, headers);
        put.map_err(|cause| self.too_large(slot, record, cause))
    }

    #[cold]
    fn too_large(
        &self,
        slot: PartitionSlot,
        record: ProduceRecord<'_>,
        cause: kafka_client::Error,
    ) -> Error {
        let Ok(to) = self.slots.partition(slot) else { return self.invalid("no such slot") };
        let text = format!(
            "{} for {to} is refused: it is larger than producer.max.request.size, which max.message.bytes of the topic \
             must allow too",
            in_words(record.key, record.value)
        );
        Error::with_source(ErrorKind::Production, text, cause)
    }

    /// Opens a batch for a record, unless there is no room or nothing may be written now.
    fn put_into_another(
        &mut self,
        at: usize,
        slot: PartitionSlot,
        record: ProduceRecord<'_>,
    ) -> Result<Appended> {
        self.check_writable(slot)?;
        if self.producer.is_full() {
            return self.full(slot);
        }
        if !self.is_admitted()? {
            return Ok(Appended::Full);
        }
        self.full_since_ms = None;
        self.producer
            .open(at)
            .map_err(|cause| of_transaction(&self.measured.client_id, "writing", cause))?;
        if self.put(at, slot, record)? {
            return Ok(Appended::Done);
        }
        let to = self.slots.partition(slot)?;
        Err(self.invalid(&format!("a record for {to} does not fit into an empty batch")))
    }

    /// Checks that a batch may be opened at all.
    fn check_writable(&mut self, slot: PartitionSlot) -> Result {
        if self.transactional_id.is_some() {
            self.check_open()?;
            if let Some(doom) = self.producer.doom() {
                let to = self.slots.partition(slot)?;
                let text = format!("the open transaction has failed before a record for {to}");
                return Err(Error::with_source(ErrorKind::Timeout, text, doom));
            }
        }
        Ok(())
    }

    fn full(&mut self, slot: PartitionSlot) -> Result<Appended> {
        let now_ms = SystemClock.now_ms();
        let since_ms = *self.full_since_ms.get_or_insert(now_ms);
        if now_ms.saturating_sub(since_ms) < duration_ms(self.max_block) {
            return Ok(Appended::Full);
        }
        self.full_since_ms = None;
        let to = self.slots.partition(slot)?;
        let text = format!("no room for a record for {to}: the producer's buffers are full");
        Err(match self.producer.take_trouble() {
            Some(trouble) => Error::with_source(ErrorKind::Unavailable, text, trouble),
            None => Error::new(ErrorKind::Unavailable, text),
        })
    }

    /// Returns whether a batch opened now can't arrive when others have the tasks. Transactions
    /// don't need this: the cluster itself drops late records.
    fn is_admitted(&self) -> Result<bool> {
        if self.transactional_id.is_some() {
            return Ok(true);
        }
        check_lease(&self.lease, &self.measured.client_id)?;
        Ok(!self.lease.admits_for().is_zero())
    }

    fn check_open(&mut self) -> Result {
        match (&self.transactional_id, self.state.settled()) {
            (_, Standing::Open) => Ok(()),
            (Some(id), _) => Err(self.invalid(&format!("no transaction of `{id}` is open"))),
            (None, _) => Err(self.invalid("it has no transactional id")),
        }
    }
}

/// The membership may end while records are in transit: then others may have its tasks.
fn check_lease(lease: &Lease, client_id: &str) -> Result {
    if !lease.is_over() {
        return Ok(());
    }
    let text = format!(
        "producer `{client_id}`: the group gave the member up while records were on their way"
    );
    Err(Error::new(ErrorKind::Fenced, text))
}

fn report(report: kafka_client::producer::BatchReport) -> BatchReport {
    let kafka_client::producer::BatchReport { partition, records, result } = report;
    let topic_partition = TopicPartition::new(partition.topic, partition.partition);
    let result = match result {
        Ok(Some(base)) => Ok(base),
        // The broker had the batch already and has forgotten its offset.
        Ok(None) => {
            let text = format!(
                "{records} records were written to {topic_partition}, at an unknown offset"
            );
            Err(Error::new(ErrorKind::Timeout, text))
        }
        Err(cause) => Err(of_writing(&topic_partition, records, cause)),
    };
    BatchReport { topic_partition, records, result }
}

fn offsets_of(
    offsets: &[(TopicPartition, OffsetAndMetadata)],
) -> Vec<(kafka_client::TopicPartition, kafka_client::OffsetAndMetadata)> {
    let convert = |(place, committed): &(TopicPartition, OffsetAndMetadata)| {
        let OffsetAndMetadata { offset, metadata, leader_epoch } = committed.clone();
        (
            kafka_client::TopicPartition::new(&*place.topic, place.partition),
            kafka_client::OffsetAndMetadata { offset, metadata, leader_epoch },
        )
    };
    offsets.iter().map(convert).collect()
}

impl Producer for NativeProducer {
    fn partitions(&mut self, topic: &str) -> Result<i32> {
        self.topics.partitions(topic)
    }

    fn id(&self) -> ProducerId {
        self.slots.producer()
    }

    fn slot(&mut self, to: &TopicPartition) -> Result<PartitionSlot> {
        let (topics, producer) = (&mut self.topics, &mut self.producer);
        self.slots.resolve(to, || {
            topics.check(to)?;
            Ok(producer.slot(&kafka_client::TopicPartition::new(&*to.topic, to.partition)))
        })
    }

    #[inline]
    fn append(&mut self, slot: PartitionSlot, record: ProduceRecord<'_>) -> Result<Appended> {
        let at = *self.slots.get(slot)?;
        if self.producer.is_full() {
            // The open batches make room once they are written.
            self.producer.send_all();
        }
        if self.put(at, slot, record)? {
            return Ok(Appended::Done);
        }
        self.put_into_another(at, slot, record)
    }

    fn send_due(&mut self) -> Option<Duration> {
        self.producer.send_due()
    }

    fn send_idle(&mut self) {
        self.producer.send_all();
    }

    fn flush(&mut self) -> Result<Vec<BatchReport>> {
        self.begin_flush().wait()
    }

    fn begin_flush(&mut self) -> Answer<Vec<BatchReport>> {
        let (flushed, lease) = (self.producer.flush(), self.lease.clone());
        let (client_id, is_transactional) =
            (self.measured.client_id.clone(), self.transactional_id.is_some());
        Answer::later(async move {
            let reports = flushed.await;
            if !is_transactional {
                check_lease(&lease, &client_id)?;
            }
            let reports = reports.map_err(|cause| of_transaction(&client_id, "flush", cause))?;
            Ok(reports.into_iter().map(report).collect())
        })
    }

    fn take_refused(&mut self) -> Vec<RefusedRecord> {
        refused_records(&self.producer.take_refused())
    }

    fn init_transactions(&mut self) -> Result {
        self.begin_init().wait()
    }

    fn begin_init(&mut self) -> Answer<()> {
        if self.transactional_id.is_none() {
            return Answer::ready(Err(self.invalid("it has no transactional id")));
        }
        if self.state.settled() != Standing::None {
            return Answer::ready(Err(self.invalid("transactions are initialised already")));
        }
        let (call, client_id) =
            (self.producer.init_transactions(), self.measured.client_id.clone());
        self.state.follow(&self.io, Standing::Ready, async move {
            call.await.map_err(|cause| of_init(&client_id, cause))
        })
    }

    fn begin_transaction(&mut self) -> Result {
        match self.state.settled() {
            Standing::Ready => {}
            Standing::None => return Err(self.invalid("transactions were not initialised")),
            Standing::Open => return Err(self.invalid("a transaction is open already")),
        }
        self.producer.begin_transaction();
        self.state.opened();
        Ok(())
    }

    fn send_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        group: &GroupMetadata,
    ) -> Result {
        self.begin_send_offsets(offsets, group).wait()
    }

    fn begin_send_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        group: &GroupMetadata,
    ) -> Answer<()> {
        if let Err(error) = self.check_open().and_then(|()| group.check_member()) {
            return Answer::ready(Err(error));
        }
        let GroupMetadata { group_id, member_id, member_epoch, group_instance_id } = group.clone();
        let what = format!(
            "send_offsets of group {group_id} as member {member_id}, epoch {member_epoch},"
        );
        let member = GroupMember { group_id, member_id, epoch: member_epoch, group_instance_id };
        let sent = self.producer.send_offsets(member, offsets_of(offsets));
        let client_id = self.measured.client_id.clone();
        self.io.begin(async move {
            sent.await.map_err(|cause| of_transaction(&client_id, &what, cause))
        })
    }

    fn commit_transaction(&mut self) -> Result {
        self.begin_commit().wait()
    }

    fn begin_commit(&mut self) -> Answer<()> {
        if let Err(error) = self.check_open() {
            return Answer::ready(Err(error));
        }
        let (call, client_id) =
            (self.producer.commit_transaction(), self.measured.client_id.clone());
        self.state.follow(&self.io, Standing::Ready, async move {
            call.await.map_err(|cause| of_transaction(&client_id, "commit_transaction", cause))
        })
    }

    fn abort_transaction(&mut self) -> Result {
        self.begin_abort().wait()
    }

    fn begin_abort(&mut self) -> Answer<()> {
        if !self.state.may_be_open()
            && let Err(error) = self.check_open()
        {
            return Answer::ready(Err(error));
        }
        let (call, client_id) =
            (self.producer.abort_transaction(), self.measured.client_id.clone());
        self.state.follow(&self.io, Standing::Ready, async move {
            call.await.map_err(|cause| of_transaction(&client_id, "abort_transaction", cause))
        })
    }
}
