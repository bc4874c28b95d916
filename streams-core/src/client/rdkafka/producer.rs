//! The producer of a real cluster.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use super::{
    deliveries::{Run, Tag},
    events::Refusal,
    failure::{is_at_fault, is_fenced, kind_of_write, of_transaction, refused_credentials},
    ffi::{Client, Code, GroupIdentity, Topic, TransactionFailure},
    reach::Reach,
    topics::Topics,
};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{
        Appended, BatchReport, GroupMetadata, Lease, OffsetAndMetadata, PartitionSlot,
        ProduceRecord, Producer, ProducerId, ProducerSettings, RefusedRecord, Slots,
        refused::{advice_on_refusal, in_words},
    },
    time::{Clock, SystemClock, duration_ms},
};

/// Number of records after which delivery reports are processed, so that they don't pile up.
const RECORDS_BETWEEN_REPORTS: u32 = 1_000;
/// Extra time for which a call is awaited beyond librdkafka's limit.
const SLACK: Duration = Duration::from_secs(1);
/// Extra time for which a flush waits beyond the longest time until a record is reported.
const FLUSH_GRACE: Duration = Duration::from_secs(5);
/// Interval at which the lease is asked, which takes a lock.
const LEASE_LOOK: Duration = Duration::from_millis(100);
/// Interval at which a flush checks whether it should continue.
const FLUSH_TURN: Duration = Duration::from_millis(100);

/// Time limits of calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProducerWaits {
    /// `max.block.ms`: for room in the buffers, and for calls to the cluster.
    pub(super) max_block: Duration,
    /// `delivery.timeout.ms`: until a record is written or given up.
    pub(super) delivery_timeout: Duration,
    /// `transaction.timeout.ms`: after this time the cluster ends a transaction itself.
    pub(super) transaction_timeout: Duration,
}

impl ProducerWaits {
    /// Limit of a call that is useless once its transaction has ended.
    fn in_transaction(self) -> Duration {
        self.max_block.min(self.transaction_timeout)
    }
}

/// Writes records through librdkafka's idempotent producer, in transactions if it has a
/// transactional id.
#[derive(Debug)]
pub(super) struct RdKafkaProducer {
    client: Arc<Client>,
    reach: Reach,
    lease: Lease,
    /// Time during which the lease need not be asked again.
    admitted_ms: Range<i64>,
    transactional_id: Option<String>,
    one_by_one: bool,
    transaction: Transaction,
    waits: ProducerWaits,
    topics: Topics,
    /// The topics of the partitions that were looked up; a record carries the index of its slot.
    targets: Slots<Arc<Topic>>,
    appended: u32,
    /// Time since which its buffers have been full and it has taken no record.
    full_since_ms: Option<i64>,
    is_given_up: Arc<AtomicBool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transaction {
    /// There are no transactions, or they were not initialised.
    None,
    /// Between transactions.
    Ready,
    /// In a transaction.
    Open,
    /// A call has not returned. The producer can only be dropped.
    Stuck,
}

impl RdKafkaProducer {
    pub(super) fn new(
        client: Arc<Client>,
        settings: &ProducerSettings,
        waits: ProducerWaits,
        topics: Topics,
    ) -> Self {
        Self {
            client,
            reach: Reach::default(),
            lease: settings.lease.clone(),
            admitted_ms: 0..0,
            transactional_id: settings.transactional_id.clone(),
            one_by_one: settings.one_by_one,
            transaction: Transaction::None,
            waits,
            topics,
            targets: Slots::new(),
            appended: 0,
            full_since_ms: None,
            is_given_up: Arc::default(),
        }
    }

    /// Flag that ends a flush in progress, because nobody waits for it any more.
    pub(super) fn given_up(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_given_up)
    }

    fn invalid(&self, what: &str) -> Error {
        let client = self.client.events().client_id();
        Error::new(ErrorKind::InvalidState, format!("producer `{client}`: {what}"))
    }

    /// Passes the record on, if there is room.
    fn produce(&mut self, slot: PartitionSlot, record: ProduceRecord<'_>) -> Result<Appended> {
        if !self.is_admitted()? {
            return Ok(Appended::Full);
        }
        let mut code = self.try_produce(slot, record)?;
        if code == Some(Code::QUEUE_FULL) {
            // Handling pending reports makes room.
            self.client_turn(Duration::ZERO)?;
            code = self.try_produce(slot, record)?;
        }
        let Some(code) = code else {
            self.full_since_ms = None;
            return Ok(Appended::Done);
        };
        let now_ms = SystemClock.now_ms();
        let since_ms = *self.full_since_ms.get_or_insert(now_ms);
        let lasts_ms = now_ms.saturating_sub(since_ms);
        if code == Code::QUEUE_FULL && lasts_ms < duration_ms(self.waits.max_block) {
            return Ok(Appended::Full);
        }
        self.full_since_ms = None;
        Err(self.refused(self.targets.partition(slot)?, record, code))
    }

    /// Passes the record on; returns the reason if it was not taken.
    fn try_produce(&self, slot: PartitionSlot, record: ProduceRecord<'_>) -> Result<Option<Code>> {
        let (topic, partition) = (self.targets.get(slot)?, self.targets.partition(slot)?);
        let tag = Tag::new(slot.index(), record.timestamp);
        Ok(topic.produce(partition.partition, record, tag).err())
    }

    /// The error for a record that was not taken.
    fn refused(&self, to: &TopicPartition, record: ProduceRecord<'_>, code: Code) -> Error {
        if let Some(fatal) = self.fatal_error() {
            return fatal;
        }
        // An earlier record was not written in time: nothing in the transaction can be committed
        // any more.
        let has_failed =
            kind_of_write(code) == ErrorKind::InvalidState && self.transaction == Transaction::Open;
        let kind = if has_failed { ErrorKind::Timeout } else { kind_of_write(code) };
        let text = match kind {
            _ if has_failed => format!("the open transaction has failed before a record for {to}"),
            ErrorKind::Production => {
                // The client itself refuses a record for no other reason.
                let setting = "it is larger than producer.max.request.size, which max.message.bytes of the topic must \
                               allow too";
                format!(
                    "{} for {to} is refused: {setting} ({code})",
                    in_words(record.key, record.value)
                )
            }
            ErrorKind::Unavailable => {
                let because = self.client.events().because();
                format!("no room for a record for {to}: the producer's buffers are full{because}")
            }
            _ => format!("a record for {to} is refused: {code}: {}", code.text()),
        };
        Error::new(kind, text)
    }

    /// The error after which this producer can't be used any more. One that is not fenced may be
    /// replaced.
    fn fatal_error(&self) -> Option<Error> {
        let (code, text) = self.client.fatal_error()?;
        let failure = TransactionFailure {
            code,
            text,
            is_fatal: true,
            is_retriable: false,
            requires_abort: true,
        };
        Some(of_transaction(self.client.events(), "writing", &failure))
    }

    fn report(&self, run: &Run) -> Option<BatchReport> {
        let Run { slot, records, result } = *run;
        let topic_partition = self.targets.at(slot)?.0.clone();
        let result = match result {
            Ok(base) if base >= 0 => Ok(base),
            // The broker had the batch already and has forgotten its offset.
            Ok(_) => {
                let text = format!(
                    "{records} records were written to {topic_partition}, at an unknown offset"
                );
                Err(Error::new(ErrorKind::Timeout, text))
            }
            Err(code) => Err(self.not_written(&topic_partition, records, code)),
        };
        Some(BatchReport { topic_partition, records, result })
    }

    fn not_written(&self, to: &TopicPartition, records: usize, code: Code) -> Error {
        let mut kind = kind_of_write(code);
        let events = self.client.events();
        let because = if kind == ErrorKind::Timeout { events.because() } else { String::new() };
        if kind == ErrorKind::Timeout && refused_credentials(events).is_some() {
            kind = ErrorKind::Config;
        }
        let advice = advice_on_refusal(code.number())
            .map_or_else(String::new, |advice| format!("; {advice}"));
        let why = code.text();
        let text = format!("{records} records for {to} were not written: {code}: {why}{advice}");
        Error::new(kind, text + &because)
    }

    fn refused_record(&self, refusal: Refusal) -> Option<RefusedRecord> {
        let Refusal { slot, code, fingerprint, has_key, record } = refusal;
        let topic_partition = self.targets.at(slot)?.0.clone();
        let advice = advice_on_refusal(code.number())
            .map_or_else(String::new, |advice| format!("; {advice}"));
        let text =
            format!("{record} for {topic_partition} is refused: {code}: {}{advice}", code.text());
        let error = Error::new(ErrorKind::Production, text);
        let is_named = self.one_by_one || is_at_fault(code, has_key);
        Some(RefusedRecord { topic_partition, fingerprint, is_named, error })
    }

    /// One turn of a wait. It ends with the membership: by then others may have its tasks, and late
    /// writes must not overwrite theirs. A transaction does not need that, but has nothing to wait
    /// for either.
    fn client_turn(&mut self, wait: Duration) -> Result {
        self.reach.serve(&self.client, wait);
        if !self.lease.is_over() {
            return Ok(());
        }
        self.admitted_ms = 0..0;
        self.client.purge();
        let client = self.client.events().client_id();
        let text = format!(
            "producer `{client}`: the group gave the member up while records were on their way"
        );
        Err(Error::new(ErrorKind::Fenced, text))
    }

    /// Returns whether a record taken now can't arrive when others have the tasks. Transactions
    /// don't need this: the cluster itself drops late records.
    fn is_admitted(&mut self) -> Result<bool> {
        if self.transactional_id.is_some() {
            return Ok(true);
        }
        let now_ms = SystemClock.now_ms();
        if self.admitted_ms.contains(&now_ms) {
            return Ok(true);
        }
        let admitted_ms = duration_ms(self.lease.admits_for().min(LEASE_LOOK));
        self.admitted_ms = now_ms..now_ms.saturating_add(admitted_ms);
        if admitted_ms == 0 {
            self.client_turn(Duration::ZERO)?;
        }
        Ok(admitted_ms > 0)
    }

    /// Sends everything and waits for it. Returns whether all is reported.
    fn send_all(&mut self) -> Result {
        let wait = self.waits.delivery_timeout.saturating_add(FLUSH_GRACE);
        let until_ms = SystemClock.now_ms().saturating_add(duration_ms(wait));
        let mut is_doomed = false;
        while SystemClock.now_ms() < until_ms && !self.is_given_up.load(Ordering::Relaxed) {
            self.client_turn(Duration::ZERO)?;
            if self.client.events().take_failed() && self.transaction == Transaction::Open {
                is_doomed = true;
            }
            if is_doomed {
                // Only records in transit are still answered. The rest is never sent, and would
                // wait until it is given up.
                self.client.purge_queued();
            }
            if self.client.flush(FLUSH_TURN) {
                return Ok(());
            }
        }
        let (client, because) = (self.client.events().client_id(), self.client.events().because());
        let text =
            format!("producer `{client}`: no report of some records within {wait:?}{because}");
        Err(Error::new(ErrorKind::Timeout, text))
    }

    fn failed(&self, what: &str, failure: &TransactionFailure) -> Error {
        of_transaction(self.client.events(), what, failure)
    }

    /// Sends offsets from a separate thread: while a group's coordinator moves, librdkafka may stop
    /// looking for it and never return. The client then lives for as long as that thread does.
    fn send_from_a_thread(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        identity: GroupIdentity,
    ) -> Result<(), TransactionFailure> {
        let wait = self.waits.in_transaction();
        let (sender, receiver) = mpsc::sync_channel(1);
        let (client, offsets) = (Arc::clone(&self.client), offsets.to_vec());
        let started =
            thread::Builder::new().name("kafka-send-offsets".to_owned()).spawn(move || {
                // The caller may have stopped waiting.
                let _ = sender.send(client.send_offsets(&offsets, &identity, wait));
            });
        if let Err(cause) = started {
            return Err(TransactionFailure::timed_out(&format!("no thread starts: {cause}")));
        }
        receiver.recv_timeout(wait.saturating_add(SLACK)).unwrap_or_else(|_| {
            self.transaction = Transaction::Stuck;
            let text = format!("no answer of the group's coordinator within {wait:?}");
            Err(TransactionFailure::timed_out(&text))
        })
    }

    fn check_open(&self) -> Result {
        match (&self.transactional_id, self.transaction) {
            (_, Transaction::Open) => Ok(()),
            (_, Transaction::Stuck) => Err(self.invalid("a call has not come back")),
            (Some(id), _) => Err(self.invalid(&format!("no transaction of `{id}` is open"))),
            (None, _) => Err(self.invalid("it has no transactional id")),
        }
    }
}

impl Producer for RdKafkaProducer {
    fn partitions(&mut self, topic: &str) -> Result<i32> {
        self.topics.partitions(&self.client, topic)
    }

    fn id(&self) -> ProducerId {
        self.targets.producer()
    }

    fn slot(&mut self, to: &TopicPartition) -> Result<PartitionSlot> {
        let (known, topics, client) = (self.targets.len(), &mut self.topics, &self.client);
        self.targets.resolve(to, || {
            if known >= Tag::SLOTS {
                let text = format!("a producer writes to no more than {known} partitions");
                return Err(Error::new(ErrorKind::InvalidState, text));
            }
            topics.of(client, to)
        })
    }

    fn append(&mut self, slot: PartitionSlot, record: ProduceRecord<'_>) -> Result<Appended> {
        if self.transactional_id.is_some() {
            self.check_open()?;
        }
        // librdkafka takes 0 for "now".
        let timestamp = if record.timestamp == 0 { 1 } else { record.timestamp };
        let appended = self.produce(slot, ProduceRecord { timestamp, ..record })?;
        self.appended += 1;
        if self.appended >= RECORDS_BETWEEN_REPORTS {
            self.appended = 0;
            self.reach.serve(&self.client, Duration::ZERO);
        }
        Ok(appended)
    }

    fn flush(&mut self) -> Result<Vec<BatchReport>> {
        self.send_all()?;
        let runs = self.client.events().take_deliveries().into_runs();
        let fenced = |run: &Run| run.result.err().filter(|code| is_fenced(*code));
        if let Some(code) = runs.iter().find_map(fenced) {
            let client = self.client.events().client_id();
            let text = format!("producer `{client}` was replaced by another: {code}");
            return Err(Error::new(ErrorKind::Fenced, text));
        }
        if let Some(fatal) = self.fatal_error() {
            return Err(fatal);
        }
        Ok(runs.iter().filter_map(|run| self.report(run)).collect())
    }

    fn take_refused(&mut self) -> Vec<RefusedRecord> {
        let refusals = self.client.events().take_refusals();
        refusals.into_iter().filter_map(|refusal| self.refused_record(refusal)).collect()
    }

    fn init_transactions(&mut self) -> Result {
        if self.transactional_id.is_none() {
            return Err(self.invalid("it has no transactional id"));
        }
        if self.transaction != Transaction::None {
            return Err(self.invalid("transactions are initialised already"));
        }
        let done = self.client.init_transactions(self.waits.max_block);
        done.map_err(|failure| self.failed("init_transactions", &failure))?;
        self.transaction = Transaction::Ready;
        Ok(())
    }

    fn begin_transaction(&mut self) -> Result {
        match self.transaction {
            Transaction::Ready => {}
            Transaction::None => return Err(self.invalid("transactions were not initialised")),
            Transaction::Stuck => return Err(self.invalid("a call has not come back")),
            Transaction::Open => return Err(self.invalid("a transaction is open already")),
        }
        let done = self.client.begin_transaction();
        done.map_err(|failure| self.failed("begin_transaction", &failure))?;
        self.transaction = Transaction::Open;
        Ok(())
    }

    fn send_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        group: &GroupMetadata,
    ) -> Result {
        self.check_open()?;
        group.check_member()?;
        let GroupMetadata { group_id, member_id, member_epoch, .. } = group;
        let identity = GroupIdentity::new(group)
            .ok_or_else(|| self.invalid("the group's or member's name has a null byte in it"))?;
        self.send_from_a_thread(offsets, identity).map_err(|failure| {
            let what = format!(
                "send_offsets of group {group_id} as member {member_id}, epoch {member_epoch},"
            );
            self.failed(&what, &failure)
        })
    }

    fn commit_transaction(&mut self) -> Result {
        self.check_open()?;
        // librdkafka would flush too, and then commit nothing if a record failed.
        self.send_all()?;
        let done = self.client.commit_transaction(self.waits.in_transaction());
        done.map_err(|failure| self.failed("commit_transaction", &failure))?;
        self.transaction = Transaction::Ready;
        Ok(())
    }

    fn abort_transaction(&mut self) -> Result {
        self.check_open()?;
        let done = self.client.abort_transaction(self.waits.in_transaction());
        // The results of the records are of no interest any more.
        drop(self.client.events().take_deliveries());
        self.client.events().take_failed();
        done.map_err(|failure| self.failed("abort_transaction", &failure))?;
        self.transaction = Transaction::Ready;
        Ok(())
    }
}
