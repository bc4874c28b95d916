//! The end of a branch: a record becomes bytes on a topic.

use std::sync::Arc;

use super::{Event, Node, NodeInfo, Partitions, TaskState};
use crate::{
    Error, ErrorKind, Record, Result, TopicPartition,
    client::{PartitionSlot, ProduceRecord},
    partitioner::partition_for_key,
    planted::{PlantedBug, is_planted},
    serde::{SerdeRef, Written},
};

/// Chooses the topic of each record. The topics must exist. Java's `TopicNameExtractor`.
pub type TopicNameExtractor<K, V> = Arc<dyn Fn(&Record<'_, K, V>) -> String + Send + Sync>;

/// Chooses the partitions of each record among the given number. Java's `StreamPartitioner`.
pub type StreamPartitioner<K, V> = Arc<dyn Fn(&str, &K, &V, i32) -> Partitions + Send + Sync>;

/// The topic that a sink writes to.
pub(crate) enum SinkTopic<K, V> {
    Fixed(Arc<str>),
    Dynamic(TopicNameExtractor<K, V>),
}

impl<K, V> Clone for SinkTopic<K, V> {
    fn clone(&self) -> Self {
        match self {
            Self::Fixed(topic) => Self::Fixed(topic.clone()),
            Self::Dynamic(extract) => Self::Dynamic(extract.clone()),
        }
    }
}

/// The partitions of a topic, at one version of the instance's view of topics.
#[derive(Default)]
struct Targets {
    partitions: Vec<TopicPartition>,
    /// Their slots at the producer that the task was lent then, as far as they were written to.
    slots: Vec<Option<PartitionSlot>>,
    version: Option<u64>,
}

impl Targets {
    fn topic(&self) -> Option<&Arc<str>> {
        self.partitions.first().map(|partition| &partition.topic)
    }

    /// Name of the topic, for messages.
    fn name(&self) -> &str {
        self.topic().map_or("", |topic| topic)
    }

    fn set(&mut self, topic: &Arc<str>, count: i32) {
        self.partitions =
            (0..count).map(|partition| TopicPartition::new(topic.clone(), partition)).collect();
        self.slots.clear();
        self.slots.resize(self.partitions.len(), None);
    }

    fn append(
        &mut self,
        sink: &Arc<str>,
        partition: Option<usize>,
        record: ProduceRecord<'_>,
        task: &mut TaskState,
    ) -> Result {
        let at = partition.and_then(|at| Some((self.partitions.get(at)?, self.slots.get_mut(at)?)));
        let Some((to, slot)) = at else {
            let (topic, count) = (self.name(), self.partitions.len());
            let text = format!(
                "the partitioner of sink `{sink}` chose a partition that topic {topic} does not have, which has {count}: it \
                 must be 0 to {}",
                count.saturating_sub(1)
            );
            return Err(Error::new(ErrorKind::Production, text));
        };
        task.check_refused(to, &record)?;
        if task.holds_back(to, &record, Some(sink)) {
            return Ok(());
        }
        let collector = task.collector()?;
        let slot = match slot.filter(|slot| collector.knows(*slot)) {
            Some(slot) => slot,
            None => *slot.insert(collector.slot(to)?),
        };
        collector.append(slot, record)
    }
}

/// Writes each record to a topic.
pub(crate) struct SinkNode<K, V> {
    pub(crate) info: Arc<NodeInfo>,
    pub(crate) topic: SinkTopic<K, V>,
    pub(crate) key_serde: SerdeRef<K>,
    pub(crate) value_serde: SerdeRef<V>,
    pub(crate) partitioner: Option<StreamPartitioner<K, V>>,
    targets: Targets,
    next: usize,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl<K, V> SinkNode<K, V> {
    pub(crate) fn new(
        info: Arc<NodeInfo>,
        topic: SinkTopic<K, V>,
        key_serde: SerdeRef<K>,
        value_serde: SerdeRef<V>,
        partitioner: Option<StreamPartitioner<K, V>>,
    ) -> Self {
        Self {
            info,
            topic,
            key_serde,
            value_serde,
            partitioner,
            targets: Targets::default(),
            next: 0,
            key: Vec::new(),
            value: Vec::new(),
        }
    }

    /// Looks up the partitions of the topic, again when the instance's view of topics has changed.
    /// A dynamic topic is looked up whenever it changes.
    fn look_up(&mut self, record: &Record<'_, K, V>, task: &mut TaskState) -> Result {
        let version = task.shared_settings.partition_counts.version();
        let stale = is_planted(PlantedBug::StaleSinkCount);
        let known = self.targets.topic().filter(|_| stale || self.targets.version == Some(version));
        let topic: Arc<str> = match &self.topic {
            SinkTopic::Fixed(_) if known.is_some() => return Ok(()),
            SinkTopic::Fixed(topic) => topic.clone(),
            SinkTopic::Dynamic(extract) => {
                let topic = extract(record);
                if known.is_some_and(|known| **known == *topic) {
                    return Ok(());
                }
                topic.into()
            }
        };
        let seen = Self::partitions_seen_by_producer(&topic, task)?;
        let count = task.shared_settings.partition_counts.learn(&topic, seen);
        if seen >= count {
            self.targets.version = Some(version);
        }
        // If the producer does not know of new partitions yet, it is asked again for the next
        // record.
        self.targets.set(&topic, count.min(seen));
        Ok(())
    }

    fn partitions_seen_by_producer(topic: &str, task: &mut TaskState) -> Result<i32> {
        task.collector()?.partitions(topic).map_err(|cause| match cause.kind() {
            ErrorKind::InvalidTopic if task.is_repartition(topic) => {
                let id = &task.shared_settings.application_id;
                cause.in_context(format!(
                    "the group `{id}` has not created the internal topic {topic}: either it was deleted, or \
                     another topology uses the application.id `{id}`; give each topology an application.id \
                     of its own, or restart all instances so that the topic is created"
                ))
            }
            ErrorKind::InvalidTopic => {
                cause.in_context("the topic of a sink must exist; create it, then start again")
            }
            _ => cause,
        })
    }

    fn serialize(&mut self, record: &Record<'_, K, V>) -> Result<(bool, bool)> {
        let topic = self.targets.name();
        self.key.clear();
        self.value.clear();
        let fail = |what: &str, cause| {
            let text = format!("the {what} of a record for topic {topic} can't be serialised");
            Error::with_source(ErrorKind::Serialization, text, cause)
        };
        let key = self.key_serde.serialize(topic, record.key, &mut self.key);
        let key = key.map_err(|cause| fail("key", cause))?;
        let value = self.value_serde.serialize(topic, record.value, &mut self.value);
        let value = value.map_err(|cause| fail("value", cause))?;
        Ok((key == Written::Bytes, value == Written::Bytes))
    }

    /// The answer of the partitioner, if there is one.
    fn chosen(&self, record: &Record<'_, K, V>) -> Partitions {
        let (Some(choose), Some(topic)) = (&self.partitioner, self.targets.topic()) else {
            return Partitions::ByKey;
        };
        let count = i32::try_from(self.targets.partitions.len()).unwrap_or(i32::MAX);
        choose(topic, record.key, record.value, count)
    }

    /// The partition of the key's hash, or the next in turn.
    fn by_key(&mut self, has_key: bool) -> Option<usize> {
        if has_key {
            let count = i32::try_from(self.targets.partitions.len()).ok()?;
            return usize::try_from(partition_for_key(&self.key, count)).ok();
        }
        self.next = (self.next + 1) % self.targets.partitions.len().max(1);
        Some(self.next)
    }

    fn send(&mut self, record: Record<'_, K, V>, task: &mut TaskState) -> Result {
        let (has_key, has_value) = self.serialize(&record)?;
        let chosen = self.chosen(&record);
        let by_key = if chosen == Partitions::ByKey { self.by_key(has_key) } else { None };
        let record = ProduceRecord {
            timestamp: record.timestamp,
            key: has_key.then_some(&self.key),
            value: has_value.then_some(&self.value),
            headers: record.headers,
        };
        let (targets, sink) = (&mut self.targets, &self.info.name);
        match chosen {
            Partitions::ByKey => targets.append(sink, by_key, record, task),
            Partitions::One(partition) => {
                targets.append(sink, usize::try_from(partition).ok(), record, task)
            }
            Partitions::All => (0..targets.partitions.len())
                .try_for_each(|at| targets.append(sink, Some(at), record, task)),
            Partitions::Several(mut partitions) => {
                if partitions.is_empty() {
                    task.drops.note(sink, 1, task.now_ms, || {
                        "dropped a record that the partitioner sends to no partition".to_owned()
                    });
                }
                partitions.sort_unstable();
                partitions.dedup();
                let mut indexes = partitions.into_iter().map(|at| usize::try_from(at).ok());
                indexes.try_for_each(|at| targets.append(sink, at, record, task))
            }
        }
    }
}

impl<K, V> Node<K, V> for SinkNode<K, V> {
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskState) -> Result {
        let sent = self.look_up(&record, task).and_then(|()| self.send(record, task));
        match sent {
            Ok(()) => Ok(()),
            Err(error) => task.production_failed(&self.info.name, self.targets.name(), error),
        }
    }

    fn control(&mut self, _event: Event, _task: &mut TaskState) -> Result {
        Ok(())
    }
}
