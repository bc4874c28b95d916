//! The background task of a member: from one membership to the next.

use std::{sync::Arc, time::Duration};

use kafka_protocol::{
    messages::{
        GroupId, LeaveGroupRequest, LeaveGroupResponse, leave_group_request::MemberIdentity,
    },
    protocol::StrBytes,
};
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::{
    ClassicConfig, GroupProtocol, coordinator::Coordinator, life::Life, member::ClassicSeat,
};
use crate::{
    ClientConfig, Error, ErrorKind, Result,
    group::{LONGEST, event::Ended},
};

/// Time for which the task waits for the answer to its leaving.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// The parts of the background task.
#[derive(Debug)]
pub(super) struct Task<C> {
    pub(super) seat: Arc<ClassicSeat>,
    pub(super) coordinator: C,
    pub(super) config: ClassicConfig,
    pub(super) protocol: Arc<dyn GroupProtocol>,
    pub(super) client_config: ClientConfig,
}

impl<C: Coordinator> Task<C> {
    pub(super) fn new(
        seat: Arc<ClassicSeat>,
        coordinator: C,
        mut config: ClassicConfig,
        protocol: Arc<dyn GroupProtocol>,
        client_config: ClientConfig,
    ) -> Self {
        config.session_timeout = config.session_timeout.min(LONGEST);
        config.max_poll_interval = config.max_poll_interval.min(LONGEST);
        config.heartbeat_interval = config.heartbeat_interval.min(config.session_timeout);
        Self { seat, coordinator, config, protocol, client_config }
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

    /// Ends the membership of an owner that has been silent for too long, like Java's heartbeat
    /// thread.
    async fn give_up(&self, incarnation: u64) {
        let group = &self.config.group_id;
        let context = format!(
            "group {group}: the member was silent for more than max.poll.interval.ms ({} ms) and has left",
            self.config.max_poll_interval.as_millis()
        );
        warn!("{context}");
        let is_static = self.config.group_instance_id.is_some();
        let member_id = self.seat.as_of(incarnation, |state| {
            if is_static { String::new() } else { std::mem::take(&mut state.own.member_id) }
        });
        self.seat.end(incarnation, Ended::Lost(Error::new(ErrorKind::Fenced, context)));
        let Some(member_id) = member_id.filter(|member_id| !member_id.is_empty()) else { return };
        let request = leave_request(&self.config, &member_id, "the owner was silent for too long");
        let answer = timeout(LEAVE_TIMEOUT, self.coordinator.leave(request)).await;
        let answer = answer.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout, format!("leaving group {group}: no answer in time")))
        });
        if let Err(error) = judge_leave(group, answer) {
            debug!(group, %error, "could not leave; the session will run out");
        }
    }
}

/// The request by which one member leaves.
pub(super) fn leave_request(
    config: &ClassicConfig,
    member_id: &str,
    reason: &str,
) -> LeaveGroupRequest {
    let instance = config.group_instance_id.clone().map(StrBytes::from_string);
    let member = MemberIdentity::default()
        .with_group_instance_id(instance)
        .with_member_id(StrBytes::from_string(member_id.to_owned()))
        .with_reason(Some(StrBytes::from_string(reason.to_owned())));
    LeaveGroupRequest::default()
        .with_group_id(GroupId(StrBytes::from_string(config.group_id.clone())))
        .with_members(vec![member])
}

/// Checks that the member is out of the group.
pub(super) fn judge_leave(group_id: &str, answer: Result<LeaveGroupResponse>) -> Result {
    let answer = answer?;
    let of_member = answer.members.first().map_or(0, |member| member.error_code);
    let code = if answer.error_code == 0 { of_member } else { answer.error_code };
    match code {
        // UNKNOWN_MEMBER_ID: it is out already.
        0 | 25 => Ok(()),
        code => Err(Error::from_code(code, format!("LeaveGroup of group {group_id}"), None)),
    }
}
