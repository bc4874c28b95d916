//! The group's coordinator, as a member calls it.

use std::time::Duration;

use super::messages::{StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse};
use crate::{Client, Result};

/// The one request of the protocol; tests answer it from a script.
pub(super) trait Coordinator: Send + Sync + 'static {
    fn heartbeat(
        &self,
        request: StreamsGroupHeartbeatRequest,
    ) -> impl Future<Output = Result<StreamsGroupHeartbeatResponse>> + Send;
    /// The next request looks the coordinator up.
    fn forget(&self);
}

/// The coordinator of a cluster, on connections of the member alone: so a request to leave is behind a heartbeat that
/// is still on its way, which would join again otherwise.
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
