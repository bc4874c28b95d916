//! The handle of the embedded cluster.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    ClusterSettings, FaultInjector, GroupMember, StoredRecord, admin::EmbeddedAdmin,
    consumer::EmbeddedConsumer, coordinator::Group, log::PartitionLog, member::EmbeddedMembership,
    producer::EmbeddedProducer, shared::Shared, topic::Topic,
};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{
        Admin, ClientSupplier, Consumer, ConsumerSettings, IsolationLevel, JoinGroup, Membership,
        NewTopic, OffsetAndMetadata, ProduceRecord, Producer, ProducerSettings, Records,
        TopicDescription,
    },
    partition_for_key,
    time::Clock,
};

/// A Kafka cluster in this process. A clone is another handle of the same cluster.
///
/// It makes clients as a [`ClientSupplier`], and its own methods let a user or a test inspect it
/// and write to it without a client. They are never subject to faults.
///
/// ```
/// use std::sync::Arc;
///
/// use streams_core::{
///     Headers,
///     client::{IsolationLevel, ProduceRecord, embedded::EmbeddedCluster},
///     time::SystemClock,
/// };
///
/// let cluster = EmbeddedCluster::new(Arc::new(SystemClock));
/// cluster.create_topic("orders", 3)?;
/// let headers = Headers::new();
/// let order = ProduceRecord {
///     timestamp: 1_000,
///     key: Some(b"customer-42"),
///     value: Some(b"12.50"),
///     headers: &headers,
/// };
/// let (partition, offset) = cluster.produce("orders", None, order)?;
/// assert_eq!(offset, 0);
/// let stored = cluster.read_all("orders", IsolationLevel::ReadCommitted)?;
/// assert_eq!(stored[0].partition, partition);
/// # Ok::<(), streams_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct EmbeddedCluster {
    shared: Arc<Shared>,
}

impl EmbeddedCluster {
    /// An empty cluster with default settings: polls wait, in real time, for records. With a clock
    /// that moves only when told to, use [`with_settings`](Self::with_settings).
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_settings(clock, ClusterSettings::default())
    }

    /// An empty cluster.
    pub fn with_settings(clock: Arc<dyn Clock>, settings: ClusterSettings) -> Self {
        Self { shared: Arc::new(Shared::new(clock, settings)) }
    }

    /// The cluster's clock, in milliseconds since the epoch.
    pub(super) fn now_ms(&self) -> i64 {
        self.shared.now_ms()
    }

    /// Creates a topic with default settings; an existing one is left unchanged.
    ///
    /// # Errors
    /// `InvalidTopic` if the name or the number of partitions is refused.
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result {
        self.create_topic_with(NewTopic {
            name: name.to_owned(),
            partitions,
            replication_factor: -1,
            config: BTreeMap::new(),
        })
    }

    /// Creates a topic; an existing one is left unchanged. Of its settings `cleanup.policy`,
    /// `delete.retention.ms`, `max.message.bytes` and `message.timestamp.after.max.ms` have an
    /// effect, the others are only stored.
    ///
    /// # Errors
    /// `InvalidTopic` if its name, number of partitions or settings are refused.
    pub fn create_topic_with(&self, topic: NewTopic) -> Result {
        self.shared.lock().create_topics(&[topic])
    }

    /// Adds empty partitions to a topic until it has `total`, as an operator does on a running
    /// cluster. Groups that read it get tasks for them, or are refused, at the next heartbeat.
    /// Java's `Admin.createPartitions`.
    ///
    /// # Errors
    /// `InvalidTopic` if the topic does not exist, or has as many partitions already.
    pub fn create_partitions(&self, name: &str, total: i32) -> Result {
        self.shared.lock().create_partitions(name, total)
    }

    /// Deletes a topic with all its records, as an operator does. Groups that need it as an
    /// internal topic recreate it, empty, at the next heartbeat. Java's `Admin.deleteTopics`.
    ///
    /// # Errors
    /// `InvalidTopic` if it does not exist.
    pub fn delete_topic(&self, name: &str) -> Result {
        self.shared.lock().delete_topic(name)
    }

    /// All topics, by name.
    pub fn topics(&self) -> BTreeMap<String, TopicDescription> {
        let state = self.shared.lock();
        let describe = |(name, topic): (&Arc<str>, &Topic)| {
            let partitions = topic.partition_count();
            (name.to_string(), TopicDescription { partitions, config: topic.config.clone() })
        };
        state.topics.iter().map(describe).collect()
    }

    /// Writes a record: to `partition`, otherwise to the partition of its key by Java's default
    /// partitioner, otherwise to each partition in turn. Returns its partition and offset.
    ///
    /// # Errors
    /// `InvalidTopic` if the partition does not exist, `Production` if the topic refuses the
    /// record: it is compacted and the record has no key, or it is larger or later than the topic's
    /// settings allow.
    pub fn produce(
        &self,
        topic: &str,
        partition: Option<i32>,
        record: ProduceRecord<'_>,
    ) -> Result<(i32, i64)> {
        let now_ms = self.shared.now_ms();
        let mut records = Records::new();
        records.push(record.timestamp, record.key, record.value, record.headers.iter());
        let appended = {
            let mut state = self.shared.lock();
            let count = state.topic(topic)?.partition_count();
            let unkeyed = || state.topics.get_mut(topic).map_or(0, Topic::next_unkeyed);
            let keyed = record.key.map(|key| partition_for_key(key, count));
            let partition = partition.or(keyed).unwrap_or_else(unkeyed);
            let to = TopicPartition::new(topic, partition);
            let offset = state.append(&to, Arc::new(records), None, now_ms);
            offset.map(|offset| (partition, offset))
        };
        self.shared.wake();
        appended
    }

    /// Copies of all records of a topic that a reader with this isolation sees, partition by
    /// partition.
    ///
    /// # Errors
    /// `InvalidTopic` if the topic does not exist.
    pub fn read_all(&self, topic: &str, isolation: IsolationLevel) -> Result<Vec<StoredRecord>> {
        let state = self.shared.lock();
        let mut stored = Vec::new();
        for partition in state.partitions_of(topic)? {
            let log = state.log(&partition)?;
            let mut batches = Vec::new();
            log.fetch(&partition, log.start(), isolation, usize::MAX, &mut batches);
            for batch in &batches {
                stored.extend(
                    batch.iter().map(|record| StoredRecord::new(partition.partition, &record)),
                );
            }
        }
        Ok(stored)
    }

    /// Copies of all committed records of a partition, including those that an earlier open
    /// transaction still hides from readers.
    pub(crate) fn committed_records(
        &self,
        partition: &TopicPartition,
    ) -> Result<Vec<StoredRecord>> {
        let state = self.shared.lock();
        let mut stored = Vec::new();
        state.log(partition)?.each_committed(|record| {
            stored.push(StoredRecord::new(partition.partition, record));
        });
        Ok(stored)
    }

    /// A partition with records of a transaction that has not ended.
    pub(crate) fn open_transaction(&self) -> Option<TopicPartition> {
        let state = self.shared.lock();
        let open = |(name, topic): (&Arc<str>, &Topic)| {
            let partition = topic.partitions.iter().position(PartitionLog::has_open_transaction)?;
            Some(TopicPartition::new(Arc::clone(name), i32::try_from(partition).ok()?))
        };
        state.topics.iter().find_map(open)
    }

    /// The offset after the last record of a partition, visible or not.
    ///
    /// # Errors
    /// `InvalidTopic` if the partition does not exist.
    pub fn end_offset(&self, topic: &str, partition: i32) -> Result<i64> {
        self.shared.lock().log(&TopicPartition::new(topic, partition)).map(PartitionLog::end)
    }

    /// The committed offsets of a group, without those of open transactions; none for an unknown
    /// group.
    pub fn committed(&self, group: &str) -> BTreeMap<TopicPartition, OffsetAndMetadata> {
        let state = self.shared.lock();
        state.groups.get(group).map(|group| group.offsets.committed().clone()).unwrap_or_default()
    }

    /// The members of a group, in order of their ids; none for an unknown group.
    pub fn members(&self, group: &str) -> Vec<GroupMember> {
        let state = self.shared.lock();
        state.groups.get(group).map(Group::describe).unwrap_or_default()
    }

    /// Compacts all partitions of a topic, whatever its `cleanup.policy`. A tombstone is removed by
    /// the second pass that sees it.
    ///
    /// # Errors
    /// `InvalidTopic` if the topic does not exist.
    pub fn compact(&self, topic: &str) -> Result {
        let now_ms = self.shared.now_ms();
        self.shared.lock().compact(topic, now_ms)
    }

    /// Ends the sessions and transactions whose time is over. Every call does so; this method is
    /// for a test that makes no other.
    pub fn tick(&self) {
        drop(self.shared.lock());
        self.shared.wake();
    }

    /// Takes the cluster down, or up again. While it is down every call of a client fails with
    /// `Unavailable`; nothing is lost.
    pub fn broker_down(&self, down: bool) {
        self.shared.set_down(down);
    }

    /// Denies clients the creation of topics, as a cluster does to principals that lack Create; or
    /// allows it again. This type's own methods may still create topics.
    pub fn deny_topic_creation(&self, deny: bool) {
        self.shared.lock().set_denies_creation(deny);
    }

    /// Removes the leader of one partition, or restores it. Meanwhile the partition can't be read,
    /// written, truncated or looked up; all others are served.
    ///
    /// # Errors
    /// `InvalidTopic` if the partition does not exist.
    pub fn leaderless(&self, topic: &str, partition: i32, leaderless: bool) -> Result {
        self.shared.lock().set_leaderless(TopicPartition::new(topic, partition), leaderless)
    }

    /// Deletes the records of a partition before `offset`, as retention or an operator does.
    ///
    /// # Errors
    /// `InvalidTopic` if the partition does not exist.
    pub fn delete_before(&self, topic: &str, partition: i32, offset: i64) -> Result {
        let partition = TopicPartition::new(topic, partition);
        self.shared.lock().log_mut(&partition)?.delete_before(offset);
        Ok(())
    }

    /// Asks `injector` before each client call from now on; `None` ends that.
    pub fn set_faults(&self, injector: Option<Box<dyn FaultInjector>>) {
        self.shared.set_injector(injector);
    }
}

impl ClientSupplier for EmbeddedCluster {
    fn consumer(&self, settings: &ConsumerSettings) -> Result<Box<dyn Consumer>> {
        Ok(Box::new(EmbeddedConsumer::new(Arc::clone(&self.shared), settings)))
    }

    fn producer(&self, settings: &ProducerSettings) -> Result<Box<dyn Producer>> {
        if settings.transactional_id.as_deref() == Some("") {
            return Err(Error::new(ErrorKind::Config, "a transactional id must not be empty"));
        }
        Ok(Box::new(EmbeddedProducer::new(Arc::clone(&self.shared), settings)))
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        Ok(Box::new(EmbeddedAdmin::new(Arc::clone(&self.shared))))
    }

    fn membership(&self, join: JoinGroup) -> Result<Box<dyn Membership>> {
        if join.group_id.is_empty() {
            return Err(Error::new(ErrorKind::Config, "a group id must not be empty"));
        }
        Ok(Box::new(EmbeddedMembership::new(Arc::clone(&self.shared), join)))
    }
}
