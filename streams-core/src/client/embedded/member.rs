//! A member's side of the group protocol.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
};

use super::{OperationKind, coordinator::HeartbeatRequest, shared::Shared};
use crate::{
    ErrorKind, Result, TopicPartition,
    client::{Answer, GroupMetadata, Heartbeat, JoinGroup, Membership, OffsetAndMetadata},
    membership::{GroupHosts, TaskAssignment, TaskOffsets},
    time::duration_ms,
};

/// An epoch that no member has.
const NO_EPOCH: i32 = -1;

/// One member of a group of the embedded cluster.
///
/// It chooses its own member id, so joining again after a lost reply finds the same member.
#[derive(Debug)]
pub(super) struct EmbeddedMembership {
    shared: Arc<Shared>,
    join: JoinGroup,
    member_id: String,
    /// 0 while it does not belong to the group.
    epoch: i32,
    /// The epoch at which the owner was told that a commit was refused: that membership is over.
    refused_epoch: Arc<AtomicI32>,
    reported: Option<TaskAssignment>,
    told: Option<TaskAssignment>,
    told_hosts: GroupHosts,
    sent_at_ms: i64,
    /// True if it asks all members to close.
    shutdown: bool,
    /// True if the coordinator said that all are to close.
    told_shutdown: bool,
}

impl EmbeddedMembership {
    pub(super) fn new(shared: Arc<Shared>, join: JoinGroup) -> Self {
        let member_id = shared.new_member_id(&join.client_id);
        Self {
            shared,
            join,
            member_id,
            epoch: 0,
            refused_epoch: Arc::new(AtomicI32::new(NO_EPOCH)),
            reported: None,
            told: None,
            told_hosts: GroupHosts::new(),
            sent_at_ms: 0,
            shutdown: false,
            told_shutdown: false,
        }
    }

    fn is_due(&self, owned: &TaskAssignment, now_ms: i64) -> bool {
        self.epoch == 0
            || (self.shutdown && !self.told_shutdown)
            || self.reported.as_ref() != Some(owned)
            || now_ms - self.sent_at_ms >= duration_ms(self.shared.settings.heartbeat_interval)
    }

    fn forget(&mut self) {
        self.epoch = 0;
        self.reported = None;
        self.told = None;
    }
}

impl Membership for EmbeddedMembership {
    fn heartbeat(&mut self, owned: &TaskAssignment, offsets: &TaskOffsets) -> Result<Heartbeat> {
        let now_ms = self.shared.now_ms();
        if self.refused_epoch.swap(NO_EPOCH, Ordering::SeqCst) == self.epoch {
            self.forget();
        }
        if !self.is_due(owned, now_ms) {
            return Ok(Heartbeat { shutdown: self.told_shutdown, ..Heartbeat::default() });
        }
        let request = HeartbeatRequest {
            member_id: &self.member_id,
            member_epoch: self.epoch,
            join: &self.join,
            owned,
            offsets,
            shutdown: self.shutdown,
        };
        let replied = self.shared.call(&self.join.client_id, OperationKind::Heartbeat, |state| {
            state.heartbeat(&request, now_ms)
        });
        let reply = match replied {
            Ok(reply) => reply,
            Err(error) => {
                if error.kind() == ErrorKind::Fenced {
                    self.forget();
                }
                return Err(error);
            }
        };
        self.epoch = reply.member_epoch;
        self.reported = Some(owned.clone());
        self.sent_at_ms = now_ms;
        let is_news = self.told.as_ref() != Some(&reply.assignment);
        let assignment = is_news.then(|| reply.assignment.clone());
        self.told = Some(reply.assignment);
        self.told_shutdown = reply.shutdown;
        let hosts = (self.told_hosts != reply.hosts).then(|| reply.hosts.clone());
        self.told_hosts = reply.hosts;
        Ok(Heartbeat { assignment, hosts, shutdown: reply.shutdown })
    }

    fn shutdown_application(&mut self) {
        self.shutdown = true;
    }

    fn commit_offsets(&mut self, offsets: &[(TopicPartition, OffsetAndMetadata)]) -> Answer<()> {
        let (metadata, offsets) = (self.group_metadata(), offsets.to_vec());
        let (refused, epoch) = (Arc::clone(&self.refused_epoch), self.epoch);
        let client_id = &self.join.client_id;
        let committed = self.shared.begin(client_id, OperationKind::CommitOffsets, move |state| {
            let group = state.group_mut(&metadata.group_id);
            group.check_commit(&metadata, &offsets)?;
            group.offsets.commit(&offsets);
            Ok(())
        });
        committed.map_err(move |error| {
            if error.kind() == ErrorKind::Fenced {
                refused.store(epoch, Ordering::SeqCst);
            }
            error
        })
    }

    fn committed_offsets(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Answer<BTreeMap<TopicPartition, OffsetAndMetadata>> {
        let (group_id, partitions) = (self.join.group_id.clone(), partitions.to_vec());
        let client_id = &self.join.client_id;
        self.shared.begin_read(client_id, OperationKind::FetchOffsets, move |state| {
            let group = state.groups.get(&group_id);
            group.map_or_else(|| Ok(BTreeMap::new()), |group| group.offsets.stable(&partitions))
        })
    }

    fn group_metadata(&self) -> GroupMetadata {
        GroupMetadata {
            group_id: self.join.group_id.clone(),
            member_id: self.member_id.clone(),
            member_epoch: self.epoch,
            group_instance_id: self.join.group_instance_id.clone(),
        }
    }

    fn leave(&mut self, for_good: bool) -> Result {
        if self.epoch == 0 {
            return Ok(());
        }
        let now_ms = self.shared.now_ms();
        let left = self.shared.call(&self.join.client_id, OperationKind::LeaveGroup, |state| {
            let group = state.group_mut(&self.join.group_id);
            group.leave(&self.member_id, for_good, now_ms);
            Ok(())
        });
        self.forget();
        left
    }
}
