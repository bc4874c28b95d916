//! The handle of a member.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{runtime::Handle, time::timeout};

use super::{
    ClassicConfig, GroupProtocol,
    coordinator::{ClusterCoordinator, Coordinator},
    task::{Task, judge_leave, leave_request},
};
use crate::{
    Client, Error, ErrorKind, Result,
    group::{Event, seat::Seat},
};

/// Identity of a member, for commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// The member.
    pub member_id: String,
    /// The generation that it entered with its last `JoinGroup`.
    pub generation_id: i32,
}

/// The leader's assignment to a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The generation that it belongs to.
    pub generation: Generation,
    /// The member's part of the leader's [`GroupProtocol::assign`]; empty if there was none.
    pub bytes: Bytes,
}

/// The protocol's state, shared by handle and task.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Member id for the next `JoinGroup`; empty for a new member.
    pub(super) member_id: String,
    pub(super) generation: Option<Generation>,
    /// The reason to join again soon.
    pub(super) rejoin: Option<String>,
}

pub(super) type ClassicSeat = Seat<Assignment, Standing>;

/// One member of a group; all calls but [`leave`](Self::leave) return at once.
///
/// Dropping it abandons the membership without leaving: the group notices when the session has
/// expired.
#[derive(Debug)]
pub struct ClassicMember {
    seat: Arc<ClassicSeat>,
    coordinator: ClusterCoordinator,
    config: ClassicConfig,
    leave_timeout: Duration,
}

impl ClassicMember {
    /// Creates a member that has not joined yet. Its task runs on `runtime`, over its own
    /// connections with the settings of `client`; `client` itself is used for leaving.
    pub fn new(
        client: &Client,
        runtime: &Handle,
        config: ClassicConfig,
        protocol: Arc<dyn GroupProtocol>,
    ) -> Self {
        let seat = Arc::new(Seat::new(Standing::default()));
        let coordinator = ClusterCoordinator::new(client, &config.group_id);
        let task = Task::new(
            Arc::clone(&seat),
            coordinator.clone(),
            config.clone(),
            protocol,
            client.config().clone(),
        );
        runtime.spawn(task.run());
        let leave_timeout = client.config().request_timeout;
        Self { seat, coordinator, config, leave_timeout }
    }

    /// Joins the group in the background: at first, and again after [`Event::Lost`], when the owner
    /// has dropped all work of the lost membership. A member that has joined, or is joining, is
    /// left alone.
    pub fn join(&self) {
        self.seat.start(|standing| standing.rejoin = None);
    }

    /// Asks for a rebalance soon, by joining again.
    ///
    /// A coordinator answers a follower whose metadata is unchanged with the current generation and
    /// does not rebalance: [`GroupProtocol::subscription`] must differ from the last one.
    pub fn rejoin(&self, reason: impl Into<String>) {
        self.seat.change(|state| state.own.rejoin = Some(reason.into()));
    }

    /// The event since the last call. An assignment made stale by a rebalance is withdrawn.
    pub fn poll(&self) -> Option<Event<Assignment>> {
        self.seat.with(|state| state.event.take())
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
    /// the group (a static one only falls silent too) and the membership is lost.
    pub fn owner_alive(&self) {
        self.seat.owner_alive();
    }

    /// The member and generation of the last `JoinGroup`, for commits; it stays after the
    /// membership is lost, so that a commit is then refused. `None` before the first: do not
    /// commit, since a coordinator accepts transactional offsets without a generation.
    ///
    /// A commit in progress while the member joined again is refused with `ILLEGAL_GENERATION` or
    /// `REBALANCE_IN_PROGRESS` though nothing is lost: if the generation differs from the one in
    /// the commit, and no event reports that the membership is lost, commit again.
    pub fn generation(&self) -> Option<Generation> {
        self.seat.with(|state| state.own.generation.clone())
    }

    /// The last reason why the member can't reach its coordinator, or was refused; `None` once
    /// something succeeded.
    pub fn last_error(&self) -> Option<Error> {
        self.seat.with(|state| state.last_error.clone())
    }

    /// Leaves the group, so that others take over without waiting for the session to expire. A
    /// static member stays in the group until its session expires, and only the background task
    /// stops, unless it leaves `for_good`. Waits for at most the client's request time-out.
    ///
    /// # Errors
    /// If the coordinator could not be told. The task has stopped nevertheless.
    pub async fn leave(&self, for_good: bool) -> Result {
        let member_id = self.seat.stop(|standing| {
            // A static member keeps its id, under which it may come back.
            match self.config.group_instance_id {
                Some(_) if !for_good => String::new(),
                _ => std::mem::take(&mut standing.member_id),
            }
        });
        if member_id.is_empty() {
            return Ok(());
        }
        let request = leave_request(&self.config, &member_id, "the member is closed");
        let leaving = async {
            let answer = self.coordinator.leave(request.clone()).await;
            let Err(error) = judge_leave(&self.config.group_id, answer) else { return Ok(()) };
            if error.kind() != ErrorKind::Retriable && error.kind() != ErrorKind::Connection {
                return Err(error);
            }
            // The coordinator may just have moved: one more attempt, at the new one.
            self.coordinator.forget();
            judge_leave(&self.config.group_id, self.coordinator.leave(request).await)
        };
        timeout(self.leave_timeout, leaving).await.unwrap_or_else(|_| {
            let context = format!("leaving group {}: no answer in time", self.config.group_id);
            Err(Error::new(ErrorKind::Timeout, context))
        })
    }
}

impl Drop for ClassicMember {
    fn drop(&mut self) {
        self.seat.close();
    }
}
