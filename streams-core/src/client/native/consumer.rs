//! The consumer of a real cluster.

use std::{sync::Arc, time::Duration};

use hashbrown::HashMap;
use kafka_client::{Client, consumer::ConsumerConfig};

use super::{
    assigned::Assigned, failure::of_fetching, io::IoThread, statistics::Measured, topics::Topics,
};
use crate::{
    Result, TopicPartition,
    client::{Consumer, RecordBatch, fair_share::FairShare, wake::Wake},
    time::{Clock, SystemClock, duration_ms},
};

/// Reads partitions from the batches that its I/O thread fetches ahead; a held partition keeps its
/// fetched batches.
#[derive(Debug)]
pub(super) struct NativeConsumer {
    measured: Arc<Measured>,
    /// Declared before the consumer, to which their readers belong.
    assigned: Vec<Assigned>,
    index: HashMap<TopicPartition, usize>,
    order: FairShare,
    consumer: kafka_client::consumer::Consumer,
    topics: Topics,
    wake: Arc<Wake>,
    /// Declared last, because the others run on it.
    _io: Arc<IoThread>,
}

impl NativeConsumer {
    pub(super) fn new(client: Client, io: Arc<IoThread>, config: ConsumerConfig) -> Self {
        let (client_id, meter) = (config.client_id.clone(), Arc::clone(client.meter()));
        let consumer = kafka_client::consumer::Consumer::new(&client, io.handle(), config);
        let wake = Arc::<Wake>::default();
        consumer.wake(&Arc::clone(&wake).into());
        Self {
            measured: Arc::new(Measured { client_id, meter }),
            assigned: Vec::new(),
            index: HashMap::new(),
            order: FairShare::default(),
            consumer,
            topics: Topics::new(client, Arc::clone(&io)),
            wake,
            _io: io,
        }
    }

    /// What tells of its figures.
    pub(super) const fn measured(&self) -> &Arc<Measured> {
        &self.measured
    }

    fn entry(&self, partition: &TopicPartition) -> Option<&Assigned> {
        self.assigned.get(*self.index.get(partition)?)
    }

    fn take(&mut self, max_records: usize) -> Result<Vec<RecordBatch>> {
        let Self { assigned, order, .. } = self;
        let mut batches = Vec::new();
        order.share_out(assigned.len(), max_records, |at, most| {
            let Some(assigned) = assigned.get_mut(at).filter(|assigned| !assigned.is_held) else {
                return Ok(0);
            };
            let mut taken = 0;
            while taken < most
                && assigned.has_more()
                && let Some(batch) = assigned.take(most - taken)
            {
                // A batch without records only moves the position.
                taken += batch.len();
                batches.push(batch);
            }
            Ok(taken)
        })?;
        Ok(batches)
    }

    /// The error that keeps partitions from being read; it stays until they are assigned again.
    fn check(&self) -> Result {
        let lost = self.assigned.iter().find_map(Assigned::lost);
        lost.map_or(Ok(()), |lost| Err(lost.clone()))
    }
}

impl Consumer for NativeConsumer {
    fn assign(&mut self, partition: &TopicPartition, offset: i64) -> Result {
        self.topics.check(partition)?;
        // A partition that moves gets a new reader.
        self.unassign(partition);
        let named = kafka_client::TopicPartition::new(&*partition.topic, partition.partition);
        let reader = self.consumer.read(&named, offset);
        self.index.insert(partition.clone(), self.assigned.len());
        self.assigned.push(Assigned::new(partition.clone(), reader, offset));
        Ok(())
    }

    fn unassign(&mut self, partition: &TopicPartition) {
        let Some(at) = self.index.remove(partition) else { return };
        self.assigned.swap_remove(at);
        if let Some(moved) = self.assigned.get(at) {
            self.index.insert(moved.partition().clone(), at);
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
            if let Some(trouble) = self.consumer.take_trouble() {
                return Err(of_fetching(&self.measured.client_id, trouble));
            }
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
            assigned.is_held = held;
        }
    }

    fn position(&self, partition: &TopicPartition) -> Option<i64> {
        self.entry(partition).map(Assigned::position)
    }

    fn lag(&self, partition: &TopicPartition) -> Option<i64> {
        self.entry(partition).and_then(Assigned::lag)
    }
}
