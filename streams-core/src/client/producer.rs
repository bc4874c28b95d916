//! Writing records, alone or in transactions.

use std::{fmt::Debug, time::Duration};

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

impl ProduceRecord<'_> {
    /// Bytes of key, value and headers.
    pub(crate) fn byte_len(&self) -> usize {
        let part = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
        let headers = self.headers.iter().map(|(name, value)| name.len() + part(value));
        part(self.key) + part(self.value) + headers.sum::<usize>()
    }
}

/// Result of one batch of a partition.
#[derive(Clone, Debug)]
pub struct BatchReport {
    /// Partition of the batch.
    pub topic_partition: TopicPartition,
    /// Number of its records.
    pub records: usize,
    /// The offset of its first record, or the reason why it was not written.
    pub result: Result<i64>,
}

/// Result of appending a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a record that was not taken is to be appended again"]
pub enum Appended {
    /// It is in the open batch of its partition.
    Done,
    /// It was not taken, because the producer has no room: append it again when others are written.
    Full,
}

impl Appended {
    /// Returns whether the record was not taken.
    pub const fn is_full(self) -> bool {
        matches!(self, Self::Full)
    }
}

/// Appends records to open batches, one batch per partition.
///
/// It never waits for room: it reports that it is full, and the caller comes again, with the same
/// record first, since the order of a partition is the order in which its records are taken. A
/// producer sends its batches by itself, so there is room again without a flush, unless the cluster
/// is out of reach.
///
/// A producer made with a transactional id writes only between `begin_transaction` and
/// `commit_transaction` or `abort_transaction`.
pub trait Producer: Send + Debug {
    /// Number of partitions of a topic.
    ///
    /// # Errors
    /// `InvalidTopic` if it does not exist.
    fn partitions(&mut self, topic: &str) -> Result<i32>;

    /// The id of the producer in the slots from [`slot`](Self::slot): it stays the same for as long
    /// as this producer lives.
    fn id(&self) -> ProducerId;

    /// Looks a partition up. The slot is valid for as long as this producer lives, even if its
    /// topic is deleted or grows; but records for a deleted partition are refused later.
    ///
    /// # Errors
    /// `InvalidTopic` if the partition does not exist.
    fn slot(&mut self, to: &TopicPartition) -> Result<PartitionSlot>;

    /// Copies a record into the open batch of a partition, unless there is no room. Order within a
    /// partition is kept.
    ///
    /// # Errors
    /// `Production` if the record is larger than the producer sends, also while it is full;
    /// `Unavailable` if it has been full for `max.block.ms` and took nothing; `Fenced` if the
    /// membership for which it writes is over; `InvalidState` if the slot belongs to another
    /// producer, or outside a transaction if this one is transactional; `Timeout` if the open
    /// transaction has failed and can only be aborted.
    fn append(&mut self, slot: PartitionSlot, record: ProduceRecord<'_>) -> Result<Appended>;

    /// Looks a partition up and [appends](Self::append) a record to it: for callers that write only
    /// a few.
    ///
    /// # Errors
    /// The errors of both, and `Unavailable` if there is no room: [`flush`](Self::flush), then
    /// append it again.
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

    /// Sends the batches that have waited for `linger.ms`. Returns the time after which the next is
    /// due and this must be called again, even by a caller that waits for something else: none if
    /// no batch is in transit, so that nothing is gained by waiting unless more records come.
    /// Returns `None` if no batch is open, or if the producer has its own timer.
    fn send_due(&mut self) -> Option<Duration> {
        None
    }

    /// Sends the open batches, for a caller that has nothing to append now. Does nothing if the
    /// producer has its own timer.
    fn send_idle(&mut self) {}

    /// Sends the open batches and waits for all of them; returns one report per batch since the
    /// last flush.
    ///
    /// # Errors
    /// `Fenced` if another producer took over the transactional id, `Timeout` if the outcome is
    /// unknown.
    fn flush(&mut self) -> Result<Vec<BatchReport>>;

    /// Like [`flush`](Self::flush), but the caller does not wait. Calls made meanwhile wait for the
    /// answer; dropping it cancels nothing.
    fn begin_flush(&mut self) -> Answer<Vec<BatchReport>> {
        Answer::ready(self.flush())
    }

    /// The records that the cluster refused for good since the last call, as far as is known: after
    /// a flush those with failed reports, after an aborted transaction those of it. If there are
    /// very many, only the first ones. The other records of their batches were not written either.
    /// A transaction with such a record can only be aborted, and another producer must continue:
    /// librdkafka's has lost its sequence numbers.
    fn take_refused(&mut self) -> Vec<RefusedRecord> {
        Vec::new()
    }

    /// Registers the transactional id: fences its earlier producers and aborts their open
    /// transactions.
    ///
    /// # Errors
    /// `Unavailable` or `Timeout`: try again.
    fn init_transactions(&mut self) -> Result;

    /// Like [`init_transactions`](Self::init_transactions), but the caller does not wait.
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

    /// Like [`send_offsets`](Self::send_offsets), but the caller does not wait.
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

    /// Like [`commit_transaction`](Self::commit_transaction), but the caller does not wait.
    fn begin_commit(&mut self) -> Answer<()> {
        Answer::ready(self.commit_transaction())
    }

    /// Aborts: drops open batches, hides records, forgets offsets.
    ///
    /// # Errors
    /// `Fenced`, or `Timeout` if the outcome is unknown.
    fn abort_transaction(&mut self) -> Result;

    /// Like [`abort_transaction`](Self::abort_transaction), but the caller does not wait, not even
    /// for a call in progress.
    fn begin_abort(&mut self) -> Answer<()> {
        Answer::ready(self.abort_transaction())
    }
}
