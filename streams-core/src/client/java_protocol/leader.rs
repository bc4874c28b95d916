//! The leader's assignment, made from the members' subscriptions.
//!
//! The assignor of this library decides the tasks of each member; the messages follow the rules of
//! Java's `StreamsPartitionAssignor`, so that members of both can be led. Invariant: an active task
//! is given to a member only if no other member still reads one of its partitions.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    AssignmentInfo, AssignorError, ConsumerAssignment, ConsumerSubscription, HostInfo,
    LATEST_VERSION, SubscriptionInfo, assignment_info::PartitionsByHost, subscription_info,
};
use crate::{
    Result, TaskId, TopicPartition,
    assignor::{AssignorMember, AssignorTasks, MemberId, assign},
    client::StandbySettings,
    membership::{
        GroupTopology, InternalTopics, TaskAssignment, TaskInputs, TaskOffsets, task_inputs,
    },
    time::duration_ms,
};

/// A member as described by its subscription.
#[derive(Clone, Debug)]
pub(in super::super) struct LeaderMember {
    pub(in super::super) subscription: ConsumerSubscription,
    pub(in super::super) info: SubscriptionInfo,
}

impl LeaderMember {
    /// Reads a member's metadata.
    ///
    /// # Errors
    /// `Fatal` if it is malformed or too old.
    pub(in super::super) fn decode(metadata: &[u8]) -> Result<Self> {
        let subscription = ConsumerSubscription::decode(metadata)?;
        let info = SubscriptionInfo::decode(&subscription.user_data)?;
        Ok(Self { subscription, info })
    }

    /// Returns whether it asks all members to close.
    pub(in super::super) fn requests_shutdown(&self) -> bool {
        self.info.error == AssignorError::ShutdownRequested
    }
}

/// The tasks of the group, and their topics on the cluster.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct GroupTasks {
    tasks: AssignorTasks,
    /// Source partitions of each task.
    partitions: TaskInputs,
    /// Ends of the changelogs, summed per stateful task; `None` if the cluster did not answer.
    end_sums: Option<BTreeMap<TaskId, i64>>,
}

impl GroupTasks {
    /// The tasks of `topology` on a cluster whose topics have `counts` partitions. `ends` are the
    /// ends of the changelog partitions that existed before, or `None` if they could not be
    /// obtained.
    pub(in super::super) fn new(
        topology: &GroupTopology,
        internal: &InternalTopics,
        counts: &BTreeMap<String, i32>,
        ends: Option<&BTreeMap<TopicPartition, i64>>,
    ) -> Self {
        let partitions = task_inputs(topology, internal.tasks.iter().copied(), counts);
        let end_sum = |task: TaskId, ends: &BTreeMap<TopicPartition, i64>| {
            let part = topology.subtopologies.get(&task.subtopology);
            let topics = part.into_iter().flat_map(|part| part.changelog_topics.keys());
            let partition = |topic: &String| TopicPartition::new(topic.as_str(), task.partition);
            let ends = topics.filter_map(|topic| ends.get(&partition(topic)));
            ends.fold(0, |sum: i64, end| sum.saturating_add(*end))
        };
        let end_sums =
            ends.map(|ends| partitions.keys().map(|task| (*task, end_sum(*task, ends))).collect());
        Self { tasks: AssignorTasks::from(internal), partitions, end_sums }
    }

    fn partitions(&self, task: TaskId) -> impl Iterator<Item = &TopicPartition> {
        self.partitions.get(&task).into_iter().flatten()
    }

    /// Lag of a task whose member reported `sum`. Java's `ClientState.computeTaskLags`.
    fn lag(&self, task: TaskId, sum: i64) -> i64 {
        if sum == subscription_info::RUNNING {
            return 0;
        }
        let Some(ends) = &self.end_sums else {
            // Only the owner can be near the end.
            return i64::MAX;
        };
        let end = ends.get(&task).copied().unwrap_or(0);
        // A sum that is unknown, or belongs to a recreated changelog, is ignored.
        if sum == subscription_info::UNKNOWN || !(0..=end).contains(&sum) { end } else { end - sum }
    }
}

/// One rebalance, seen by the member that leads it.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Leader<'a> {
    pub(in super::super) members: &'a BTreeMap<MemberId, LeaderMember>,
    /// The member that asks for the next rebalance if tasks wait for a warm-up.
    pub(in super::super) prober: &'a str,
    pub(in super::super) tasks: &'a GroupTasks,
    /// Warm-ups that the leader assigned in the last rebalance.
    pub(in super::super) warmups: &'a BTreeMap<MemberId, BTreeSet<TaskId>>,
    pub(in super::super) settings: &'a StandbySettings,
    pub(in super::super) now_ms: i64,
}

impl Leader<'_> {
    /// The final assignment of each member, and the one that it is told now.
    pub(in super::super) fn assign(
        &self,
    ) -> (BTreeMap<MemberId, TaskAssignment>, BTreeMap<MemberId, Vec<u8>>) {
        let owners = self.owners();
        let assignor_members = self.members.iter();
        let assignor_members = assignor_members
            .map(|(id, member)| (id.clone(), self.assignor_member(id, member, &owners)));
        let assignor_members: BTreeMap<_, _> = assignor_members.collect();
        let targets = assign(&assignor_members, &self.tasks.tasks, self.settings);
        let waits = targets.values().any(|target| !target.warmup.is_empty());
        // Without the ends of the changelogs tasks stay where they are; the next attempt may know
        // more.
        let probe = waits || self.tasks.end_sums.is_none();
        let hosts = self.hosts(&targets);
        let mut told = BTreeMap::new();
        for (id, target) in &targets {
            let Some(member) = self.members.get(id) else { continue };
            told.insert(id.clone(), self.tell(id, member, target, &owners, &hosts, probe));
        }
        (targets, told)
    }

    /// The reader of each partition. If two members claim it, the one of the later generation reads
    /// it.
    fn owners(&self) -> BTreeMap<&TopicPartition, &MemberId> {
        let mut claims: BTreeMap<&TopicPartition, (i32, &MemberId)> = BTreeMap::new();
        for (id, member) in self.members {
            let claim = (member.subscription.generation, id);
            for partition in &member.subscription.owned {
                let known = claims.entry(partition).or_insert(claim);
                if known.0 < claim.0 {
                    *known = claim;
                }
            }
        }
        claims.into_iter().map(|(partition, (_, id))| (partition, id)).collect()
    }

    fn assignor_member(
        &self,
        id: &MemberId,
        member: &LeaderMember,
        owners: &BTreeMap<&TopicPartition, &MemberId>,
    ) -> AssignorMember {
        let owns = |task: TaskId| {
            self.tasks
                .partitions(task)
                .any(|partition| owners.get(partition).is_some_and(|o| *o == id))
        };
        let active: BTreeSet<TaskId> =
            self.tasks.partitions.keys().copied().filter(|task| owns(*task)).collect();
        let sums = &member.info.offset_sums;
        let begun = self.warmups.get(id);
        let begun = |task: &TaskId| begun.is_some_and(|tasks| tasks.contains(task));
        let kept = sums.keys().copied().filter(|task| !active.contains(task));
        let (warmup, standby) = kept.partition(begun);
        // Without state a member lags by the whole changelog, which may be short.
        let ends = self.tasks.end_sums.iter().flatten();
        let ends = ends.filter(|(task, _)| self.tasks.tasks.stateful.contains(task));
        let mut lags: BTreeMap<TaskId, i64> = ends.map(|(task, end)| (*task, *end)).collect();
        lags.extend(sums.iter().map(|(task, sum)| (*task, self.tasks.lag(*task, *sum))));
        let offsets = TaskOffsets { lags, ..TaskOffsets::default() };
        AssignorMember {
            process_id: member.info.process_id,
            client_tags: member.info.client_tags.clone(),
            previous: TaskAssignment { active, standby, warmup, ..TaskAssignment::default() },
            offsets,
        }
    }

    /// Source partitions of active and of standby tasks, by instance with an address.
    fn hosts(
        &self,
        targets: &BTreeMap<MemberId, TaskAssignment>,
    ) -> (PartitionsByHost, PartitionsByHost) {
        let (mut active, mut standby) = (PartitionsByHost::new(), PartitionsByHost::new());
        for (id, target) in targets {
            let endpoint = self.members.get(id).and_then(|m| m.info.user_endpoint.as_deref());
            let Some(host) = endpoint.and_then(HostInfo::parse) else { continue };
            let partitions_of = |tasks: &BTreeSet<TaskId>| -> Vec<TopicPartition> {
                tasks.iter().flat_map(|task| self.tasks.partitions(*task)).cloned().collect()
            };
            active.entry(host.clone()).or_default().extend(partitions_of(&target.active));
            let replicas = standby.entry(host).or_default();
            replicas.extend(partitions_of(&target.standby));
            replicas.extend(partitions_of(&target.warmup));
        }
        (active, standby)
    }

    fn tell(
        &self,
        id: &MemberId,
        member: &LeaderMember,
        target: &TaskAssignment,
        owners: &BTreeMap<&TopicPartition, &MemberId>,
        hosts: &(PartitionsByHost, PartitionsByHost),
        probe: bool,
    ) -> Vec<u8> {
        let is_free = |task: &TaskId| {
            self.tasks
                .partitions(*task)
                .all(|partition| owners.get(partition).is_none_or(|o| *o == id))
        };
        let (active, waiting): (BTreeSet<TaskId>, BTreeSet<TaskId>) =
            target.active.iter().partition(|task| is_free(task));
        let mut assigned: Vec<(&TopicPartition, TaskId)> = Vec::new();
        for &task in &active {
            assigned.extend(self.tasks.partitions(task).map(|partition| (partition, task)));
        }
        assigned.sort_unstable();
        // Its state stays open until it gets the active task.
        let kept = waiting.iter().filter(|task| member.info.offset_sums.contains_key(task));
        let kept = kept.filter(|task| self.tasks.tasks.stateful.contains(task));
        let standby = target.standby.iter().chain(&target.warmup).chain(kept);
        let standby =
            standby.map(|task| (*task, self.tasks.partitions(*task).cloned().collect())).collect();
        let partitions: BTreeSet<TopicPartition> =
            assigned.iter().map(|(partition, _)| (*partition).clone()).collect();
        let gives_up = !member.subscription.owned.is_subset(&partitions);
        let probe_ms = self.now_ms + duration_ms(self.settings.probing_rebalance_interval);
        let next_rebalance_ms =
            if gives_up { Some(0) } else { Some(probe_ms).filter(|_| probe && id == self.prober) };
        let info = AssignmentInfo {
            version: self.least_version(|info| info.version),
            commonly_supported_version: self.least_version(|info| info.latest_supported_version),
            active: assigned.into_iter().map(|(_, task)| task).collect(),
            standby,
            partitions_by_host: hosts.0.clone(),
            standby_partitions_by_host: hosts.1.clone(),
            error: AssignorError::None,
            next_rebalance_ms,
            refusal: None,
        };
        ConsumerAssignment { partitions, user_data: info.encode() }.encode()
    }

    fn least_version(&self, of: impl Fn(&SubscriptionInfo) -> i32) -> i32 {
        let versions = self.members.values().map(|member| of(&member.info));
        versions.min().unwrap_or(LATEST_VERSION).min(LATEST_VERSION)
    }
}

/// Tells all members the same error, and nothing else.
pub(in super::super) fn error_assignments<'a>(
    members: impl Iterator<Item = &'a MemberId>,
    error: AssignorError,
) -> BTreeMap<MemberId, Vec<u8>> {
    let user_data = AssignmentInfo::failed(LATEST_VERSION, error).encode();
    let nothing = ConsumerAssignment { partitions: BTreeSet::new(), user_data }.encode();
    members.map(|id| (id.clone(), nothing.clone())).collect()
}

/// Tells a member that it gets nothing, and why.
pub(in super::super) fn refusal(why: String) -> Vec<u8> {
    let failed = AssignmentInfo::failed(LATEST_VERSION, AssignorError::AssignmentError);
    let info = AssignmentInfo { refusal: Some(why), ..failed };
    ConsumerAssignment { partitions: BTreeSet::new(), user_data: info.encode() }.encode()
}

#[cfg(test)]
mod tests;
