//! Leadership of a group of the classic protocol: topics first, then tasks.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use kafka_client::{Client, TopicPartition as ClientPartition};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use uuid::Uuid;

use super::{
    ControlPlane, convert, convert_partitions, convert_passing, new_topic, topic_watch::TopicWatch,
};
use crate::{
    Error, ErrorKind, Result, TaskId, TopicPartition,
    client::{
        JoinGroup, NewTopic, StandbySettings,
        java_protocol::{
            AssignorError, GroupTasks, Leader, LeaderMember, error_assignments, fingerprint,
            refusal, strangers,
        },
    },
    membership::{GroupTopology, InternalTopics, TaskAssignment},
    time::{Clock, duration_ms},
};

/// Number of checks for new topics until the cluster shows them.
const LOOKS: usize = 20;
/// Pause between two such checks.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// Data of the leader, including what it remembers between rebalances.
#[derive(Debug)]
pub(super) struct Leading {
    client: Client,
    runtime: Handle,
    clock: Arc<dyn Clock>,
    group_id: String,
    process_id: Uuid,
    topology: Arc<GroupTopology>,
    settings: StandbySettings,
    memory: Mutex<Memory>,
    watch: Mutex<TopicWatch>,
}

#[derive(Debug, Default)]
struct Memory {
    /// Warm-ups that members were assigned: their subscriptions do not distinguish them from
    /// standbys.
    warmups: BTreeMap<String, BTreeSet<TaskId>>,
    /// The reason why the last rebalance could not assign; the group gets only a code.
    failure: Option<Error>,
}

impl Leading {
    /// The leader's part of a member that joins with `join`.
    ///
    /// # Errors
    /// If the control plane has ended.
    pub(super) fn new(control: &ControlPlane, join: &JoinGroup) -> Result<Self> {
        let client = control.client().clone();
        // Not more often than heartbeats, whatever the maximal age.
        let max_age = client.config().metadata_max_age.max(join.heartbeat_interval);
        Ok(Self {
            client,
            runtime: control.handle()?.clone(),
            clock: control.clock(),
            watch: Mutex::new(TopicWatch::new(duration_ms(max_age), join.topology.has_patterns())),
            group_id: join.group_id.clone(),
            process_id: join.process_id,
            topology: Arc::clone(&join.topology),
            settings: join.standby.clone(),
            memory: Mutex::default(),
        })
    }

    /// The reason why this member, as the leader, gave all members an error. Returned once.
    pub(super) fn take_failure(&self) -> Option<Error> {
        self.memory.lock().failure.take()
    }

    /// Notes that an assignment has come, from this member or another as the leader.
    pub(super) fn is_assigned(&self, now_ms: i64) {
        self.watch.lock().is_assigned(now_ms);
    }

    /// Notes that the membership is over.
    pub(super) fn stop(&self) {
        self.watch.lock().stop();
    }

    /// Returns whether the topics to report to the group are known.
    pub(super) fn knows_topics(&self) -> bool {
        self.watch.lock().knows_topics()
    }

    /// The topics by pattern that are reported to the group now.
    pub(super) fn matched_topics(&self) -> BTreeSet<String> {
        self.watch.lock().tell().clone()
    }

    /// Notes that a reader misses a topic.
    pub(super) fn hurry(&self) {
        self.watch.lock().hurry();
    }

    /// Looks up the topics in the background, if this member leads, or topics are read by pattern,
    /// and the last look-up is long enough ago. Returns the change of topics since the assignment,
    /// as the reason of a rebalance; once.
    ///
    /// # Errors
    /// `InvalidTopic` if a topic matches two patterns; others if the matching topics are not known
    /// yet.
    pub(super) fn look_at_topics(self: &Arc<Self>, now_ms: i64) -> Result<Option<String>> {
        let mut watch = self.watch.lock();
        if watch.begins_look(now_ms) {
            let leading = Arc::clone(self);
            self.runtime.spawn(async move { leading.look().await });
        }
        let failure = watch
            .take_failure()
            .filter(|error| error.kind() == ErrorKind::InvalidTopic || !watch.knows_topics());
        failure.map_or_else(|| Ok(watch.take_change()), Err)
    }

    async fn look(&self) {
        let seen = self.see().await;
        let mut watch = self.watch.lock();
        match seen {
            Ok((counts, matched)) => watch.saw(&counts, matched, self.clock.now_ms()),
            Err(error) => {
                tracing::warn!(group = %self.group_id, "whether topics have changed is not known: {error}");
                watch.failed(error, self.clock.now_ms());
            }
        }
    }

    /// Partition counts of the input topics, other than changelogs, and those of them that match a
    /// pattern.
    async fn see(&self) -> Result<(BTreeMap<String, i32>, BTreeSet<String>)> {
        if !self.topology.has_patterns() {
            let topics: Vec<&str> = read_topics(&self.topology).into_iter().collect();
            let counts = self.client.partition_counts(&topics).await.map_err(convert_passing)?;
            return Ok((counts, BTreeSet::new()));
        }
        let mut counts = self.client.list_topics().await.map_err(convert_passing)?;
        let matched = self.matched(&counts)?;
        let read = read_topics(&matched);
        let named = read_topics(&self.topology);
        let by_pattern = read.difference(&named).map(|topic| (*topic).to_owned()).collect();
        counts.retain(|topic, _| read.contains(topic.as_str()));
        Ok((counts, by_pattern))
    }

    /// The topology with the topics that match its patterns.
    fn matched(&self, counts: &BTreeMap<String, i32>) -> Result<Cow<'_, GroupTopology>> {
        self.topology.matched(&self.group_id, counts.keys().map(String::as_str))
    }

    /// The assignment of each member. If a topology can't run, all members get an error.
    ///
    /// # Errors
    /// Obstacles to looking up or creating topics: the group should try again. If the group has
    /// another topology, this member can't belong to it.
    pub(super) async fn assign(
        &self,
        metadata: BTreeMap<String, Vec<u8>>,
    ) -> kafka_client::Result<BTreeMap<String, Vec<u8>>> {
        self.memory.lock().failure = None;
        let decoded = metadata.iter().map(|(id, bytes)| {
            let member = LeaderMember::decode(bytes);
            let member = member.map_err(|error| error.in_context(format!("member `{id}`")))?;
            Ok((id.clone(), member))
        });
        let mut members: BTreeMap<String, LeaderMember> = match decoded.collect::<Result<_>>() {
            Ok(members) => members,
            Err(error) => return Ok(self.refuse(metadata.keys(), error)),
        };
        if members.values().any(LeaderMember::requests_shutdown) {
            tracing::warn!(group = %self.group_id, "a member asks all members to close");
            return Ok(error_assignments(members.keys(), AssignorError::ShutdownRequested));
        }
        let refused = self.refuse_strangers(&mut members)?;
        let mut told = match self.prepare().await? {
            Ok(tasks) => self.decide(&members, &tasks),
            Err(error) => self.refuse(members.keys(), error),
        };
        told.extend(refused);
        Ok(told)
    }

    /// Removes the members whose topology is not the group's. Returns the answers to them.
    ///
    /// # Errors
    /// If this member is one of them: it can't lead the others, which continue when it has left.
    fn refuse_strangers(
        &self,
        members: &mut BTreeMap<String, LeaderMember>,
    ) -> kafka_client::Result<BTreeMap<String, Vec<u8>>> {
        let mut told = BTreeMap::new();
        for (id, why) in strangers(&self.group_id, members, fingerprint(&self.topology)) {
            let Some(member) = members.remove(&id) else { continue };
            if member.info.process_id == self.process_id {
                let error = kafka_client::Error::new(kafka_client::ErrorKind::Invalid, &*why);
                self.memory.lock().failure = Some(Error::new(ErrorKind::Config, why));
                return Err(error);
            }
            tracing::error!(group = %self.group_id, "{why}");
            told.insert(id, refusal(why));
        }
        Ok(told)
    }

    /// Tells all members the code of an error, and keeps the error.
    fn refuse<'a>(
        &self,
        members: impl Iterator<Item = &'a String>,
        error: Error,
    ) -> BTreeMap<String, Vec<u8>> {
        tracing::error!(group = %self.group_id, "tasks can't be assigned: {error}");
        let code = match error.kind() {
            ErrorKind::MissingSourceTopic => AssignorError::IncompleteSourceTopicMetadata,
            _ => AssignorError::AssignmentError,
        };
        self.memory.lock().failure = Some(error);
        error_assignments(members, code)
    }

    fn decide(
        &self,
        members: &BTreeMap<String, LeaderMember>,
        tasks: &GroupTasks,
    ) -> BTreeMap<String, Vec<u8>> {
        let mut memory = self.memory.lock();
        let own = members.iter().find(|(_, member)| member.info.process_id == self.process_id);
        let prober = own.or_else(|| members.iter().next()).map_or("", |(id, _)| id.as_str());
        let leader = Leader {
            members,
            prober,
            tasks,
            warmups: &memory.warmups,
            settings: &self.settings,
            now_ms: self.clock.now_ms(),
        };
        let (targets, told) = leader.assign();
        for (member, TaskAssignment { active, standby, warmup, .. }) in &targets {
            tracing::info!(group = %self.group_id, %member, ?active, ?standby, ?warmup, "target");
        }
        memory.warmups = targets.into_iter().map(|(id, target)| (id, target.warmup)).collect();
        told
    }

    /// Derives the tasks and creates missing internal topics. The inner error is the topology's.
    async fn prepare(&self) -> kafka_client::Result<Result<GroupTasks>> {
        let mut counts = self.partition_counts().await?;
        let factor = self.settings.replication_factor;
        let derived = self.matched(&counts).and_then(|topology| {
            let internal = InternalTopics::derive(&topology, &counts, factor)?;
            Ok((topology, internal))
        });
        let (topology, internal) = match derived {
            Ok(derived) => derived,
            Err(error) => return Ok(Err(error)),
        };
        let ends = self.changelog_ends(&internal, &counts).await;
        if let Err(error) = self.create(&internal.to_create).await? {
            return Ok(Err(error));
        }
        counts
            .extend(internal.to_create.iter().map(|topic| (topic.name.clone(), topic.partitions)));
        let tasks = GroupTasks::new(&topology, &internal, &counts, ends.as_ref());
        let read = read_topics(&topology);
        counts.retain(|topic, _| read.contains(topic.as_str()));
        self.watch.lock().assigns(counts);
        Ok(Ok(tasks))
    }

    /// Partition counts of the topics of the topology that exist; of all topics, if it has
    /// patterns.
    async fn partition_counts(&self) -> kafka_client::Result<BTreeMap<String, i32>> {
        if self.topology.has_patterns() {
            return self.client.list_topics().await;
        }
        let parts = self.topology.subtopologies.values();
        let topics: BTreeSet<&str> = parts
            .flat_map(|part| {
                let internal = part.repartition_source_topics.keys();
                let internal = internal.chain(part.changelog_topics.keys());
                part.source_topics.iter().chain(internal).chain(&part.repartition_sink_topics)
            })
            .map(String::as_str)
            .collect();
        let topics: Vec<&str> = topics.into_iter().collect();
        let described = self.client.describe_topics(&topics).await?;
        Ok(described.into_iter().map(|(name, topic)| (name, topic.partitions)).collect())
    }

    /// Ends of the changelogs that exist; `None` if the cluster does not answer.
    async fn changelog_ends(
        &self,
        internal: &InternalTopics,
        counts: &BTreeMap<String, i32>,
    ) -> Option<BTreeMap<TopicPartition, i64>> {
        let mut partitions = Vec::new();
        for task in internal.stateful_tasks() {
            let Some(part) = self.topology.subtopologies.get(&task.subtopology) else { continue };
            let existing = part.changelog_topics.keys().filter(|topic| counts.contains_key(*topic));
            partitions.extend(existing.map(|topic| ClientPartition::new(topic, task.partition)));
        }
        if partitions.is_empty() {
            return Some(BTreeMap::new());
        }
        let isolation = kafka_client::IsolationLevel::ReadUncommitted;
        let ends = self.client.latest_offsets(&partitions, isolation).await.and_then(|ends| {
            let known = ends.into_iter().map(|(partition, end)| end.map(|end| (partition, end)));
            known.collect::<kafka_client::Result<_>>()
        });
        match ends {
            Ok(ends) => Some(convert_partitions(ends)),
            Err(error) => {
                tracing::warn!(group = %self.group_id, "tasks stay where they are, for the ends of changelogs are not known: {error}");
                None
            }
        }
    }

    /// Creates topics and waits until the cluster shows them. The inner error is permanent.
    async fn create(&self, topics: &[NewTopic]) -> kafka_client::Result<Result> {
        if topics.is_empty() {
            return Ok(Ok(()));
        }
        let names: Vec<&str> = topics.iter().map(|topic| topic.name.as_str()).collect();
        tracing::debug!(group = %self.group_id, topics = ?names, "creating internal topics");
        let wanted: Vec<_> = topics.iter().map(new_topic).collect();
        if let Err(error) = self.client.create_topics(&wanted).await {
            let denied = error.kind() == kafka_client::ErrorKind::Authorization;
            let error = convert(error);
            return match error.kind() {
                ErrorKind::Unavailable | ErrorKind::Timeout => {
                    let text = "internal topics can't be created now";
                    let kind = kafka_client::ErrorKind::Retriable;
                    Err(kafka_client::Error::with_source(kind, text, error))
                }
                _ => {
                    let text = InternalTopics::refused(&self.group_id, topics, denied);
                    Ok(Err(Error::with_source(ErrorKind::InvalidTopic, text, error)))
                }
            };
        }
        tracing::info!(group = %self.group_id, topics = ?names, "internal topics were created");
        for _ in 0..LOOKS {
            if self.client.describe_topics(&names).await?.len() == names.len() {
                break;
            }
            tokio::time::sleep(LOOK_PAUSE).await;
        }
        Ok(Ok(()))
    }
}

/// Topics that a topology names and reads, other than changelogs.
fn read_topics(topology: &GroupTopology) -> BTreeSet<&str> {
    let parts = topology.subtopologies.values();
    let read = parts
        .flat_map(|part| part.source_topics.iter().chain(part.repartition_source_topics.keys()));
    read.map(String::as_str).collect()
}
