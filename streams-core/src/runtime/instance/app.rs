//! The constant part of an instance, shared by all its threads.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use uuid::Uuid;

use super::{
    super::{restore::LatestTimes, storage::TaskStorage},
    housekeeping::House,
    shared::Shared,
};
use crate::{
    TaskId, TopicPartition,
    client::{
        ClientSupplier, IsolationLevel, JoinGroup, OffsetAndMetadata, OffsetReset, StandbySettings,
    },
    config::{AutoOffsetReset, ProcessingGuarantee, ValidConfig},
    membership::GroupTopology,
    task::TaskSettings,
    time::Clock,
    topology::{NodeKind, StoreDef, Topology, changelog_topic},
};

/// The part of an instance that is fixed when it is made.
pub(crate) struct App {
    pub(crate) topology: Arc<Topology>,
    pub(crate) group_topology: Arc<GroupTopology>,
    pub(crate) config: ValidConfig,
    pub(crate) clients: Arc<dyn ClientSupplier>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Arc<TaskSettings>,
    /// Storage of state that outlives the instance; `None` if no store needs it.
    pub(crate) storage: Option<Arc<dyn TaskStorage>>,
    pub(crate) process_id: Uuid,
    /// The part that changes while the instance lives.
    pub(crate) shared: Shared,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "App({})", self.config.application_id())
    }
}

impl App {
    pub(crate) fn application_id(&self) -> &str {
        self.config.application_id()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.shared.is_paused()
    }

    pub(crate) fn exactly_once(&self) -> bool {
        self.config.processing_guarantee() == ProcessingGuarantee::ExactlyOnceV2
    }

    /// Isolation level of the application's own consumers.
    pub(crate) fn isolation(&self) -> IsolationLevel {
        if self.exactly_once() {
            IsolationLevel::ReadCommitted
        } else {
            IsolationLevel::ReadUncommitted
        }
    }

    /// Name of the client: `client.id`, otherwise the application id and the process.
    pub(crate) fn client_id(&self) -> String {
        match self.config.client_id() {
            Some(id) => id.to_owned(),
            None => format!("{}-{}", self.application_id(), self.process_id),
        }
    }

    /// Data with which a stream thread joins the group.
    pub(crate) fn join_group(&self, thread: usize) -> JoinGroup {
        let config = &self.config;
        // Without `rack.aware.assignment.tags` no tag affects the spread of standbys, as in Java.
        let named = config.rack_aware_assignment_tags();
        let tags = config.client_tags().into_iter();
        let tags = tags.filter(|(key, _)| named.iter().any(|name| name == key));
        JoinGroup {
            group_id: self.application_id().to_owned(),
            client_id: format!("{}-StreamThread-{thread}", self.client_id()),
            process_id: self.process_id,
            group_instance_id: config.group_instance_id().map(|id| format!("{id}-{thread}")),
            client_tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            group_protocol: config.group_protocol(),
            application_server: config.application_server().map(str::to_owned),
            session_timeout: config.session_timeout(),
            heartbeat_interval: config.heartbeat_interval(),
            max_poll_interval: config.max_poll_interval(),
            topology: self.group_topology.clone(),
            standby: StandbySettings {
                num_standby_replicas: config.num_standby_replicas(),
                acceptable_recovery_lag: i64::try_from(config.acceptable_recovery_lag())
                    .unwrap_or(i64::MAX),
                max_warmup_replicas: config.max_warmup_replicas(),
                probing_rebalance_interval: config.probing_rebalance_interval(),
                replication_factor: config.replication_factor(),
            },
        }
    }

    /// A topic's name on the cluster.
    pub(crate) fn topic_name(&self, topic: &str) -> String {
        self.topology.topic_name(self.application_id(), topic)
    }

    /// The topics that the tasks of a sub-topology read under names given by its sources, by their
    /// names on the cluster.
    pub(crate) fn source_topics(&self, subtopology: u32) -> BTreeSet<String> {
        let mut topics = BTreeSet::new();
        for node in self.topology.nodes_of(subtopology) {
            for topic in self.topology.topics_of(node) {
                topics.insert(self.topic_name(topic));
            }
        }
        topics
    }

    /// The topics that sources name, other than those of global stores, by their names on the
    /// cluster.
    pub(crate) fn all_source_topics(&self) -> BTreeSet<String> {
        let subtopologies = self.group_topology.subtopologies.keys();
        subtopologies.flat_map(|subtopology| self.source_topics(*subtopology)).collect()
    }

    /// The topology with the topics that match its patterns, where topics have `counts` partitions.
    ///
    /// # Errors
    /// `InvalidTopic` if a topic matches two patterns.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn matched_topology(
        &self,
        counts: &BTreeMap<String, i32>,
    ) -> crate::Result<std::borrow::Cow<'_, GroupTopology>> {
        let topics = counts.keys().map(String::as_str);
        self.group_topology.matched(self.application_id(), topics)
    }

    /// Returns whether a topic on the cluster is a repartition topic of this application.
    pub(crate) fn is_repartition_topic(&self, topic: &str) -> bool {
        let subtopologies = self.group_topology.subtopologies.values();
        subtopologies.into_iter().any(|part| part.repartition_source_topics.contains_key(topic))
    }

    /// The source node that reads a topic on the cluster.
    pub(crate) fn reader_of(&self, topic: &str) -> Option<usize> {
        self.topology.reader_of(self.application_id(), topic)
    }

    /// Start position in a source topic without a committed offset.
    pub(crate) fn offset_reset(&self, topic: &str) -> OffsetReset {
        // The application must read everything that it wrote for itself.
        if self.is_repartition_topic(topic) {
            return OffsetReset::Earliest;
        }
        let reader = self.reader_of(topic).and_then(|node| self.topology.nodes.get(node));
        let of_source = reader.and_then(|node| match &node.kind {
            NodeKind::Source { reset, .. } => *reset,
            _ => None,
        });
        of_source.unwrap_or(match self.config.auto_offset_reset() {
            AutoOffsetReset::Earliest => OffsetReset::Earliest,
            AutoOffsetReset::Latest => OffsetReset::Latest,
            AutoOffsetReset::None => OffsetReset::None,
        })
    }

    /// The stores of a task that have their own changelog, with the changelog partitions.
    pub(crate) fn changelogs(&self, task: TaskId) -> BTreeMap<usize, TopicPartition> {
        self.partitions_of_stores(task, |store| {
            let own = store.spec.logging && store.source_changelog.is_none();
            own.then(|| changelog_topic(self.application_id(), &store.spec.name))
        })
    }

    /// The stores of a task that are filled from a topic that the task reads, with the partitions
    /// of those topics.
    pub(crate) fn filling_sources(&self, task: TaskId) -> BTreeMap<usize, TopicPartition> {
        self.partitions_of_stores(task, |store| {
            store.source_changelog.as_ref().map(|topic| self.topic_name(topic))
        })
    }

    fn partitions_of_stores(
        &self,
        task: TaskId,
        topic: impl Fn(&StoreDef) -> Option<String>,
    ) -> BTreeMap<usize, TopicPartition> {
        let stores = self.topology.stores_of(task.subtopology).into_iter();
        let partitions = stores.filter_map(|index| {
            let topic = topic(self.topology.stores.get(index)?)?;
            Some((index, TopicPartition::new(topic, task.partition)))
        });
        partitions.collect()
    }

    /// The task whose store has this changelog, and the store.
    pub(in crate::runtime) fn owner_of_changelog(
        &self,
        partition: &TopicPartition,
    ) -> Option<(TaskId, &str)> {
        let tasks = self.topology.task_subtopology_ids().into_iter();
        let mut tasks = tasks.map(|id| TaskId { subtopology: id, partition: partition.partition });
        tasks.find_map(|task| {
            let changelogs = self.changelogs(task);
            let (store, _) = changelogs.iter().find(|(_, changelog)| *changelog == partition)?;
            Some((task, &*self.topology.stores.get(*store)?.spec.name))
        })
    }

    /// Returns whether the task has window stores.
    pub(crate) fn has_windows(&self, task: TaskId) -> bool {
        !self.topology.window_stores_of(task.subtopology).is_empty()
    }

    /// Times up to which a standby's window stores may count the records of their changelogs. With
    /// exactly-once all of them are committed.
    pub(in crate::runtime) fn unknown_times(&self, task: TaskId) -> LatestTimes {
        if self.exactly_once() {
            return LatestTimes::default();
        }
        LatestTimes::unknown(&self.topology, task.subtopology)
    }

    /// The same for a task that starts at these offsets.
    pub(in crate::runtime) fn committed_times(
        &self,
        task: TaskId,
        committed: &BTreeMap<TopicPartition, OffsetAndMetadata>,
    ) -> LatestTimes {
        let reader_of = |topic: &str| self.reader_of(topic);
        LatestTimes::committed(&self.topology, task.subtopology, committed, reader_of)
    }

    /// Returns whether the task has stores.
    pub(crate) fn has_stores(&self, task: TaskId) -> bool {
        !self.topology.stores_of(task.subtopology).is_empty()
    }

    /// Does the chores that are due, unless another thread is doing them.
    pub(crate) fn keep_house(&self, now_ms: i64) {
        let Some(mut housekeeping) = self.shared.housekeeping.try_lock() else { return };
        let house = House {
            config: &self.config,
            storage: self.storage.as_deref(),
            stored_state: &self.shared.stored_state,
            counters: &self.shared.counters,
        };
        housekeeping.keep(&house, now_ms);
    }
}
