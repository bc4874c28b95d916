//! The handle of a member.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use tokio::{runtime::Handle, time::timeout};
use uuid::Uuid;

use super::{
    GroupStatus, HostTasks, StreamsGroupConfig, Tasks,
    coordinator::{ClusterCoordinator, Coordinator},
    task::{Task, judge_leave, leave_request},
};
use crate::{
    Client, Error, ErrorKind, Result,
    group::{Event, seat::Seat},
};

/// Identity of a member, for commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberEpoch {
    /// The member.
    pub member_id: String,
    /// Its epoch according to the last answer.
    pub member_epoch: i32,
}

/// The protocol's state, shared by handle and task.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) member_id: String,
    /// The epoch of the last answer; stale after the membership was lost.
    pub(super) epoch: Option<i32>,
    /// True if a coordinator may know the member.
    pub(super) known: bool,
    /// Tasks that the owner last reported.
    pub(super) owned: Tasks,
    /// Tasks that the owner was told since: it may be working on them by now.
    pub(super) told: Option<Tasks>,
    /// True if the coordinator should hear at once.
    pub(super) urgent: bool,
    pub(super) shutdown_application: bool,
    pub(super) statuses: Vec<GroupStatus>,
    /// The broker's last report of the members' addresses, until the owner asks.
    pub(super) hosts: Option<Vec<HostTasks>>,
}

impl Standing {
    pub(super) fn new(member_id: String) -> Self {
        Self {
            member_id,
            epoch: None,
            known: false,
            owned: Tasks::default(),
            told: None,
            urgent: false,
            shutdown_application: false,
            statuses: Vec::new(),
            hosts: None,
        }
    }
}

pub(super) type StreamsSeat = Seat<Tasks, Standing>;

/// One member of a group; all calls but [`leave`](Self::leave) return at once.
///
/// Dropping it abandons the membership without leaving: the group notices when the session has
/// expired.
#[derive(Debug)]
pub struct StreamsMember {
    seat: Arc<StreamsSeat>,
    coordinator: ClusterCoordinator,
    config: StreamsGroupConfig,
    leave_timeout: Duration,
}

impl StreamsMember {
    /// Creates a member that has not joined yet, with an id of its own. Its task runs on `runtime`,
    /// over its own connections with the settings of `client`.
    pub fn new(client: &Client, runtime: &Handle, config: StreamsGroupConfig) -> Self {
        let seat = Arc::new(Seat::new(Standing::new(new_member_id())));
        let member = Self::with_seat(client, Arc::clone(&seat), config.clone());
        let coordinator = member.coordinator.clone();
        runtime.spawn(Task::new(seat, coordinator, config, client.config().clone()).run());
        member
    }

    /// The handle alone, for a task that serves `seat`.
    pub(super) fn with_seat(
        client: &Client,
        seat: Arc<StreamsSeat>,
        config: StreamsGroupConfig,
    ) -> Self {
        let coordinator = ClusterCoordinator::new(client, &config.group_id);
        Self { seat, coordinator, config, leave_timeout: client.config().request_timeout }
    }

    /// Joins the group in the background: at first, and again after [`Event::Lost`], when the owner
    /// has dropped all work of the lost membership. A member that has joined, or is joining, is
    /// left alone.
    pub fn join(&self) {
        self.seat.start(|standing| {
            standing.owned = Tasks::default();
            standing.told = None;
            standing.statuses.clear();
        });
    }

    /// Reports the owner's tasks, and returns the event since the last call.
    ///
    /// `owned` is everything that the owner works on, including tasks that it was told to give up
    /// and has not yet. The returned tasks count as owned until the next call. So a task is given
    /// to another member only once the owner has reported that it released it.
    pub fn poll(&self, owned: &Tasks) -> Option<Event<Tasks>> {
        let (event, urgent) = self.seat.with(|state| {
            let own = &mut state.own;
            // This call acknowledges an earlier assignment, whatever the owner did with it.
            let acknowledges = own.told.take().is_some();
            if own.owned != *owned {
                own.owned.clone_from(owned);
                own.urgent = true;
            }
            own.urgent |= acknowledges;
            let event = state.event.take();
            if let Some(Event::Assigned(tasks)) = &event {
                own.told = Some(tasks.clone());
            }
            (event, own.urgent)
        });
        if urgent {
            self.seat.change(|_| ());
        }
        event
    }

    /// Time for which the group still counts on the member if it hears nothing more from it; `None`
    /// if there is no limit, before the member has joined. Zero if the next [`poll`](Self::poll)
    /// will report that the membership is over.
    ///
    /// For an owner that is busy with something else, or was suspended, and must know that others
    /// may have its work.
    pub fn session_left(&self) -> Option<Duration> {
        self.seat.session_left()
    }

    /// Notes that the owner is alive. If it is silent for `max_poll_interval`, the member leaves
    /// the group and the membership is lost.
    pub fn owner_alive(&self) {
        self.seat.owner_alive();
    }

    /// The member with its epoch according to the last answer, for commits; it stays after the
    /// membership is lost, so that a commit is then refused. `None` before the first answer: do not
    /// commit, since a coordinator accepts transactional offsets without an epoch.
    ///
    /// The coordinator also accepts the previous epoch while the committed partitions are still the
    /// member's.
    pub fn epoch(&self) -> Option<MemberEpoch> {
        self.seat.with(|state| {
            let member_epoch = state.own.epoch?;
            Some(MemberEpoch { member_id: state.own.member_id.clone(), member_epoch })
        })
    }

    /// The broker's remarks on the group in its last answer: missing topics, a shutdown.
    pub fn statuses(&self) -> Vec<GroupStatus> {
        self.seat.with(|state| state.own.statuses.clone())
    }

    /// Addresses at which the members of the group answer queries, if the broker has reported them
    /// since the last call.
    pub fn take_hosts(&self) -> Option<Vec<HostTasks>> {
        self.seat.with(|state| state.own.hosts.take())
    }

    /// Asks all members to shut down: each sees it as a status. It is repeated with each heartbeat
    /// from now on.
    pub fn shutdown_application(&self) {
        self.seat.change(|state| {
            state.own.shutdown_application = true;
            state.own.urgent = true;
        });
    }

    /// The last reason why the member can't reach its coordinator, or was refused; `None` once
    /// something succeeded.
    pub fn last_error(&self) -> Option<Error> {
        self.seat.with(|state| state.last_error.clone())
    }

    /// Leaves the group, so that others take over without waiting for the session to expire; a
    /// static member announces that it will be back. Waits for at most the client's request
    /// time-out.
    ///
    /// # Errors
    /// If the coordinator could not be told. The task has stopped nevertheless.
    pub async fn leave(&self) -> Result {
        let member_id = self.seat.stop(|standing| {
            std::mem::take(&mut standing.known).then(|| standing.member_id.clone())
        });
        let Some(member_id) = member_id else { return Ok(()) };
        let request = leave_request(&self.config, member_id);
        let leaving = async {
            let group = &self.config.group_id;
            let answer = self.coordinator.heartbeat(request.clone()).await;
            let Err(error) = judge_leave(group, answer) else { return Ok(()) };
            if error.kind() != ErrorKind::Retriable && error.kind() != ErrorKind::Connection {
                return Err(error);
            }
            // The coordinator may just have moved: one more attempt, at the new one.
            self.coordinator.forget();
            judge_leave(group, self.coordinator.heartbeat(request).await)
        };
        timeout(self.leave_timeout, leaving).await.unwrap_or_else(|_| {
            let context = format!("leaving group {}: no answer in time", self.config.group_id);
            Err(Error::new(ErrorKind::Timeout, context))
        })
    }
}

impl Drop for StreamsMember {
    fn drop(&mut self) {
        self.seat.close();
    }
}

/// A random UUID in base64 for URLs, as Java writes member ids; also as there, never starting with
/// a hyphen, which tools would take for an option.
fn new_member_id() -> String {
    loop {
        let id = BASE64_URL_SAFE_NO_PAD.encode(Uuid::new_v4().as_bytes());
        if !id.starts_with('-') {
            return id;
        }
    }
}
