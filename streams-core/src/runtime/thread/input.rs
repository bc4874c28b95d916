//! What a thread reads: its consumer, where each partition begins, and what is held.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{super::app::App, tasks::Tasks};
use crate::{
    Error, ErrorKind, Result, TaskId, TopicPartition,
    client::{
        Admin, Consumer, ConsumerRole, ConsumerSettings, IsolationLevel, OffsetAndMetadata,
        OffsetReset,
    },
    planted::{PlantedBug, is_planted},
};

/// Reads the input partitions of the tasks that run.
pub(super) struct Input {
    app: Arc<App>,
    consumer: Box<dyn Consumer>,
    admin: Box<dyn Admin>,
    partition_counts: BTreeMap<String, i32>,
}

impl Input {
    pub(super) fn new(app: &Arc<App>, thread: &str) -> Result<Self> {
        let client_id = format!("{thread}-consumer");
        let isolation = app.isolation();
        let settings = ConsumerSettings { client_id, isolation, role: ConsumerRole::Main };
        Ok(Self {
            app: Arc::clone(app),
            consumer: app.clients.consumer(&settings)?,
            admin: app.clients.admin()?,
            partition_counts: BTreeMap::new(),
        })
    }

    /// Topics may have got more partitions since.
    pub(super) fn forget_partition_counts(&mut self) {
        self.partition_counts.clear();
    }

    /// Records known to be behind what was polled of a partition.
    pub(super) fn lag(&self, partition: &TopicPartition) -> Option<i64> {
        self.consumer.lag(partition)
    }

    /// Where partitions end; those that the cluster does not tell of are left out, for that is reported elsewhere.
    pub(super) fn ends(&mut self, partitions: &[TopicPartition]) -> BTreeMap<TopicPartition, i64> {
        let ends = self.admin.latest_offsets(partitions, self.app.isolation()).wait();
        let ends = ends.unwrap_or_default().into_iter();
        ends.filter_map(|(partition, end)| Some((partition, end.ok()?))).collect()
    }

    /// Begins to read.
    pub(super) fn begin(&mut self, positions: &[(TopicPartition, i64)]) -> Result {
        positions
            .iter()
            .try_for_each(|(partition, offset)| self.consumer.assign(partition, *offset))
    }

    /// Reads these partitions no more.
    pub(super) fn end(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.consumer.unassign(partition);
        }
    }

    /// Polls the partitions of which not enough is queued, and queues what came. Returns whether anything did.
    pub(super) fn poll(&mut self, tasks: &mut Tasks, wait: Duration) -> Result<bool> {
        let enough = self.app.config.buffered_records_per_partition();
        for (_, task) in tasks.running() {
            for (partition, buffered) in task.buffered_by_input() {
                self.consumer.hold(partition, buffered >= enough);
            }
        }
        let batches = self.consumer.poll(self.app.config.max_poll_records(), wait)?;
        let any = !batches.is_empty();
        for batch in batches {
            if let Some(task) = tasks.reader_of(batch.topic_partition()) {
                task.add_batch(batch);
            }
        }
        Ok(any)
    }

    /// Partitions of a topic, looked up once.
    fn partition_count(&mut self, topic: &str) -> Result<i32> {
        if let Some(count) = self.partition_counts.get(topic) {
            return Ok(*count);
        }
        let described = self.admin.describe_topics(&[topic]).wait()?;
        let count = described.get(topic).map(|description| description.partitions);
        let count = count.ok_or_else(|| {
            // The coordinator saw it, or there would be no task: a broker may hear of a new topic a moment later.
            let text = format!("source topic {topic} is not known to the cluster; was it deleted?");
            Error::new(ErrorKind::Unavailable, text)
        })?;
        self.partition_counts.insert(topic.to_owned(), count);
        Ok(count)
    }

    /// The input partitions of a task.
    pub(super) fn partitions_of(&mut self, task: TaskId) -> Result<Vec<TopicPartition>> {
        let mut inputs = Vec::new();
        let topics: BTreeSet<String> = self.app.source_topics(task.subtopology);
        for topic in topics {
            if task.partition < self.partition_count(&topic)? {
                inputs.push(TopicPartition::new(topic, task.partition));
            }
        }
        Ok(inputs)
    }

    /// Where to begin each input: at the committed offset, else where the source says, also if the log has no such
    /// offset any more.
    pub(super) fn positions(
        &mut self,
        inputs: &[TopicPartition],
        committed: &BTreeMap<TopicPartition, OffsetAndMetadata>,
    ) -> Result<Vec<(TopicPartition, i64)>> {
        let firsts = self.admin.earliest_offsets(inputs).all().wait()?;
        let ends =
            self.admin.latest_offsets(inputs, IsolationLevel::ReadUncommitted).all().wait()?;
        let mut positions = Vec::new();
        for partition in inputs {
            let (first, end) = (firsts.get(partition).copied(), ends.get(partition).copied());
            let known = committed.get(partition).map(|committed| committed.offset);
            let lost = known.filter(|known| first > Some(*known) || end < Some(*known));
            if let Some(lost) = lost {
                tracing::warn!(
                    "{partition} has no offset {lost} any more: it is read from where its source resets to"
                );
            }
            let reset = self.app.offset_reset(&partition.topic);
            let offset = match (known.filter(|_| lost.is_none()), reset) {
                (Some(known), _) => Some(known),
                (None, OffsetReset::Earliest) => first,
                (None, OffsetReset::Latest) => end,
                (None, OffsetReset::None) => None,
            };
            let offset = offset.ok_or_else(|| {
                let text = format!(
                    "{partition} has no committed offset that is still in its log, and its source says to reset \
                     to none; commit one or choose earliest or latest"
                );
                Error::new(ErrorKind::InvalidState, text)
            })?;
            let skips = is_planted(PlantedBug::SkipFirstRecord)
                && known.is_some_and(|known| end > Some(known));
            positions.push((partition.clone(), offset + i64::from(skips)));
        }
        Ok(positions)
    }
}
