//! The producer of the embedded cluster.

use std::{sync::Arc, time::Duration};

use super::{
    OperationKind,
    shared::{Reply, Shared, no_reply},
    state::{ClusterState, Transactional},
    topic::Topic,
    transactions::ProducerIdentity,
};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{
        Answer, Appended, BatchReport, GroupMetadata, OffsetAndMetadata, PartitionSlot,
        ProduceRecord, Producer, ProducerId, ProducerSettings, Records, RefusedRecord, Slots,
    },
    time::duration_ms,
};

/// Open batches, and the state of a transaction as the client sees it.
#[derive(Debug)]
pub(super) struct EmbeddedProducer {
    shared: Arc<Shared>,
    client_id: String,
    transactional_id: Option<String>,
    one_by_one: bool,
    transaction: Transaction,
    /// Number of transactions begun.
    begun: u64,
    /// A batch for each partition that was looked up; an empty batch is not open.
    open: Slots<Records>,
    reports: Vec<BatchReport>,
    /// Refused records that nobody has asked for yet.
    refused: Vec<RefusedRecord>,
    /// True if a record of the open transaction was refused, so that it can only be aborted.
    has_failed: bool,
    /// Bytes of the open batches.
    open_bytes: usize,
    /// Time since which it has been full and taken no record.
    full_since_ms: Option<i64>,
    /// Delay of the answer to a call whose caller does not wait.
    late: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transaction {
    /// There are no transactions, or they were not initialised.
    None,
    /// Between transactions.
    Ready(ProducerIdentity),
    /// In a transaction.
    Open(ProducerIdentity),
}

impl EmbeddedProducer {
    pub(super) fn new(shared: Arc<Shared>, settings: &ProducerSettings) -> Self {
        Self {
            shared,
            client_id: settings.client_id.clone(),
            transactional_id: settings.transactional_id.clone(),
            one_by_one: settings.one_by_one,
            transaction: Transaction::None,
            begun: 0,
            open: Slots::new(),
            reports: Vec::new(),
            refused: Vec::new(),
            has_failed: false,
            open_bytes: 0,
            full_since_ms: None,
            late: None,
        }
    }

    fn check_can_write(&self) -> Result {
        match (&self.transactional_id, self.transaction) {
            (Some(_), Transaction::Open(_)) if self.has_failed => Err(self.failed()),
            (None, _) | (Some(_), Transaction::Open(_)) => Ok(()),
            (Some(id), _) => Err(self.invalid(&format!("no transaction of `{id}` is open"))),
        }
    }

    fn failed(&self) -> Error {
        let client = &self.client_id;
        let text = format!(
            "producer `{client}`: the transaction can only be aborted: a record of it was refused"
        );
        Error::new(ErrorKind::Timeout, text)
    }

    fn invalid(&self, what: &str) -> Error {
        Error::new(ErrorKind::InvalidState, format!("producer `{}`: {what}", self.client_id))
    }

    /// Calls the cluster on behalf of the open transaction, if there is one.
    fn call<T>(
        &mut self,
        kind: OperationKind,
        effect: impl FnOnce(&mut ClusterState, Option<Transactional<'_>>) -> Result<T>,
    ) -> Result<T> {
        let reply = self.before(kind)?;
        let transactional = self.transactional();
        self.shared.complete(reply, &self.client_id, kind, |state| effect(state, transactional))
    }

    /// The first half of a call. A caller that does not wait gets the result late.
    fn before(&mut self, kind: OperationKind) -> Result<Reply> {
        let Some(late) = &mut self.late else { return self.shared.before(&self.client_id, kind) };
        let (reply, wait) = self.shared.before_late(&self.client_id, kind)?;
        *late += wait;
        Ok(reply)
    }

    /// Makes calls whose caller does not wait.
    fn begin<T: Send + 'static>(
        &mut self,
        calls: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Answer<T> {
        self.late = Some(Duration::ZERO);
        let said = calls(self);
        let late = self.late.take().unwrap_or_default();
        self.shared.late(said, late)
    }

    fn transactional(&self) -> Option<Transactional<'_>> {
        match (&self.transactional_id, self.transaction) {
            (Some(id), Transaction::Open(producer)) => {
                Some(Transactional { id, producer, number: self.begun })
            }
            _ => None,
        }
    }

    /// Makes the cluster append batches, now or when they arrive.
    fn deliver(
        &mut self,
        batches: &[(TopicPartition, Arc<Records>)],
    ) -> Result<(Vec<BatchReport>, Vec<RefusedRecord>)> {
        let (kind, now_ms) = (OperationKind::Produce, self.shared.now_ms());
        let reply = self.before(kind)?;
        let client_id = &self.client_id;
        if let (Reply::Late(wait), None) = (reply, &self.transactional_id) {
            let due_ms = now_ms.saturating_add(duration_ms(wait));
            self.shared.lock().append_later(batches.to_vec(), due_ms);
            return Err(no_reply(client_id, kind));
        }
        self.shared.complete(reply, client_id, kind, |state| {
            state.check_leaders(batches.iter().map(|(partition, _)| partition))?;
            let transactional = self.transactional();
            if let Some(Transactional { id, producer, .. }) = transactional {
                state.transactions.check(id, producer)?;
            }
            let mut refused = Vec::new();
            let mut reports = Vec::new();
            for (index, (partition, records)) in batches.iter().enumerate() {
                let mut records = Arc::clone(records);
                let written = reply.written(index, records.len());
                if written == 0 {
                    continue;
                }
                if written < records.len() {
                    Arc::make_mut(&mut records).truncate(written);
                }
                let result = state.append(partition, Arc::clone(&records), transactional, now_ms);
                if result.is_err() {
                    refused.extend(state.refused(partition, &records, now_ms));
                }
                let topic_partition = partition.clone();
                reports.push(BatchReport { topic_partition, records: records.len(), result });
            }
            Ok((reports, refused))
        })
    }

    /// Sends all open batches and keeps their reports. If the call has no effect, they stay open.
    fn send(&mut self) -> Result {
        let mut batches: Vec<(TopicPartition, Arc<Records>)> = Vec::new();
        for (partition, records) in self.open.iter_mut().filter(|(_, open)| !open.is_empty()) {
            batches.push((partition.clone(), Arc::new(std::mem::take(records))));
        }
        if batches.is_empty() {
            return Ok(());
        }
        batches.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        let open_bytes = std::mem::take(&mut self.open_bytes);
        let sent = self.deliver(&batches);
        self.shared.wake();
        match sent {
            Ok((reports, refused)) => {
                self.has_failed |= !refused.is_empty();
                self.reports.extend(reports);
                self.refused.extend(refused);
            }
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                self.open_bytes = open_bytes;
                for (partition, records) in batches {
                    let slot = self.open.resolve(&partition, || Ok(Records::new()))?;
                    *self.open.get_mut(slot)? = Arc::unwrap_or_clone(records);
                }
                return Err(error);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Sends the open batches before anybody asks for it.
    fn send_early(&mut self) -> Result {
        match self.send() {
            // The batches stay open; `flush` reports the error if it lasts.
            Err(error) if error.kind() == ErrorKind::Unavailable => Ok(()),
            other => other,
        }
    }

    /// Returns whether there is no room for another record. Open batches are sent first.
    fn has_no_room(&mut self) -> Result<bool> {
        if self.shared.is_full(&self.client_id) {
            return Ok(true);
        }
        let most = self.shared.settings.buffer_bytes_max;
        if self.open_bytes >= most {
            self.send_early()?;
        }
        Ok(self.open_bytes >= most)
    }

    /// Reports that there is no room, or fails if that has been so for too long.
    fn full(&mut self, slot: PartitionSlot) -> Result<Appended> {
        let now_ms = self.shared.now_ms();
        let since_ms = *self.full_since_ms.get_or_insert(now_ms);
        if now_ms.saturating_sub(since_ms) < duration_ms(self.shared.settings.max_block) {
            return Ok(Appended::Full);
        }
        self.full_since_ms = None;
        let to = self.open.partition(slot)?;
        let text = format!("no room for a record for {to}: the producer's buffers are full");
        Err(Error::new(ErrorKind::Unavailable, text))
    }

    fn drop_open(&mut self) {
        self.open_bytes = 0;
        self.open.iter_mut().for_each(|(_, batch)| batch.clear());
    }

    fn end(&mut self, commit: bool) -> Result {
        let Transaction::Open(producer) = self.transaction else {
            return Err(self.invalid("no transaction is open"));
        };
        let kind =
            if commit { OperationKind::CommitTransaction } else { OperationKind::AbortTransaction };
        let ended = self.call(kind, |state, transactional| {
            transactional.map_or(Ok(()), |holder| state.end_transaction(holder, commit))
        });
        self.shared.wake();
        ended?;
        self.transaction = Transaction::Ready(producer);
        Ok(())
    }
}

impl Producer for EmbeddedProducer {
    fn partitions(&mut self, topic: &str) -> Result<i32> {
        self.shared.read(&self.client_id, OperationKind::DescribeTopics, |state| {
            state.topic(topic).map(Topic::partition_count)
        })
    }

    fn id(&self) -> ProducerId {
        self.open.producer()
    }

    fn slot(&mut self, to: &TopicPartition) -> Result<PartitionSlot> {
        self.open.resolve(to, || self.shared.lock().log(to).map(|_| Records::new()))
    }

    fn append(&mut self, slot: PartitionSlot, record: ProduceRecord<'_>) -> Result<Appended> {
        self.check_can_write()?;
        let size = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        if size > self.shared.settings.record_bytes_max {
            let (to, most) = (self.open.partition(slot)?, self.shared.settings.record_bytes_max);
            let text = format!("a record of {size} bytes for {to} is larger than {most} bytes");
            return Err(Error::new(ErrorKind::Production, text));
        }
        self.open.get(slot)?;
        if self.has_no_room()? {
            return self.full(slot);
        }
        self.full_since_ms = None;
        let batch = self.open.get_mut(slot)?;
        let before = batch.byte_len();
        batch.push(record.timestamp, record.key, record.value, record.headers.iter());
        self.open_bytes += batch.byte_len() - before;
        if self.one_by_one || batch.byte_len() >= self.shared.settings.batch_bytes_max {
            self.send_early()?;
        }
        Ok(Appended::Done)
    }

    fn flush(&mut self) -> Result<Vec<BatchReport>> {
        self.send()?;
        Ok(std::mem::take(&mut self.reports))
    }

    fn begin_flush(&mut self) -> Answer<Vec<BatchReport>> {
        self.begin(Self::flush)
    }

    fn begin_send_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        group: &GroupMetadata,
    ) -> Answer<()> {
        self.begin(|producer| producer.send_offsets(offsets, group))
    }

    fn begin_commit(&mut self) -> Answer<()> {
        self.begin(Self::commit_transaction)
    }

    fn begin_init(&mut self) -> Answer<()> {
        self.begin(Self::init_transactions)
    }

    fn begin_abort(&mut self) -> Answer<()> {
        self.begin(Self::abort_transaction)
    }

    fn take_refused(&mut self) -> Vec<RefusedRecord> {
        std::mem::take(&mut self.refused)
    }

    fn init_transactions(&mut self) -> Result {
        let Some(id) = self.transactional_id.clone() else {
            return Err(self.invalid("it has no transactional id"));
        };
        self.transaction = Transaction::None;
        self.drop_open();
        self.reports.clear();
        let producer =
            self.call(OperationKind::InitTransactions, |state, _| Ok(state.init_producer(&id)));
        self.shared.wake();
        self.transaction = Transaction::Ready(producer?);
        Ok(())
    }

    fn begin_transaction(&mut self) -> Result {
        match self.transaction {
            Transaction::Ready(producer) => {
                self.transaction = Transaction::Open(producer);
                self.begun += 1;
                self.has_failed = false;
                Ok(())
            }
            Transaction::None => Err(self.invalid("transactions were not initialised")),
            Transaction::Open(_) => Err(self.invalid("a transaction is open already")),
        }
    }

    fn send_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        group: &GroupMetadata,
    ) -> Result {
        if !matches!(self.transaction, Transaction::Open(_)) {
            return Err(self.invalid("no transaction is open"));
        }
        let now_ms = self.shared.now_ms();
        self.call(OperationKind::SendOffsets, |state, transactional| {
            transactional
                .map_or(Ok(()), |holder| state.send_offsets(holder, offsets, group, now_ms))
        })
    }

    fn commit_transaction(&mut self) -> Result {
        self.send()?;
        if self.has_failed {
            return Err(self.failed());
        }
        self.end(true)
    }

    fn abort_transaction(&mut self) -> Result {
        self.drop_open();
        self.end(false)
    }
}
