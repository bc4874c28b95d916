//! The consumer of a real cluster.

use std::{sync::Arc, time::Duration};

use hashbrown::HashMap;

use super::{
    failure::{is_out_of_range, kind_of_fetch, refused_credentials},
    ffi::{Client, Fetched, FetchedRecord, MessageBuffer, PartitionQueue},
    reach::Reach,
    topics::Topics,
};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{Consumer, IsolationLevel, RecordBatch, Records, fair_share::FairShare, wake::Wake},
    time::{Clock, SystemClock, duration_ms},
};

/// Reads each partition through its own queue: a partition that is held is not read, and keeps the
/// records fetched ahead.
///
/// librdkafka returns neither control records nor, with read-committed, records of aborted
/// transactions. Positions that moved past such records at the end of a log are known from the end
/// that it announces, once per offset.
#[derive(Debug)]
pub(super) struct RdKafkaConsumer {
    /// Declared before the client, because the queues belong to it.
    assigned: Vec<Assigned>,
    index: HashMap<TopicPartition, usize>,
    order: FairShare,
    topics: Topics,
    client: Arc<Client>,
    reach: Reach,
    isolation: IsolationLevel,
    wake: Arc<Wake>,
    buffer: MessageBuffer,
    /// An error that occurred while there were records to return.
    failure: Option<Error>,
}

#[derive(Debug)]
struct Assigned {
    partition: TopicPartition,
    queue: PartitionQueue,
    position: i64,
    /// True if the end was announced at the position.
    at_end: bool,
    lag: Option<i64>,
    held: bool,
    /// The reason why nothing comes any more.
    lost: Option<Error>,
}

impl RdKafkaConsumer {
    pub(super) fn new(client: Arc<Client>, isolation: IsolationLevel, topics: Topics) -> Self {
        Self {
            assigned: Vec::new(),
            index: HashMap::new(),
            order: FairShare::default(),
            topics,
            client,
            reach: Reach::default(),
            isolation,
            wake: Arc::default(),
            buffer: MessageBuffer::default(),
            failure: None,
        }
    }

    fn entry(&self, partition: &TopicPartition) -> Option<&Assigned> {
        self.assigned.get(*self.index.get(partition)?)
    }

    fn take(&mut self, max_records: usize) -> Result<Vec<RecordBatch>> {
        let Self { assigned, order, buffer, failure, .. } = self;
        let mut batches = Vec::new();
        order.share_out(assigned.len(), max_records, |at, most| {
            let is_open = |assigned: &&mut Assigned| !assigned.held && !assigned.queue.is_empty();
            let assigned = assigned.get_mut(at).filter(is_open);
            let taken = assigned.and_then(|assigned| assigned.take(buffer, most, failure));
            let records = taken.as_ref().map_or(0, RecordBatch::len);
            batches.extend(taken);
            Ok(records)
        })?;
        for assigned in &mut self.assigned {
            assigned.lag = assigned.lag_now(self.isolation);
        }
        Ok(batches)
    }

    /// The error that keeps the consumer from reading, reported once; a lost partition reports it
    /// every time.
    fn check(&mut self) -> Result {
        self.reach.serve(&self.client, Duration::ZERO);
        if let Some(lost) = self.assigned.iter().find_map(|assigned| assigned.lost.clone()) {
            return Err(lost);
        }
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let events = self.client.events();
        if events.take_all_down() {
            let refused = refused_credentials(events);
            return Err(refused.unwrap_or_else(|| {
                let (client, because) = (events.client_id(), events.because());
                let text = format!("consumer `{client}`: no broker is in reach{because}");
                Error::new(ErrorKind::Unavailable, text)
            }));
        }
        Ok(())
    }
}

impl Assigned {
    /// Takes up to `most` records. `None` if none came that moves the position.
    fn take(
        &mut self,
        buffer: &mut MessageBuffer,
        most: usize,
        failure: &mut Option<Error>,
    ) -> Option<RecordBatch> {
        let Self { partition, queue, position, at_end, lost, .. } = self;
        let started_at = *position;
        let mut records = Records::new();
        let (mut base, mut leader_epoch) = (None, None);
        while records.len() < most {
            let wanted = buffer.len().min(most - records.len());
            let taken = queue.take(buffer, wanted, |fetched| match fetched {
                // Left from before a seek; librdkafka drops these as far as it knows of them.
                Fetched::Record(record) if record.offset() < *position => {}
                Fetched::Record(record) => {
                    push(&mut records, &record, *base.get_or_insert(record.offset()));
                    *position = record.offset() + 1;
                    leader_epoch = record.leader_epoch();
                    *at_end = false;
                }
                Fetched::End(offset) => {
                    *position = offset.max(*position);
                    *at_end = true;
                }
                Fetched::Failed(code, text) => {
                    let at = format!("{partition}@{position}");
                    let kind = kind_of_fetch(code);
                    let text = match kind {
                        ErrorKind::InvalidState if is_out_of_range(code) => {
                            format!("{at} is out of the log's range: {code}: {text}")
                        }
                        ErrorKind::InvalidState => format!("{partition} is gone: {code}: {text}"),
                        _ => format!("can't read {at}: {code}: {text}"),
                    };
                    let error = Error::new(kind, text);
                    if kind == ErrorKind::Unavailable {
                        *failure = Some(error);
                    } else {
                        *lost = Some(error);
                    }
                }
            });
            if taken < wanted {
                break;
            }
        }
        let moved = *position > started_at;
        moved.then(|| {
            let (partition, records_len) = (partition.clone(), records.len());
            let base = base.unwrap_or(*position);
            RecordBatch::new(partition, Arc::new(records), base, 0..records_len, *position)
                .with_leader_epoch(leader_epoch)
        })
    }

    /// Number of records after the position at the last fetch. Only the high watermark is known, so
    /// a reader of committed records counts those of open transactions until the end is announced.
    fn lag_now(&self, isolation: IsolationLevel) -> Option<i64> {
        let is_stable_end = isolation == IsolationLevel::ReadCommitted && self.at_end;
        if is_stable_end && self.queue.is_empty() {
            return Some(0);
        }
        match self.queue.high_watermark() {
            Some(high) => Some((high - self.position).max(0)),
            None => self.at_end.then_some(0),
        }
    }
}

fn push(records: &mut Records, record: &FetchedRecord<'_>, base: i64) {
    records.push_at(
        record.offset() - base,
        record.timestamp(),
        record.key(),
        record.value(),
        record.headers(),
    );
}

impl Consumer for RdKafkaConsumer {
    fn assign(&mut self, partition: &TopicPartition, offset: i64) -> Result {
        let topic = self.topics.of(&self.client, partition)?;
        // A partition that moves is stopped before it starts at another offset.
        self.unassign(partition);
        let queue = PartitionQueue::start(&topic, partition.partition, offset, &self.wake);
        let queue = queue.map_err(|code| {
            let text = format!("can't read {partition}@{offset}: {code}: {}", code.text());
            Error::new(ErrorKind::InvalidState, text)
        })?;
        self.index.insert(partition.clone(), self.assigned.len());
        self.assigned.push(Assigned {
            partition: partition.clone(),
            queue,
            position: offset,
            at_end: false,
            lag: None,
            held: false,
            lost: None,
        });
        Ok(())
    }

    fn unassign(&mut self, partition: &TopicPartition) {
        let Some(at) = self.index.remove(partition) else { return };
        self.assigned.swap_remove(at);
        if let Some(moved) = self.assigned.get(at) {
            self.index.insert(moved.partition.clone(), at);
        }
    }

    fn poll(&mut self, max_records: usize, max_wait: Duration) -> Result<Vec<RecordBatch>> {
        let until_ms = SystemClock.now_ms().saturating_add(duration_ms(max_wait));
        loop {
            self.wake.reset();
            self.check()?;
            let batches = self.take(max_records)?;
            if !batches.is_empty() {
                return Ok(batches);
            }
            self.check()?;
            let left_ms = until_ms.saturating_sub(SystemClock.now_ms());
            let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)).min(max_wait);
            if left.is_zero() {
                return Ok(batches);
            }
            self.wake.wait(left);
        }
    }

    fn hold(&mut self, partition: &TopicPartition, held: bool) {
        let at = self.index.get(partition).copied();
        if let Some(assigned) = at.and_then(|at| self.assigned.get_mut(at)) {
            assigned.held = held;
        }
    }

    fn position(&self, partition: &TopicPartition) -> Option<i64> {
        self.entry(partition).map(|assigned| assigned.position)
    }

    fn lag(&self, partition: &TopicPartition) -> Option<i64> {
        self.entry(partition).and_then(|assigned| assigned.lag)
    }
}
