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

/// Who a member is, for commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// The member.
    pub member_id: String,
    /// The generation that the last `JoinGroup` brought it into.
    pub generation_id: i32,
}

/// What the leader assigned to a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The generation that it belongs to.
    pub generation: Generation,
    /// What the leader's [`GroupProtocol::assign`] gave for the member; empty if it gave nothing.
    pub bytes: Bytes,
}

/// What the protocol keeps for handle and task.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// What the next `JoinGroup` says; empty for a new member.
    pub(super) member_id: String,
    pub(super) generation: Option<Generation>,
    /// Why to join again soon.
    pub(super) rejoin: Option<String>,
}

pub(super) type ClassicSeat = Seat<Assignment, Standing>;

/// One member of a group; all calls but [`leave`](Self::leave) return at once.
///
/// Dropping it abandons the membership without leaving: the group notices when the session has run out.
#[derive(Debug)]
pub struct ClassicMember {
    seat: Arc<ClassicSeat>,
    coordinator: ClusterCoordinator,
    config: ClassicConfig,
    leave_timeout: Duration,
}

impl ClassicMember {
    /// A member that has not joined yet. Its task runs on `runtime`, over connections that it opens for itself as
    /// `client` would; `client` itself serves for leaving.
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

    /// Joins the group in the background: at first, and again after [`Event::Lost`], when the owner has dropped all
    /// work of the lost membership. A member that is in, or on its way, is left alone.
    pub fn join(&self) {
        self.seat.start(|standing| standing.rejoin = None);
    }

    /// Asks for a rebalance soon, by joining again.
    ///
    /// A coordinator answers a follower whose metadata is unchanged with the current generation and rebalances
    /// nothing: [`GroupProtocol::subscription`] must differ from the last one.
    pub fn rejoin(&self, reason: impl Into<String>) {
        self.seat.change(|state| state.own.rejoin = Some(reason.into()));
    }

    /// What happened since the last call. An assignment that a rebalance has made stale is withdrawn.
    pub fn poll(&self) -> Option<Event<Assignment>> {
        self.seat.with(|state| state.event.take())
    }

    /// How long the group counts on the member still, should it not hear from it any more; `None` if there is no such
    /// limit, before the member is in. Zero when the next [`poll`](Self::poll) will say that the membership is over.
    ///
    /// For an owner that is busy with something else, or was halted, and must know that others may have its work.
    pub fn session_left(&self) -> Option<Duration> {
        self.seat.session_left()
    }

    /// Says that the owner turns. If it is silent for `max_poll_interval`, the member leaves the group (a static one
    /// only falls silent too) and the membership is lost.
    pub fn owner_alive(&self) {
        self.seat.owner_alive();
    }

    /// The member and generation of the last `JoinGroup`, to commit under; it stays after the membership was lost, so
    /// that a commit is refused then. `None` before the first: do not commit, for a coordinator accepts
    /// transactional offsets that name no generation.
    ///
    /// A commit that was under way while the member joined again is refused with `ILLEGAL_GENERATION` or
    /// `REBALANCE_IN_PROGRESS` though nothing is lost: if the generation is another one than the commit named, and no
    /// event says that the membership is lost, commit again.
    pub fn generation(&self) -> Option<Generation> {
        self.seat.with(|state| state.own.generation.clone())
    }

    /// Why the member can't reach its coordinator, or was refused, last; `None` once something succeeded.
    pub fn last_error(&self) -> Option<Error> {
        self.seat.with(|state| state.last_error.clone())
    }

    /// Leaves the group, so that others take over without waiting for the session to run out. A static member stays
    /// in the group until its session runs out, and only the background task stops, unless it leaves `for_good`. Waits at
    /// most for the client's request time-out.
    ///
    /// # Errors
    /// If the coordinator could not be told. The task has stopped nevertheless.
    pub async fn leave(&self, for_good: bool) -> Result {
        let member_id = self.seat.stop(|standing| {
            // A static member keeps its id: it may come back under it.
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
