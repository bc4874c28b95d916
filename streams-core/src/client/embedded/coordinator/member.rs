//! One member and its tasks.

use std::collections::BTreeSet;

use super::GroupMember;
use crate::{
    TaskId,
    client::JoinGroup,
    membership::{TaskAssignment, TaskInputs, TaskOffsets},
    planted::{PlantedBug, is_planted},
    time::duration_ms,
};

/// A member of a group.
///
/// It holds the tasks that it reported as owned and those that it was told to own: a task is free
/// for another member only if it is in neither set.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) join: JoinGroup,
    pub(super) epoch: i32,
    /// Its previous epoch, which it may still use if the reply that raised it was lost.
    pub(super) previous_epoch: i32,
    pub(super) last_seen_ms: i64,
    pub(super) owned: TaskAssignment,
    pub(super) assigned: TaskAssignment,
    pub(super) target: TaskAssignment,
    pub(super) offsets: TaskOffsets,
}

impl Member {
    pub(super) fn new(join: JoinGroup, now_ms: i64) -> Self {
        Self {
            join,
            epoch: 0,
            previous_epoch: 0,
            last_seen_ms: now_ms,
            owned: TaskAssignment::default(),
            assigned: TaskAssignment::default(),
            target: TaskAssignment::default(),
            offsets: TaskOffsets::default(),
        }
    }

    pub(super) fn is_expired(&self, now_ms: i64) -> bool {
        now_ms - self.last_seen_ms > duration_ms(self.join.session_timeout)
    }

    /// Returns whether it runs a task, or was told to.
    pub(super) fn holds_active(&self, task: TaskId) -> bool {
        self.owned.active.contains(&task) || self.assigned.active.contains(&task)
    }

    /// Returns whether it has a task's state open in any role, or was told to.
    pub(super) fn holds(&self, task: TaskId) -> bool {
        [&self.owned, &self.assigned].into_iter().any(|tasks| {
            [&tasks.active, &tasks.standby, &tasks.warmup].iter().any(|role| role.contains(&task))
        })
    }

    /// Returns whether it reported no more than its target. State that it keeps for a task of its
    /// target in another role does not count: it only waits for the role.
    pub(super) fn has_let_go(&self) -> bool {
        let Self { owned, target, .. } = self;
        let wanted = |task| target.active.contains(task) || is_replica(target, *task);
        owned.active.is_subset(&target.active)
            && owned.standby.iter().chain(&owned.warmup).all(wanted)
    }

    /// Returns whether a task that it warms up has caught up.
    pub(super) fn has_warmed_up(&self) -> bool {
        let acceptable = self.join.standby.acceptable_recovery_lag;
        let lag = |task| self.offsets.lags.get(task);
        self.target.warmup.iter().filter_map(lag).any(|&lag| lag <= acceptable)
    }

    pub(super) fn advance_to(&mut self, epoch: i32) {
        if self.epoch != epoch {
            self.previous_epoch = self.epoch;
            self.epoch = epoch;
        }
    }

    /// Its target without the tasks that `others` still hold: an active task must have no other
    /// owner, and a process opens the state of a task only once. Until it gets an active task, it
    /// keeps its replica of it.
    pub(super) fn available<'m>(
        &self,
        others: &(impl Iterator<Item = &'m Self> + Clone),
    ) -> TaskAssignment {
        let Self { target, assigned, .. } = self;
        let process = self.join.process_id;
        let taken_nearby = |task: TaskId| {
            others.clone().any(|other| other.join.process_id == process && other.holds(task))
        };
        let taken = |task: TaskId| {
            let runs_elsewhere = || others.clone().any(|other| other.holds_active(task));
            (runs_elsewhere() && !is_planted(PlantedBug::TwoOwners)) || taken_nearby(task)
        };
        let (waiting, active): (BTreeSet<TaskId>, BTreeSet<TaskId>) =
            target.active.iter().partition(|task| taken(**task));
        let kept = |role: &BTreeSet<TaskId>, had: &BTreeSet<TaskId>| {
            let wanted = role.iter().filter(|task| !taken_nearby(**task));
            wanted.chain(had.intersection(&waiting)).copied().collect()
        };
        TaskAssignment {
            standby: kept(&target.standby, &assigned.standby),
            warmup: kept(&target.warmup, &assigned.warmup),
            active,
            inputs: TaskInputs::new(),
        }
    }

    pub(super) fn describe(&self, member_id: &str) -> GroupMember {
        GroupMember {
            member_id: member_id.to_owned(),
            client_id: self.join.client_id.clone(),
            member_epoch: self.epoch,
            owned: self.owned.clone(),
            assigned: self.assigned.clone(),
            target: self.target.clone(),
        }
    }
}

fn is_replica(tasks: &TaskAssignment, task: TaskId) -> bool {
    tasks.standby.contains(&task) || tasks.warmup.contains(&task)
}
