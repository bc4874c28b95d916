//! The background task of a member: from one membership to the next.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::{
    StreamsGroupConfig,
    coordinator::Coordinator,
    life::Life,
    member::StreamsSeat,
    messages::{StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse},
};
use crate::{
    ClientConfig, Error, ErrorKind, Result,
    group::{LONGEST, event::Ended},
};

/// Time for which the task waits for the answer to its leaving.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);
/// The epoch with which a member leaves.
const LEAVING: i32 = -1;
/// The epoch with which a static member goes away for a while.
const LEAVING_FOR_A_WHILE: i32 = -2;

/// The parts of the background task.
#[derive(Debug)]
pub(super) struct Task<C> {
    pub(super) seat: Arc<StreamsSeat>,
    pub(super) coordinator: C,
    pub(super) config: StreamsGroupConfig,
    pub(super) client_config: ClientConfig,
}

impl<C: Coordinator> Task<C> {
    pub(super) fn new(
        seat: Arc<StreamsSeat>,
        coordinator: C,
        mut config: StreamsGroupConfig,
        client_config: ClientConfig,
    ) -> Self {
        config.session_timeout = config.session_timeout.min(LONGEST);
        config.max_poll_interval = config.max_poll_interval.min(LONGEST);
        Self { seat, coordinator, config, client_config }
    }

    /// Runs until the handle is dropped.
    pub(super) async fn run(self) {
        while let Some(incarnation) = self.seat.called().await {
            let ended = tokio::select! {
                biased;
                () = self.seat.superseded(incarnation) => continue,
                () = self.seat.owner_silent(self.config.max_poll_interval) => None,
                ended = Life::new(&self, incarnation).live() => Some(ended),
            };
            match ended {
                Some(ended) => {
                    info!(group = self.config.group_id, ?ended, "membership ended");
                    self.seat.end(incarnation, ended);
                }
                None => self.give_up(incarnation).await,
            }
        }
    }

    /// Ends the membership of an owner that has been silent for too long, as Java does.
    async fn give_up(&self, incarnation: u64) {
        let group = &self.config.group_id;
        let context = format!(
            "group {group}: the member was silent for more than max.poll.interval.ms ({} ms) and has left",
            self.config.max_poll_interval.as_millis()
        );
        warn!("{context}");
        let member_id = self.seat.as_of(incarnation, |state| {
            std::mem::take(&mut state.own.known).then(|| state.own.member_id.clone())
        });
        self.seat.end(incarnation, Ended::Lost(Error::new(ErrorKind::Fenced, context)));
        let Some(member_id) = member_id.flatten() else { return };
        let leaving = self.coordinator.heartbeat(leave_request(&self.config, member_id));
        let answer = timeout(LEAVE_TIMEOUT, leaving).await;
        let answer = answer.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout, format!("leaving group {group}: no answer in time")))
        });
        if let Err(error) = judge_leave(group, answer) {
            debug!(group, %error, "could not leave; the session will run out");
        }
    }
}

/// The heartbeat by which a member leaves.
pub(super) fn leave_request(
    config: &StreamsGroupConfig,
    member_id: String,
) -> StreamsGroupHeartbeatRequest {
    let is_static = config.group_instance_id.is_some();
    StreamsGroupHeartbeatRequest {
        group_id: config.group_id.clone(),
        member_id,
        member_epoch: if is_static { LEAVING_FOR_A_WHILE } else { LEAVING },
        instance_id: config.group_instance_id.clone(),
        rebalance_timeout_ms: -1,
        ..StreamsGroupHeartbeatRequest::default()
    }
}

/// Checks that the member is out of the group.
pub(super) fn judge_leave(group_id: &str, answer: Result<StreamsGroupHeartbeatResponse>) -> Result {
    let answer = answer?;
    match answer.error_code {
        // UNKNOWN_MEMBER_ID, GROUP_ID_NOT_FOUND: it is out already.
        0 | 25 | 69 => Ok(()),
        code => {
            let context = format!("StreamsGroupHeartbeat of group {group_id} to leave it");
            Err(Error::from_code(code, context, answer.error_message.as_deref()))
        }
    }
}
