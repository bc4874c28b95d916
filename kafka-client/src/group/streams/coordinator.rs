//! The group's coordinator as seen by a member.

use std::time::Duration;

use super::messages::{StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse};
use crate::{Client, Result};

/// The only request of the protocol; tests answer it from a script.
pub(super) trait Coordinator: Send + Sync + 'static {
    fn heartbeat(
        &self,
        request: StreamsGroupHeartbeatRequest,
    ) -> impl Future<Output = Result<StreamsGroupHeartbeatResponse>> + Send;
    /// Makes the next request look up the coordinator.
    fn forget(&self);
}

/// The coordinator of a cluster, on the member's own connections: so a request to leave comes after
/// a heartbeat still in transit, which otherwise would join again.
#[derive(Clone, Debug)]
pub(super) struct ClusterCoordinator {
    own: Client,
    group_id: String,
}

impl ClusterCoordinator {
    pub(super) fn new(client: &Client, group_id: &str) -> Self {
        Self { own: client.separate(), group_id: group_id.to_owned() }
    }
}

impl Coordinator for ClusterCoordinator {
    async fn heartbeat(
        &self,
        request: StreamsGroupHeartbeatRequest,
    ) -> Result<StreamsGroupHeartbeatResponse> {
        self.own.call_coordinator(&self.group_id, 0, request, Duration::ZERO).await
    }

    fn forget(&self) {
        self.own.forget_coordinator(&self.group_id);
    }
}
