//! State of a member of a classic group, independent of the network.
//!
//! Invariant: a subscription claims the partitions of every active task that the owner has or was
//! told to have. A claimed task is given to nobody else, so two members never run one.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::{
    Error, ErrorKind, Result, TaskId,
    client::{
        Heartbeat, JoinGroup,
        java_protocol::{
            AssignmentInfo, AssignorError, ConsumerAssignment, ConsumerSubscription, HostInfo,
            LATEST_VERSION, RUNNING, SubscriptionInfo, fingerprint,
        },
    },
    membership::{GroupHosts, TaskAssignment, TaskInputs, TaskOffsets},
    time::duration_ms,
};

/// Time at which the member asks for the next rebalance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum FollowUp {
    /// Not on its own initiative.
    #[default]
    Never,
    /// When the owner has given up these tasks.
    GivenUp(BTreeSet<TaskId>),
    /// At this time, in milliseconds since the epoch.
    At(i64),
    /// At once, for this reason.
    Now(&'static str),
}

/// The member's side of a group, between its owner and the protocol.
#[derive(Debug)]
pub(super) struct MemberState {
    process_id: Uuid,
    user_endpoint: Option<String>,
    client_tags: BTreeMap<String, String>,
    topics: BTreeSet<String>,
    /// Fingerprint of the topology.
    topology: u64,
    follow_up_delay_ms: i64,
    /// Version of the subscription, which goes down while an older member is in the group.
    version: i32,
    unique_field: i8,
    /// Tasks that the owner reported.
    owned: TaskAssignment,
    offsets: TaskOffsets,
    /// Tasks that the owner was last told to have.
    told: Option<TaskAssignment>,
    told_hosts: GroupHosts,
    /// Their generation.
    generation: i32,
    /// Partitions of the active tasks in both.
    partitions: TaskInputs,
    follow_up: FollowUp,
    /// True if a `JoinGroup` is under way, or was since the last assignment.
    joining: bool,
    /// True if the owner asks all members to close.
    asks_shutdown: bool,
    /// True if all members are to close.
    told_shutdown: bool,
}

impl MemberState {
    pub(super) fn new(join: &JoinGroup) -> Self {
        let parts = join.topology.subtopologies.values();
        let topics = parts.flat_map(|part| {
            part.source_topics.iter().chain(part.repartition_source_topics.keys()).cloned()
        });
        Self {
            process_id: join.process_id,
            user_endpoint: join.application_server.clone(),
            client_tags: join.client_tags.clone(),
            topics: topics.collect(),
            topology: fingerprint(&join.topology),
            follow_up_delay_ms: duration_ms(join.heartbeat_interval),
            version: LATEST_VERSION,
            unique_field: 0,
            owned: TaskAssignment::default(),
            offsets: TaskOffsets::default(),
            told: None,
            told_hosts: GroupHosts::new(),
            generation: -1,
            partitions: TaskInputs::new(),
            follow_up: FollowUp::Never,
            joining: false,
            asks_shutdown: false,
            told_shutdown: false,
        }
    }

    /// Sets the owner's current tasks.
    pub(super) fn report(&mut self, owned: &TaskAssignment, offsets: &TaskOffsets) {
        self.owned = owned.clone();
        self.offsets = offsets.clone();
        if let FollowUp::GivenUp(tasks) = &self.follow_up
            && tasks.is_disjoint(&owned.active)
        {
            self.follow_up = FollowUp::Now("tasks for other members were given up");
        }
    }

    /// The reason to ask for a rebalance now, if there is one. Returned once.
    pub(super) fn rejoin_reason(&mut self, now_ms: i64) -> Option<&'static str> {
        let reason = match &self.follow_up {
            FollowUp::Now(reason) => reason,
            FollowUp::At(time) if *time <= now_ms => {
                "the rebalance that the leader asked for is due"
            }
            _ => return None,
        };
        self.follow_up = FollowUp::Never;
        Some(reason)
    }

    /// Makes the next subscription ask all members to close. Returns whether that is new.
    pub(super) fn ask_shutdown(&mut self) -> bool {
        !std::mem::replace(&mut self.asks_shutdown, true)
    }

    /// Returns whether all members are to close.
    pub(super) fn is_told_shutdown(&self) -> bool {
        self.told_shutdown
    }

    /// Returns whether a new generation may be on its way.
    pub(super) fn is_joining(&self) -> bool {
        self.joining
    }

    /// Forgets the membership when it is over.
    pub(super) fn forget(&mut self) {
        self.told = None;
        self.generation = -1;
        self.follow_up = FollowUp::Never;
        self.joining = false;
        self.told_shutdown = false;
    }

    /// The metadata of a `JoinGroup`. Besides the topics that the topology names, the member reads
    /// the `matched` ones.
    pub(super) fn subscription(&mut self, mut matched: BTreeSet<String>) -> Vec<u8> {
        self.joining = true;
        self.unique_field = self.unique_field.wrapping_add(1);
        // A task without its own sum is at its end: it is running, or about to.
        let mut offset_sums = self.offsets.offset_sums.clone();
        for task in self.offsets.lags.keys() {
            offset_sums.entry(*task).or_insert(RUNNING);
        }
        let info = SubscriptionInfo {
            version: self.version,
            latest_supported_version: LATEST_VERSION,
            process_id: self.process_id,
            user_endpoint: self.user_endpoint.clone(),
            offset_sums,
            unique_field: self.unique_field,
            error: if self.asks_shutdown {
                AssignorError::ShutdownRequested
            } else {
                AssignorError::None
            },
            client_tags: self.client_tags.clone(),
            topology: Some(self.topology),
        };
        let claimed = self.claimed();
        let partitions = claimed.iter().filter_map(|task| self.partitions.get(task)).flatten();
        let subscription = ConsumerSubscription {
            topics: {
                matched.extend(self.topics.iter().cloned());
                matched
            },
            user_data: info.encode(),
            owned: partitions.cloned().collect(),
            generation: self.generation,
            rack_id: None,
        };
        subscription.encode()
    }

    /// Active tasks that the owner has or was told to have.
    fn claimed(&self) -> BTreeSet<TaskId> {
        let told = self.told.iter().flat_map(|told| &told.active);
        self.owned.active.iter().chain(told).copied().collect()
    }

    /// Processes the leader's answer, and returns what the owner must be told.
    ///
    /// # Errors
    /// `Config` if the group has another topology; `MissingSourceTopic` if the leader misses a
    /// source topic; `Fatal` if it could not assign or can't be understood.
    pub(super) fn assigned(
        &mut self,
        generation: i32,
        bytes: &[u8],
        now_ms: i64,
    ) -> Result<Heartbeat> {
        self.joining = false;
        let assignment = ConsumerAssignment::decode(bytes)?;
        let info = AssignmentInfo::decode(&assignment.user_data)?;
        if let Some(why) = info.refusal {
            return Err(Error::new(ErrorKind::Config, why));
        }
        match info.error {
            AssignorError::None => self.take(generation, &assignment, &info, now_ms),
            AssignorError::VersionProbing => Ok(Heartbeat::default()),
            AssignorError::ShutdownRequested => {
                self.told_shutdown = true;
                Ok(Heartbeat { shutdown: true, ..Heartbeat::default() })
            }
            AssignorError::IncompleteSourceTopicMetadata => {
                let text = "the group's leader found that source topics do not exist; create them and start again";
                Err(Error::new(ErrorKind::MissingSourceTopic, text))
            }
            AssignorError::AssignmentError | AssignorError::Other(_) => {
                let text = format!(
                    "the group's leader could not assign tasks (code {}); its log says why",
                    info.error.code()
                );
                Err(Error::new(ErrorKind::Fatal, text))
            }
        }
    }

    fn take(
        &mut self,
        generation: i32,
        assignment: &ConsumerAssignment,
        info: &AssignmentInfo,
        now_ms: i64,
    ) -> Result<Heartbeat> {
        if assignment.partitions.len() != info.active.len() {
            let text = format!(
                "the group's leader sent {} partitions with {} tasks",
                assignment.partitions.len(),
                info.active.len()
            );
            return Err(Error::new(ErrorKind::Fatal, text));
        }
        let mut inputs = TaskInputs::new();
        for (partition, task) in assignment.partitions.iter().zip(&info.active) {
            inputs.entry(*task).or_default().insert(partition.clone());
        }
        let target = TaskAssignment {
            active: info.active.iter().copied().collect(),
            standby: info.standby.keys().copied().collect(),
            warmup: BTreeSet::new(),
            inputs,
        };
        let gone: BTreeSet<TaskId> = self.claimed().difference(&target.active).copied().collect();
        let kept: BTreeSet<TaskId> = self.claimed().union(&target.active).copied().collect();
        self.partitions.retain(|task, _| kept.contains(task));
        // Partitions of a deleted topic are no longer claimed: one partition of a task is enough to
        // keep it.
        self.partitions.extend(target.inputs.clone());
        self.generation = generation;
        self.follow_up = self.follow_up(info, gone, now_ms);
        self.told_shutdown = false;
        let news = (self.told.as_ref() != Some(&target)).then(|| target.clone());
        self.told = Some(target);
        let hosts = hosts_of(info);
        let moved = (self.told_hosts != hosts).then(|| hosts.clone());
        self.told_hosts = hosts;
        Ok(Heartbeat { assignment: news, hosts: moved, shutdown: false })
    }

    /// Time to join again, as for Java's members.
    fn follow_up(
        &mut self,
        info: &AssignmentInfo,
        gone: BTreeSet<TaskId>,
        now_ms: i64,
    ) -> FollowUp {
        let common = info.commonly_supported_version.min(LATEST_VERSION);
        if common > self.version || info.version < self.version {
            tracing::info!(
                from = self.version,
                to = common,
                "the assignment protocol's version changes"
            );
            self.version = common;
            if gone.is_empty() {
                return FollowUp::Now(
                    "the group speaks another version of the assignment protocol",
                );
            }
        }
        if !gone.is_empty() {
            return FollowUp::GivenUp(gone);
        }
        let own_host = self.user_endpoint.as_deref().and_then(HostInfo::parse);
        let unknown = own_host.is_some_and(|host| {
            !info.partitions_by_host.is_empty() && !info.partitions_by_host.contains_key(&host)
        });
        match info.next_rebalance_ms {
            _ if unknown => FollowUp::Now("the group does not know this instance's address"),
            // Others have tasks to give up, and will join again themselves; this is in case one
            // does not.
            Some(0) => FollowUp::At(now_ms + self.follow_up_delay_ms),
            Some(time) => FollowUp::At(time),
            None => FollowUp::Never,
        }
    }
}

/// Hosts of the group's tasks according to the leader.
fn hosts_of(info: &AssignmentInfo) -> GroupHosts {
    let mut hosts = GroupHosts::new();
    for (host, partitions) in &info.partitions_by_host {
        hosts.entry(host.to_string()).or_default().active.clone_from(partitions);
    }
    for (host, partitions) in &info.standby_partitions_by_host {
        hosts.entry(host.to_string()).or_default().standby.clone_from(partitions);
    }
    hosts
}

#[cfg(test)]
mod tests;
