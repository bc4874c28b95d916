//! The state of the cluster, and the effects of calls on it.
//!
//! Invariant: each method is one atomic step; a holder of the cluster's lock may call them in any
//! order. Time is passed in as an argument.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    compaction::Tombstones,
    coordinator::{Group, GroupTasks, HeartbeatReply, HeartbeatRequest},
    log::PartitionLog,
    topic::Topic,
    transactions::{Ended, ProducerIdentity, Transactions},
};
use crate::{
    Error, ErrorKind, Headers, Result, TopicPartition,
    assignor::AssignorTasks,
    client::{
        Fingerprint, GroupMetadata, JoinGroup, NewTopic, OffsetAndMetadata, ProduceRecord,
        RecordView, Records, RefusedRecord, refused::in_words,
    },
    membership::{InternalTopics, TaskOffsets, task_inputs},
    time::duration_ms,
};

/// A producer with its transactional id, as it identifies itself in each call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transactional<'a> {
    pub(super) id: &'a str,
    pub(super) producer: ProducerIdentity,
    /// Number of its transaction, counted by the producer.
    pub(super) number: u64,
}

/// Topics, groups and transactional ids.
#[derive(Debug, Default)]
pub(super) struct ClusterState {
    pub(super) topics: BTreeMap<Arc<str>, Topic>,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) transactions: Transactions,
    transaction_timeout_ms: i64,
    ticked_at_ms: i64,
    /// Rises whenever a topic is created, grows or is deleted.
    topics_version: u64,
    /// Partitions without a leader.
    leaderless: BTreeSet<TopicPartition>,
    /// True if clients may not create topics, nor let the group do it.
    denies_creation: bool,
    /// Batches in transit, in the order in which they were sent.
    late: Vec<LateBatch>,
}

/// A batch that arrives after its producer has given it up.
#[derive(Debug)]
struct LateBatch {
    due_ms: i64,
    to: TopicPartition,
    records: Arc<Records>,
}

impl ClusterState {
    pub(super) fn new(transaction_timeout: Duration) -> Self {
        let transaction_timeout_ms = duration_ms(transaction_timeout);
        Self { transaction_timeout_ms, ticked_at_ms: i64::MIN, ..Self::default() }
    }

    /// Ends expired sessions and transactions. Does nothing if no time has passed.
    pub(super) fn tick(&mut self, now_ms: i64) {
        if now_ms == self.ticked_at_ms {
            return;
        }
        self.ticked_at_ms = now_ms;
        for group in self.groups.values_mut() {
            group.expire(now_ms);
        }
        for ended in self.transactions.expire(now_ms - self.transaction_timeout_ms) {
            self.finish(&ended);
        }
        let late = std::mem::take(&mut self.late);
        let (due, late): (Vec<_>, Vec<_>) =
            late.into_iter().partition(|batch| batch.due_ms <= now_ms);
        self.late = late;
        for LateBatch { to, records, .. } in due {
            // Nobody waits to hear that its topic is gone.
            let _ = self.append(&to, records, None, now_ms);
        }
    }

    /// Appends batches at a later time.
    pub(super) fn append_later(
        &mut self,
        batches: Vec<(TopicPartition, Arc<Records>)>,
        due_ms: i64,
    ) {
        self.late.extend(batches.into_iter().map(|(to, records)| LateBatch {
            due_ms,
            to,
            records,
        }));
    }

    /// Removes a partition's leader, or restores it.
    pub(super) fn set_leaderless(&mut self, partition: TopicPartition, leaderless: bool) -> Result {
        self.log(&partition)?;
        if leaderless {
            self.leaderless.insert(partition);
        } else {
            self.leaderless.remove(&partition);
        }
        Ok(())
    }

    pub(super) fn has_leader(&self, partition: &TopicPartition) -> bool {
        self.leaderless.is_empty() || !self.leaderless.contains(partition)
    }

    /// # Errors
    /// `Unavailable` if one of the partitions has no leader.
    pub(super) fn check_leaders<'a>(
        &self,
        mut partitions: impl Iterator<Item = &'a TopicPartition>,
    ) -> Result {
        match partitions.find(|partition| !self.has_leader(partition)) {
            None => Ok(()),
            Some(partition) => {
                Err(Error::new(ErrorKind::Unavailable, format!("{partition} has no leader now")))
            }
        }
    }

    pub(super) fn topic(&self, name: &str) -> Result<&Topic> {
        self.topics.get(name).ok_or_else(|| missing_topic(name))
    }

    pub(super) fn log(&self, partition: &TopicPartition) -> Result<&PartitionLog> {
        let topic = self.topic(&partition.topic)?;
        let log = usize::try_from(partition.partition).ok().and_then(|n| topic.partitions.get(n));
        log.ok_or_else(|| missing_partition(partition, topic.partition_count()))
    }

    /// The log of a partition that has a leader.
    pub(super) fn led_log(&self, partition: &TopicPartition) -> Result<&PartitionLog> {
        self.check_leaders(std::iter::once(partition))?;
        self.log(partition)
    }

    fn topic_and_log(
        &mut self,
        partition: &TopicPartition,
    ) -> Result<(bool, i64, &mut PartitionLog)> {
        let topic = self
            .topics
            .get_mut(&*partition.topic)
            .ok_or_else(|| missing_topic(&partition.topic))?;
        let count = topic.partition_count();
        let index = usize::try_from(partition.partition).ok();
        let log = index.and_then(|index| topic.partitions.get_mut(index));
        let log = log.ok_or_else(|| missing_partition(partition, count))?;
        Ok((topic.compacted, topic.delete_retention_ms, log))
    }

    pub(super) fn log_mut(&mut self, partition: &TopicPartition) -> Result<&mut PartitionLog> {
        self.topic_and_log(partition).map(|(_, _, log)| log)
    }

    /// Creates topics; existing ones are left unchanged. All descriptions are checked first.
    pub(super) fn create_topics(&mut self, topics: &[NewTopic]) -> Result {
        let mut made = Vec::new();
        for new in topics {
            if !self.topics.contains_key(new.name.as_str()) {
                made.push((Arc::from(new.name.as_str()), Topic::new(new)?));
            }
        }
        self.topics_version += u64::from(!made.is_empty());
        self.topics.extend(made);
        Ok(())
    }

    pub(super) fn set_denies_creation(&mut self, denies: bool) {
        self.denies_creation = denies;
    }

    /// Creates topics for a client, if that is allowed.
    pub(super) fn create_for_client(&mut self, topics: &[NewTopic]) -> Result {
        if self.denies_creation {
            let text = "the principal may not create topics";
            return Err(Error::new(ErrorKind::InvalidTopic, text));
        }
        self.create_topics(topics)
    }

    /// Adds partitions to a topic until it has `total`.
    pub(super) fn create_partitions(&mut self, name: &str, total: i32) -> Result {
        self.topics.get_mut(name).ok_or_else(|| missing_topic(name))?.grow(name, total)?;
        self.topics_version += 1;
        Ok(())
    }

    /// Deletes a topic with its records.
    pub(super) fn delete_topic(&mut self, name: &str) -> Result {
        self.topics.remove(name).ok_or_else(|| missing_topic(name))?;
        for group in self.groups.values_mut() {
            group.offsets.forget_topic(name);
        }
        self.topics_version += 1;
        Ok(())
    }

    /// The records of a batch that make the cluster refuse it.
    pub(super) fn refused(
        &self,
        partition: &TopicPartition,
        records: &Records,
        now_ms: i64,
    ) -> Vec<RefusedRecord> {
        let Ok(topic) = self.topic(&partition.topic) else { return Vec::new() };
        let headers = Headers::new();
        let refused = |view: RecordView<'_>| {
            let why = topic.refusal(&view, now_ms)?;
            let RecordView { timestamp, key, value, .. } = view;
            let record = ProduceRecord { timestamp, key, value, headers: &headers };
            let text = format!("{} for {partition} is refused: {why}", in_words(key, value));
            Some(RefusedRecord {
                topic_partition: partition.clone(),
                fingerprint: Fingerprint::of(&record),
                is_named: true,
                error: Error::new(ErrorKind::Production, text),
            })
        };
        (0..records.len()).filter_map(|index| refused(records.get(index, 0)?)).collect()
    }

    /// Appends a batch and returns the offset of its first record.
    ///
    /// # Errors
    /// `InvalidTopic` if the partition does not exist, `Production` if one of its records is
    /// refused.
    pub(super) fn append(
        &mut self,
        partition: &TopicPartition,
        records: Arc<Records>,
        transactional: Option<Transactional<'_>>,
        now_ms: i64,
    ) -> Result<i64> {
        self.log(partition)?;
        if let Some(RefusedRecord { error, .. }) =
            self.refused(partition, &records, now_ms).into_iter().next()
        {
            return Err(error);
        }
        if let Some(Transactional { id, producer, .. }) = transactional {
            self.transactions.add_partition(id, producer, partition, now_ms)?;
        }
        let (compacted, retention_ms, log) = self.topic_and_log(partition)?;
        let base = log.append(records, transactional.map(|transactional| transactional.producer));
        if compacted && log.cleaning.is_due() {
            log.compact(now_ms, Tombstones::DropAfter(retention_ms));
        }
        Ok(base)
    }

    /// Assigns a transactional id to a new producer.
    pub(super) fn init_producer(&mut self, id: &str) -> ProducerIdentity {
        let (producer, ended) = self.transactions.init(id);
        if let Some(ended) = ended {
            self.finish(&ended);
        }
        producer
    }

    /// Adds offsets to the transaction of a producer.
    pub(super) fn send_offsets(
        &mut self,
        Transactional { id, producer, .. }: Transactional<'_>,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        metadata: &GroupMetadata,
        now_ms: i64,
    ) -> Result {
        self.transactions.check(id, producer)?;
        self.group_mut(&metadata.group_id).check_commit(metadata, offsets)?;
        self.transactions.add_group(id, producer, &metadata.group_id, now_ms)?;
        self.group_mut(&metadata.group_id).offsets.add_pending(producer.id, offsets);
        Ok(())
    }

    pub(super) fn end_transaction(
        &mut self,
        Transactional { id, producer, number }: Transactional<'_>,
        committed: bool,
    ) -> Result {
        if let Some(ended) = self.transactions.end(id, producer, number, committed)? {
            self.finish(&ended);
        }
        Ok(())
    }

    /// Writes the markers and settles the offsets of a transaction that ended.
    fn finish(&mut self, ended: &Ended) {
        for partition in &ended.partitions {
            // A partition that was deleted meanwhile needs no marker.
            if let Ok(log) = self.log_mut(partition) {
                log.end_transaction(ended.producer, ended.committed);
            }
        }
        for group in &ended.groups {
            self.group_mut(group).offsets.end_transaction(ended.producer.id, ended.committed);
        }
    }

    pub(super) fn group_mut(&mut self, id: &str) -> &mut Group {
        self.groups.entry(id.to_owned()).or_insert_with(|| Group::new(id))
    }

    /// Lets a member join if it is new, and tells it the tasks to own. Internal topics that it
    /// needs are created first; a topology that can't run joins nothing. If topics changed since
    /// the group's tasks were derived, the tasks are derived again, so source topics may grow.
    pub(super) fn heartbeat(
        &mut self,
        request: &HeartbeatRequest<'_>,
        now_ms: i64,
    ) -> Result<HeartbeatReply> {
        let group_id = &request.join.group_id;
        let offsets = self.with_lags(request);
        let request = &HeartbeatRequest { offsets: &offsets, ..*request };
        let version = self.topics_version;
        if request.is_join() {
            self.group_mut(group_id).check_topology(request.member_id, request.join)?;
            let tasks = self.prepare_topics(request.join)?;
            let version = self.topics_version;
            self.group_mut(group_id).join(request, tasks, version, now_ms);
        } else if self.group_mut(group_id).is_behind(request.member_id, version) {
            let tasks = self.prepare_topics(request.join)?;
            let version = self.topics_version;
            self.group_mut(group_id).update_tasks(tasks, version, now_ms);
        }
        self.group_mut(group_id).heartbeat(request, now_ms)
    }

    /// The reported state of a member, with lags for the tasks of which it knows only the sum of
    /// offsets. A sum beyond the ends, for example of a recreated changelog, is ignored.
    fn with_lags(&self, request: &HeartbeatRequest<'_>) -> TaskOffsets {
        let TaskOffsets { mut lags, offset_sums } = request.offsets.clone();
        for (task, sum) in &offset_sums {
            let part = request.join.topology.subtopologies.get(&task.subtopology);
            let topics = part.iter().flat_map(|part| part.changelog_topics.keys());
            let partitions =
                topics.map(|topic| TopicPartition::new(topic.as_str(), task.partition));
            let ends = partitions.filter_map(|partition| Some(self.log(&partition).ok()?.end()));
            let end = ends.fold(0_i64, i64::saturating_add);
            lags.entry(*task).or_insert(if *sum > end { end } else { end - sum });
        }
        TaskOffsets { lags, offset_sums }
    }

    fn prepare_topics(&mut self, join: &JoinGroup) -> Result<GroupTasks> {
        let mut counts: BTreeMap<String, i32> = self
            .topics
            .iter()
            .map(|(name, topic)| (name.to_string(), topic.partition_count()))
            .collect();
        let factor = join.standby.replication_factor;
        let topics = counts.keys().map(String::as_str);
        let topology = join.topology.matched(&join.group_id, topics)?;
        let derived = InternalTopics::derive(&topology, &counts, factor)?;
        if self.denies_creation && !derived.to_create.is_empty() {
            let text = InternalTopics::refused(&join.group_id, &derived.to_create, true);
            return Err(Error::new(ErrorKind::InvalidTopic, text));
        }
        self.create_topics(&derived.to_create)?;
        let created = derived.to_create.iter();
        counts.extend(created.map(|topic| (topic.name.clone(), topic.partitions)));
        let inputs = task_inputs(&topology, derived.tasks.iter().copied(), &counts);
        Ok(GroupTasks { tasks: AssignorTasks::from(&derived), inputs })
    }

    /// Compacts all partitions of a topic.
    pub(super) fn compact(&mut self, topic: &str, now_ms: i64) -> Result {
        let topic = self.topics.get_mut(topic).ok_or_else(|| missing_topic(topic))?;
        for log in &mut topic.partitions {
            log.compact(now_ms, Tombstones::DropSeen);
        }
        Ok(())
    }

    /// All partitions of a topic.
    pub(super) fn partitions_of(&self, topic: &str) -> Result<BTreeSet<TopicPartition>> {
        let count = self.topic(topic)?.partition_count();
        let name: Arc<str> = topic.into();
        Ok((0..count).map(|partition| TopicPartition::new(Arc::clone(&name), partition)).collect())
    }
}

fn missing_topic(name: &str) -> Error {
    Error::new(ErrorKind::InvalidTopic, format!("topic `{name}` does not exist"))
}

fn missing_partition(partition: &TopicPartition, count: i32) -> Error {
    let text = format!("{partition} does not exist: the topic has {count} partitions");
    Error::new(ErrorKind::InvalidTopic, text)
}
