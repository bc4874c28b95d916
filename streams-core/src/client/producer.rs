//! Writing records, alone or in transactions.

use std::fmt::Debug;

use super::{Answer, GroupMetadata, OffsetAndMetadata, PartitionSlot, ProducerId, RefusedRecord};
use crate::{Error, ErrorKind, Headers, Result, TopicPartition};

/// A record on its way to a partition.
#[derive(Clone, Copy, Debug)]
pub struct ProduceRecord<'a> {
    /// Timestamp in milliseconds since the epoch.
    pub timestamp: i64,
    /// Key bytes.
    pub key: Option<&'a [u8]>,
    /// Value bytes.
    pub value: Option<&'a [u8]>,
    /// Headers.
    pub headers: &'a Headers,
}

/// What became of one batch of a partition.
#[derive(Clone, Debug)]
pub struct BatchReport {
    /// Where the batch went.
    pub topic_partition: TopicPartition,
    /// Number of records in it.
    pub records: usize,
    /// The offset of its first record, or why it was not written.
    pub result: Result<i64>,
}

/// What became of a record that was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a record that was not taken is to be appended again"]
pub enum Appended {
    /// It is in the open batch of its partition.
    Done,
    /// It was not taken, for the producer has no room: it is to be appended again when others are written.
    Full,
}

impl Appended {
    /// Whether the record was not taken.
    pub const fn is_full(self) -> bool {
        matches!(self, Self::Full)
    }
}

/// Appends records to open batches, a batch a partition.
///
/// It never waits for room: it says that it is full, and whoever writes comes again, with the same record first, for the
/// order of a partition is the order in which its records are taken. A producer sends by itself what it has, so that there
/// is room again without a flush, unless the cluster is out of reach.
///
/// A producer made with a transactional id writes only between `begin_transaction` and
/// `commit_transaction` or `abort_transaction`.
pub trait Producer: Send + Debug {
    /// Number of partitions of a topic.
    ///
    /// # Errors
    /// `InvalidTopic` if it does not exist.
    fn partitions(&mut self, topic: &str) -> Result<i32>;

    /// The producer whose slots [`slot`](Self::slot) hands out: it stays the same for as long as this one lives.
    fn id(&self) -> ProducerId;

    /// Looks a partition up. The slot is good for as long as this producer lives: when its topic is deleted or grows, too,
    /// though what is written to a partition that is gone is refused later.
    ///
    /// # Errors
    /// `InvalidTopic` if the partition does not exist.
    fn slot(&mut self, to: &TopicPartition) -> Result<PartitionSlot>;

    /// Copies a record into the open batch of a partition, unless there is no room. Order within a partition is kept.
    ///
    /// # Errors
    /// `Production` if the record is larger than the producer sends, also while it is full; `Unavailable` if it has been
    /// full for `max.block.ms` and took nothing; `Fenced` if the membership for which it writes is over, `InvalidState` if the slot is of another producer, or
    /// outside of a transaction if this one is transactional, `Timeout` if the open transaction has failed and can only be
    /// aborted.
    fn append(&mut self, slot: PartitionSlot, record: ProduceRecord<'_>) -> Result<Appended>;

    /// Looks a partition up and [appends](Self::append) a record to it: for who writes only a few.
    ///
    /// # Errors
    /// Those of both, and `Unavailable` if there is no room: [`flush`](Self::flush), then append it again.
    fn append_to(&mut self, to: &TopicPartition, record: ProduceRecord<'_>) -> Result {
        let slot = self.slot(to)?;
        match self.append(slot, record)? {
            Appended::Done => Ok(()),
            Appended::Full => {
                let text = format!("the producer has no room for a record for {to} now");
                Err(Error::new(ErrorKind::Unavailable, text))
            }
        }
    }

    /// Sends what is open and waits for all of it; one report for each batch since the last flush.
    ///
    /// # Errors
    /// `Fenced` if another producer took over the transactional id, `Timeout` if the outcome is unknown.
    fn flush(&mut self) -> Result<Vec<BatchReport>>;

    /// As [`flush`](Self::flush), but the caller does not wait. Whatever is called meanwhile waits for the answer, and an
    /// answer that is dropped takes nothing back.
    fn begin_flush(&mut self) -> Answer<Vec<BatchReport>> {
        Answer::ready(self.flush())
    }

    /// The records that the cluster refused for good since this was asked last, as far as it was heard: those of failed
    /// reports after a flush, and after an aborted transaction those of it. Of very many, only the first. Others of
    /// their batches were not written either. A transaction that has such a record can only be aborted, and
    /// another producer is to go on: librdkafka's has lost count of what it wrote.
    fn take_refused(&mut self) -> Vec<RefusedRecord> {
        Vec::new()
    }

    /// Registers the transactional id: fences earlier producers of it and aborts what they left open.
    ///
    /// # Errors
    /// `Unavailable` or `Timeout`, to be tried again.
    fn init_transactions(&mut self) -> Result;

    /// As [`init_transactions`](Self::init_transactions), but the caller does not wait.
    fn begin_init(&mut self) -> Answer<()> {
        Answer::ready(self.init_transactions())
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// `InvalidState` if one is open or transactions were not initialised.
    fn begin_transaction(&mut self) -> Result;

    /// Adds input offsets to the transaction, under the member's epoch.
    ///
    /// # Errors
    /// `Fenced` if the member or the producer is a zombie: abort.
    fn send_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        group: &GroupMetadata,
    ) -> Result;

    /// As [`send_offsets`](Self::send_offsets), but the caller does not wait.
    fn begin_send_offsets(
        &mut self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        group: &GroupMetadata,
    ) -> Answer<()> {
        Answer::ready(self.send_offsets(offsets, group))
    }

    /// Commits: records and offsets become visible together.
    ///
    /// # Errors
    /// `Fenced`, or `Timeout` if the outcome is unknown.
    fn commit_transaction(&mut self) -> Result;

    /// As [`commit_transaction`](Self::commit_transaction), but the caller does not wait.
    fn begin_commit(&mut self) -> Answer<()> {
        Answer::ready(self.commit_transaction())
    }

    /// Aborts: drops open batches, hides records, forgets offsets.
    ///
    /// # Errors
    /// `Fenced`, or `Timeout` if the outcome is unknown.
    fn abort_transaction(&mut self) -> Result;

    /// As [`abort_transaction`](Self::abort_transaction), but the caller does not wait, not even for a call that has begun.
    fn begin_abort(&mut self) -> Answer<()> {
        Answer::ready(self.abort_transaction())
    }
}
