//! The consumer of the embedded cluster.

use std::{sync::Arc, time::Duration};

use hashbrown::HashMap;

use super::{OperationKind, shared::Shared, state::ClusterState};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{Consumer, ConsumerSettings, IsolationLevel, RecordBatch, fair_share::FairShare},
    time::duration_ms,
};

/// Positions on partitions. A poll gives each partition an equal share of the requested records,
/// and the rest to those that have more, starting with a different one each time.
#[derive(Debug)]
pub(super) struct EmbeddedConsumer {
    shared: Arc<Shared>,
    client_id: String,
    isolation: IsolationLevel,
    assigned: Vec<Assigned>,
    index: HashMap<TopicPartition, usize>,
    order: FairShare,
}

#[derive(Debug)]
struct Assigned {
    partition: TopicPartition,
    position: i64,
    lag: Option<i64>,
    held: bool,
}

impl EmbeddedConsumer {
    pub(super) fn new(shared: Arc<Shared>, settings: &ConsumerSettings) -> Self {
        Self {
            shared,
            client_id: settings.client_id.clone(),
            isolation: settings.isolation,
            assigned: Vec::new(),
            index: HashMap::new(),
            order: FairShare::default(),
        }
    }

    fn entry(&self, partition: &TopicPartition) -> Option<&Assigned> {
        self.assigned.get(*self.index.get(partition)?)
    }

    fn check_positions(&self, state: &ClusterState) -> Result {
        let led = self.assigned.iter().filter(|assigned| state.has_leader(&assigned.partition));
        for Assigned { partition, position, .. } in led {
            let log = state.log(partition).map_err(|error| {
                Error::with_source(ErrorKind::InvalidState, format!("{partition} is gone"), error)
            })?;
            log.check_position(partition, *position)?;
        }
        Ok(())
    }

    fn fetch(&mut self, state: &ClusterState, max_records: usize) -> Result<Vec<RecordBatch>> {
        self.check_positions(state)?;
        let Self { assigned, order, isolation, .. } = self;
        let mut batches = Vec::new();
        order.share_out(assigned.len(), max_records, |at, most| {
            let assigned = assigned.get_mut(at);
            let led = assigned.filter(|assigned| state.has_leader(&assigned.partition));
            let Some(Assigned { partition, position, lag, held }) = led else { return Ok(0) };
            let log = state.log(partition)?;
            let mut taken = 0;
            if !*held {
                (*position, taken) =
                    log.fetch(partition, *position, *isolation, most, &mut batches);
            }
            *lag = Some((log.visible_end(*isolation) - *position).max(0));
            Ok(taken)
        })?;
        Ok(batches)
    }
}

impl Consumer for EmbeddedConsumer {
    fn assign(&mut self, partition: &TopicPartition, offset: i64) -> Result {
        self.shared.lock().log(partition)?;
        let assigned =
            Assigned { partition: partition.clone(), position: offset, lag: None, held: false };
        let at = self.index.get(partition).copied();
        if let Some(old) = at.and_then(|at| self.assigned.get_mut(at)) {
            *old = assigned;
        } else {
            self.index.insert(partition.clone(), self.assigned.len());
            self.assigned.push(assigned);
        }
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
        let shared = Arc::clone(&self.shared);
        shared.before_read(&self.client_id, OperationKind::Fetch)?;
        let waits = shared.settings.polls_wait && !max_wait.is_zero();
        let deadline_ms = shared.now_ms().saturating_add(duration_ms(max_wait));
        let mut state = shared.lock();
        loop {
            let batches = self.fetch(&state, max_records)?;
            if !batches.is_empty() || !waits {
                return Ok(batches);
            }
            let left_ms = deadline_ms.saturating_sub(shared.now_ms());
            let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)).min(max_wait);
            if left.is_zero() || !shared.wait(&mut state, left) {
                return Ok(batches);
            }
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
