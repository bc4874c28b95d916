//! Input of a thread: its consumer, and the start position of each partition.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    super::app::App,
    tasks::{Slot, Tasks},
};
use crate::{
    Error, ErrorKind, Result, TaskId, TopicPartition,
    client::{
        Consumer, ConsumerRole, ConsumerSettings, OffsetAndMetadata, OffsetReset, PartitionOffsets,
        RecordBatch,
    },
    planted::{PlantedBug, is_planted},
};

/// Reads the input partitions of the running tasks.
pub(super) struct Input {
    app: Arc<App>,
    consumer: Box<dyn Consumer>,
    /// Tasks with a committed offset that may no longer be in its log.
    doubtful: BTreeSet<TaskId>,
}

impl Input {
    pub(super) fn new(app: &Arc<App>, thread: &str) -> Result<Self> {
        let client_id = format!("{thread}-consumer");
        let isolation = app.isolation();
        let settings = ConsumerSettings { client_id, isolation, role: ConsumerRole::Main };
        Ok(Self {
            app: Arc::clone(app),
            consumer: app.clients.consumer(&settings)?,
            doubtful: BTreeSet::new(),
        })
    }

    /// Notes that a position was not in its log: before the running tasks begin again, the bounds
    /// of their logs are looked up.
    pub(super) fn doubt(&mut self, tasks: &Tasks) {
        self.doubtful.extend(tasks.ids(Slot::is_running));
    }

    /// The inputs of a task whose log bounds must be looked up: those without a committed offset,
    /// since for others that is enough.
    pub(super) fn to_look_up(
        &self,
        task: TaskId,
        inputs: &[TopicPartition],
        committed: &BTreeMap<TopicPartition, OffsetAndMetadata>,
    ) -> Vec<TopicPartition> {
        let all = self.doubtful.contains(&task) || is_planted(PlantedBug::SkipFirstRecord);
        let inputs = inputs.iter();
        inputs.filter(|input| all || !committed.contains_key(input)).cloned().collect()
    }

    /// Number of records known to follow those polled from a partition.
    pub(super) fn lag(&self, partition: &TopicPartition) -> Option<i64> {
        self.consumer.lag(partition)
    }

    /// Begins to read for a task.
    pub(super) fn begin(&mut self, task: TaskId, positions: &[(TopicPartition, i64)]) -> Result {
        self.doubtful.remove(&task);
        positions
            .iter()
            .try_for_each(|(partition, offset)| self.consumer.assign(partition, *offset))
    }

    /// Stops reading these partitions.
    pub(super) fn end(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.consumer.unassign(partition);
        }
    }

    /// Polls the partitions that have too few queued records, and queues the new ones. Returns the
    /// number of records, which is 0 if only a position moved; `None` if nothing came.
    pub(super) fn poll(&mut self, tasks: &mut Tasks, wait: Duration) -> Result<Option<usize>> {
        let enough = self.app.config.buffered_records_per_partition();
        for (_, task) in tasks.running() {
            for (partition, buffered) in task.buffered_by_input() {
                self.consumer.hold(partition, buffered >= enough);
            }
        }
        let batches = self.consumer.poll(self.app.config.max_poll_records(), wait)?;
        let records = batches.iter().map(RecordBatch::len).sum();
        let came = (!batches.is_empty()).then_some(records);
        for batch in batches {
            if let Some(task) = tasks.reader_of(batch.topic_partition()) {
                task.add_batch(batch);
            }
        }
        Ok(came)
    }

    /// The start position of an input: the committed offset, otherwise the source's choice, also if
    /// the log no longer has that offset. `first` and `end` are known for inputs that were looked
    /// up.
    fn position(
        &self,
        partition: &TopicPartition,
        committed: Option<i64>,
        (first, end): (Option<i64>, Option<i64>),
    ) -> Result<i64> {
        let is_lost = |known: &i64| {
            first.is_some_and(|first| first > *known) || end.is_some_and(|end| end < *known)
        };
        let lost = committed.filter(is_lost);
        if let Some(lost) = lost {
            tracing::warn!(
                "{partition} has no offset {lost} any more: it is read from where its source resets to"
            );
        }
        let reset = self.app.offset_reset(&partition.topic);
        let offset = match (committed.filter(|_| lost.is_none()), reset) {
            (Some(known), _) => {
                let skips = is_planted(PlantedBug::SkipFirstRecord) && end > Some(known);
                return Ok(known + i64::from(skips));
            }
            (None, OffsetReset::Earliest) => first,
            (None, OffsetReset::Latest) => end,
            (None, OffsetReset::None) => None,
        };
        offset.ok_or_else(|| {
            let text = format!(
                "{partition} has no committed offset that is still in its log, and its source says to reset to none; \
                 commit one or choose earliest or latest"
            );
            Error::new(ErrorKind::InvalidState, text)
        })
    }

    /// The start position of each input.
    ///
    /// # Errors
    /// `InvalidState` if a source's reset is none, and the error of a partition that could not be
    /// looked up.
    pub(super) fn positions(
        &self,
        inputs: &[TopicPartition],
        committed: &BTreeMap<TopicPartition, OffsetAndMetadata>,
        (firsts, ends): (&PartitionOffsets, &PartitionOffsets),
    ) -> Result<Vec<(TopicPartition, i64)>> {
        let mut positions = Vec::new();
        for partition in inputs {
            let known = committed.get(partition).map(|committed| committed.offset);
            let looked_up = |offsets: &PartitionOffsets| match offsets.get(partition).cloned() {
                // A committed offset is good enough if nothing else is available.
                Some(Err(_)) if known.is_some() => Ok(None),
                offset => offset.transpose(),
            };
            let bounds = (looked_up(firsts)?, looked_up(ends)?);
            positions.push((partition.clone(), self.position(partition, known, bounds)?));
        }
        Ok(positions)
    }
}
