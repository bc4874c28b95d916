//! The group's coordinator as seen by a member.

use std::time::Duration;

use kafka_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
};

use crate::{Client, Result};

/// The requests of the protocol; tests answer them from a script.
pub(super) trait Coordinator: Send + Sync + 'static {
    /// The broker holds the answer back for up to `wait`.
    fn join(
        &self,
        request: JoinGroupRequest,
        wait: Duration,
    ) -> impl Future<Output = Result<JoinGroupResponse>> + Send;
    /// The broker holds the answer back for up to `wait`.
    fn sync(
        &self,
        request: SyncGroupRequest,
        wait: Duration,
    ) -> impl Future<Output = Result<SyncGroupResponse>> + Send;
    fn heartbeat(
        &self,
        request: HeartbeatRequest,
    ) -> impl Future<Output = Result<HeartbeatResponse>> + Send;
    fn leave(
        &self,
        request: LeaveGroupRequest,
    ) -> impl Future<Output = Result<LeaveGroupResponse>> + Send;
    /// Makes the next request look up the coordinator.
    fn forget(&self);
}

/// The coordinator of a cluster.
#[derive(Clone, Debug)]
pub(super) struct ClusterCoordinator {
    /// Connections of this member alone: a waiting `JoinGroup` delays later requests.
    own: Client,
    /// Connections without waiting `JoinGroup`s, for leaving.
    shared: Client,
    group_id: String,
}

impl ClusterCoordinator {
    pub(super) fn new(client: &Client, group_id: &str) -> Self {
        Self { own: client.separate(), shared: client.clone(), group_id: group_id.to_owned() }
    }
}

impl Coordinator for ClusterCoordinator {
    async fn join(&self, request: JoinGroupRequest, wait: Duration) -> Result<JoinGroupResponse> {
        self.own.call_coordinator(&self.group_id, 9, request, wait).await
    }

    async fn sync(&self, request: SyncGroupRequest, wait: Duration) -> Result<SyncGroupResponse> {
        self.own.call_coordinator(&self.group_id, 5, request, wait).await
    }

    async fn heartbeat(&self, request: HeartbeatRequest) -> Result<HeartbeatResponse> {
        self.own.call_coordinator(&self.group_id, 4, request, Duration::ZERO).await
    }

    async fn leave(&self, request: LeaveGroupRequest) -> Result<LeaveGroupResponse> {
        self.shared.call_coordinator(&self.group_id, 5, request, Duration::ZERO).await
    }

    fn forget(&self) {
        self.own.forget_coordinator(&self.group_id);
        self.shared.forget_coordinator(&self.group_id);
    }
}
