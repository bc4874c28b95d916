//! A group: its members, its epoch and its target assignment.

use std::{collections::BTreeMap, sync::Arc};

use super::{GroupMember, GroupOffsets, member::Member};
use crate::{
    Error, ErrorKind, Result, TaskId, TopicPartition,
    assignor::{AssignorMember, AssignorTasks, MemberId, assign},
    client::{GroupMetadata, JoinGroup, OffsetAndMetadata, StandbySettings},
    membership::{GroupHosts, GroupTopology, TaskAssignment, TaskInputs, TaskOffsets},
    planted::{PlantedBug, is_planted},
    time::duration_ms,
};

/// A heartbeat of a member.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct HeartbeatRequest<'a> {
    pub(in super::super) member_id: &'a str,
    /// Its epoch; 0 to join.
    pub(in super::super) member_epoch: i32,
    pub(in super::super) join: &'a JoinGroup,
    pub(in super::super) owned: &'a TaskAssignment,
    pub(in super::super) offsets: &'a TaskOffsets,
    /// True if it asks all members to close.
    pub(in super::super) shutdown: bool,
}

impl HeartbeatRequest<'_> {
    /// Returns whether it is the first heartbeat of a member.
    pub(in super::super) fn is_join(&self) -> bool {
        self.member_epoch == 0
    }
}

/// The tasks of a topology on the cluster in its current state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct GroupTasks {
    pub(in super::super) tasks: AssignorTasks,
    pub(in super::super) inputs: TaskInputs,
}

/// Answer to a heartbeat.
#[derive(Clone, Debug)]
pub(in super::super) struct HeartbeatReply {
    pub(in super::super) member_epoch: i32,
    pub(in super::super) assignment: TaskAssignment,
    pub(in super::super) hosts: GroupHosts,
    /// True if a member asked all to close.
    pub(in super::super) shutdown: bool,
}

/// One group.
#[derive(Debug, Default)]
pub(in super::super) struct Group {
    id: String,
    epoch: i32,
    members: BTreeMap<MemberId, Member>,
    /// The topology of the members; all run the same.
    topology: Option<Arc<GroupTopology>>,
    tasks: GroupTasks,
    /// Version of the cluster's topics from which the tasks were derived.
    topics_version: u64,
    assigned_at_ms: i64,
    /// True if a member asked all to close; stays so until all have left.
    shutdown: bool,
    pub(in super::super) offsets: GroupOffsets,
}

impl Group {
    pub(in super::super) fn new(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    /// Checks that the topology of a joining member is the one that all others run.
    ///
    /// # Errors
    /// `Config` if it differs.
    pub(in super::super) fn check_topology(&self, member_id: &str, join: &JoinGroup) -> Result {
        let mut others = self.members.iter().filter(|(id, member)| {
            let same_instance = join.group_instance_id.is_some()
                && member.join.group_instance_id == join.group_instance_id;
            id.as_str() != member_id && !same_instance
        });
        let Some((ours, (known, _))) = self.topology.as_ref().zip(others.next()) else {
            return Ok(());
        };
        if **ours == *join.topology {
            return Ok(());
        }
        let (ours, theirs) = (&ours.subtopologies, &join.topology.subtopologies);
        let differs = ours.keys().chain(theirs.keys()).find(|key| ours.get(key) != theirs.get(key));
        let text = format!(
            "another topology uses the application.id `{}`: sub-topology {} of member `{member_id}` is not that of member \
             `{known}`; give each topology an application.id of its own, or stop all instances before one with a changed \
             topology starts",
            self.id,
            differs.copied().unwrap_or_default()
        );
        Err(Error::new(ErrorKind::Config, text))
    }

    /// Lets a member join, or join again. A static member replaces the one with its instance id,
    /// without a new assignment unless it is another process.
    pub(in super::super) fn join(
        &mut self,
        request: &HeartbeatRequest<'_>,
        tasks: GroupTasks,
        topics_version: u64,
        now_ms: i64,
    ) {
        let replaced = self.take_instance(request);
        let joins_anew = replaced.is_none() && !self.members.contains_key(request.member_id);
        let same_tasks = self.tasks.tasks == tasks.tasks;
        self.topology = Some(Arc::clone(&request.join.topology));
        self.tasks = tasks;
        self.topics_version = topics_version;
        let known = self.members.remove(request.member_id).or(replaced);
        // Its state is elsewhere, and it shares its process with others.
        let moved =
            known.as_ref().is_some_and(|known| known.join.process_id != request.join.process_id);
        let mut member = known.unwrap_or_else(|| Member::new(request.join.clone(), now_ms));
        member.join = request.join.clone();
        member.offsets = request.offsets.clone();
        self.members.insert(request.member_id.to_owned(), member);
        if joins_anew || moved || !same_tasks {
            self.epoch += 1;
            self.reassign(now_ms);
        }
    }

    /// Returns whether topics have changed since the tasks were derived, provided that `member_id`
    /// is a member.
    pub(in super::super) fn is_behind(&self, member_id: &str, topics_version: u64) -> bool {
        self.topics_version != topics_version && self.members.contains_key(member_id)
    }

    /// Sets the tasks derived from the current topics.
    pub(in super::super) fn update_tasks(
        &mut self,
        tasks: GroupTasks,
        topics_version: u64,
        now_ms: i64,
    ) {
        self.topics_version = topics_version;
        let same_tasks = self.tasks.tasks == tasks.tasks;
        self.tasks = tasks;
        if !same_tasks {
            self.epoch += 1;
            self.reassign(now_ms);
        }
    }

    /// Removes the member with the instance id of a joining static member, and keeps its target.
    fn take_instance(&mut self, request: &HeartbeatRequest<'_>) -> Option<Member> {
        let instance = request.join.group_instance_id.as_ref()?;
        let old = self.members.iter().find(|(id, member)| {
            id.as_str() != request.member_id
                && member.join.group_instance_id.as_ref() == Some(instance)
        });
        let old = old.map(|(id, _)| id.clone())?;
        let mut member = self.members.remove(&old)?;
        // The old process is gone, and with it everything that it still had to give up.
        member.owned = TaskAssignment::default();
        member.assigned = member.target.clone();
        Some(member)
    }

    /// Processes the report of a member, and returns the tasks that it may own now.
    ///
    /// # Errors
    /// `Fenced` if the member is unknown or its epoch is stale.
    pub(in super::super) fn heartbeat(
        &mut self,
        request: &HeartbeatRequest<'_>,
        now_ms: i64,
    ) -> Result<HeartbeatReply> {
        let joins = request.is_join();
        self.shutdown |= request.shutdown;
        let member = self.members.get_mut(request.member_id);
        let member = member.filter(|member| {
            joins || [member.epoch, member.previous_epoch].contains(&request.member_epoch)
        });
        let Some(member) = member else {
            return Err(self.fenced(request.member_id, request.member_epoch));
        };
        member.last_seen_ms = now_ms;
        // The group itself knows what a task reads.
        member.owned = TaskAssignment { inputs: TaskInputs::new(), ..request.owned.clone() };
        let lags_changed = member.offsets.lags != request.offsets.lags;
        member.offsets = request.offsets.clone();
        let warmed_up = member.has_warmed_up();
        if lags_changed && (warmed_up || self.is_probe_due(request.join, now_ms)) {
            self.reassign(now_ms);
        }
        self.reply(request.member_id, request.member_epoch)
    }

    /// Returns whether tasks wait for warm-ups and the last check of them is long enough ago.
    fn is_probe_due(&self, join: &JoinGroup, now_ms: i64) -> bool {
        now_ms - self.assigned_at_ms >= duration_ms(join.standby.probing_rebalance_interval)
            && self.members.values().any(|member| !member.target.warmup.is_empty())
    }

    fn reply(&mut self, member_id: &str, member_epoch: i32) -> Result<HeartbeatReply> {
        let epoch = self.epoch;
        let others = || self.members.iter().filter(|(id, _)| id.as_str() != member_id);
        let others = || others().map(|(_, member)| member);
        let available = self.members.get(member_id).map(|member| member.available(&others()));
        let Some((mut assignment, member)) = available.zip(self.members.get_mut(member_id)) else {
            return Err(self.fenced(member_id, member_epoch));
        };
        member.assigned = assignment.clone();
        if member.has_let_go() {
            member.advance_to(epoch);
        }
        let member_epoch = member.epoch;
        let inputs = assignment.active.iter();
        let inputs = inputs.map(|task| (*task, self.inputs([task]).cloned().collect()));
        assignment.inputs = inputs.collect();
        let (hosts, shutdown) = (self.hosts(), self.shutdown);
        Ok(HeartbeatReply { member_epoch, assignment, hosts, shutdown })
    }

    /// The partitions that tasks read.
    fn inputs<'a>(
        &'a self,
        tasks: impl IntoIterator<Item = &'a TaskId>,
    ) -> impl Iterator<Item = &'a TopicPartition> {
        tasks.into_iter().filter_map(|task| self.tasks.inputs.get(task)).flatten()
    }

    /// The hosts of the tasks that members were told to have.
    fn hosts(&self) -> GroupHosts {
        let mut hosts = GroupHosts::new();
        for member in self.members.values() {
            let Some(address) = &member.join.application_server else { continue };
            let TaskAssignment { active, standby, warmup, .. } = &member.assigned;
            let host = hosts.entry(address.clone()).or_default();
            host.active.extend(self.inputs(active).cloned());
            host.standby.extend(self.inputs(standby.union(warmup)).cloned());
        }
        hosts
    }

    /// Removes a member. A static member stays until its session expires, so that it can come back.
    pub(in super::super) fn leave(&mut self, member_id: &str, for_good: bool, now_ms: i64) {
        let leaves = |member: &Member| for_good || member.join.group_instance_id.is_none();
        if self.members.get(member_id).is_some_and(leaves) {
            self.members.remove(member_id);
            self.epoch += 1;
            self.reassign(now_ms);
        }
    }

    /// Removes the members that were silent for too long.
    pub(in super::super) fn expire(&mut self, now_ms: i64) {
        let before = self.members.len();
        self.members.retain(|_, member| !member.is_expired(now_ms));
        if self.members.len() < before {
            self.epoch += 1;
            self.reassign(now_ms);
        }
    }

    /// Computes a new target assignment; the group's epoch rises if it differs.
    fn reassign(&mut self, now_ms: i64) {
        let Some(settings) = self.settings() else {
            self.shutdown = false;
            return;
        };
        let members: BTreeMap<MemberId, AssignorMember> =
            self.members.iter().map(|(id, member)| (id.clone(), assignor_member(member))).collect();
        let mut targets = assign(&members, &self.tasks.tasks, &settings);
        let mut changed = false;
        for (id, member) in &mut self.members {
            let target = targets.remove(id).unwrap_or_default();
            changed |= target != member.target;
            member.target = target;
        }
        self.epoch += i32::from(changed);
        self.assigned_at_ms = now_ms;
    }

    fn settings(&self) -> Option<StandbySettings> {
        self.members.values().next().map(|member| member.join.standby.clone())
    }

    /// Checks that the committer of these offsets is a member and not a zombie. If there are no
    /// members, a client without a group may commit.
    ///
    /// # Errors
    /// `Fenced` if it is a zombie.
    pub(in super::super) fn check_commit(
        &self,
        group: &GroupMetadata,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result {
        let allowed = match self.members.get(&group.member_id) {
            None => self.members.is_empty() && group.member_id.is_empty(),
            Some(member) if member.epoch == group.member_epoch => true,
            Some(member) => {
                group.member_epoch > 0
                    && member.previous_epoch == group.member_epoch
                    && offsets.iter().all(|(partition, _)| self.holds(member, partition))
            }
        };
        if allowed || is_planted(PlantedBug::ZombieCommits) {
            Ok(())
        } else {
            Err(self.fenced(&group.member_id, group.member_epoch))
        }
    }

    /// Returns whether the task that reads a partition belongs to the member.
    fn holds(&self, member: &Member, partition: &TopicPartition) -> bool {
        let Some(topology) = &self.topology else { return false };
        topology.subtopologies.iter().any(|(&number, subtopology)| {
            let reads = subtopology.reads(&partition.topic);
            reads && member.holds_active(TaskId::new(number, partition.partition))
        })
    }

    fn fenced(&self, member_id: &str, member_epoch: i32) -> Error {
        let group = &self.id;
        let text = match self.members.get(member_id) {
            None => format!("`{member_id}` is no longer a member of group `{group}`"),
            Some(member) => format!(
                "member `{member_id}` of group `{group}` is at epoch {}, not at {member_epoch}",
                member.epoch
            ),
        };
        Error::new(ErrorKind::Fenced, text)
    }

    /// Descriptions of all members.
    pub(in super::super) fn describe(&self) -> Vec<GroupMember> {
        self.members.iter().map(|(id, member)| member.describe(id)).collect()
    }
}

fn assignor_member(member: &Member) -> AssignorMember {
    AssignorMember {
        process_id: member.join.process_id,
        client_tags: member.join.client_tags.clone(),
        previous: member.target.clone(),
        offsets: member.offsets.clone(),
    }
}
