//! A member in the classic protocol, the default of Java's instances.
//!
//! The client crate maintains the membership in the background; [`state`] holds the data exchanged
//! between it and the stream thread, [`protocol`] passes it on.

mod protocol;
mod state;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kafka_client::group::{
    Event,
    classic::{ClassicConfig, ClassicMember},
};
use parking_lot::Mutex;

use self::{protocol::StreamsProtocol, state::MemberState};
use super::{
    ControlPlane, GroupOffsets, convert_final, convert_passing, leading::Leading, longest_delivery,
    offsets::Identity,
};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    client::{Answer, GroupMetadata, Heartbeat, JoinGroup, Lease, Membership, OffsetAndMetadata},
    membership::{TaskAssignment, TaskOffsets},
};

/// One member of a classic group. Java's `ConsumerCoordinator` with its `StreamsPartitionAssignor`.
#[derive(Debug)]
pub(super) struct ClassicMembership {
    control: ControlPlane,
    seat: Arc<Seat>,
    leading: Arc<Leading>,
    offsets: GroupOffsets,
    /// True if it was asked to join and has not been lost since.
    is_member: bool,
}

/// The data that a commit needs while the owner waits for it.
#[derive(Debug)]
struct Seat {
    member: ClassicMember,
    state: Arc<Mutex<MemberState>>,
    group_id: String,
    group_instance_id: Option<String>,
    delivery: Duration,
}

impl Identity for Seat {
    fn metadata(&self) -> GroupMetadata {
        let generation = self.member.generation();
        let (member_id, member_epoch) = match generation {
            Some(generation) => (generation.member_id, generation.generation_id),
            None => (String::new(), -1),
        };
        GroupMetadata {
            group_id: self.group_id.clone(),
            member_id,
            member_epoch,
            group_instance_id: self.group_instance_id.clone(),
        }
    }

    fn changes(&self) -> bool {
        self.state.lock().is_joining()
    }
}

impl ClassicMembership {
    /// Creates a member that joins with its first heartbeat.
    ///
    /// # Errors
    /// If the control plane has ended.
    pub(super) fn new(control: ControlPlane, join: JoinGroup) -> Result<Self> {
        let leading = Arc::new(Leading::new(&control, &join)?);
        let state = Arc::new(Mutex::new(MemberState::new(&join)));
        let protocol = StreamsProtocol::new(Arc::clone(&state), Arc::clone(&leading));
        let config = ClassicConfig {
            group_id: join.group_id.clone(),
            group_instance_id: join.group_instance_id.clone(),
            session_timeout: join.session_timeout,
            heartbeat_interval: join.heartbeat_interval,
            max_poll_interval: join.max_poll_interval,
        };
        let client = control.client();
        let member = ClassicMember::new(client, control.handle()?, config, Arc::new(protocol));
        let seat = Seat {
            member,
            state,
            group_id: join.group_id,
            group_instance_id: join.group_instance_id,
            delivery: longest_delivery(join.session_timeout, join.heartbeat_interval),
        };
        let offsets = GroupOffsets::new(control.clone(), join.heartbeat_interval);
        Ok(Self { control, seat: Arc::new(seat), leading, offsets, is_member: false })
    }

    /// Ends the membership; the owner drops its work and asks to join again.
    fn end(&mut self, state: &mut MemberState) {
        state.forget();
        self.leading.stop();
        self.is_member = false;
    }

    /// Processes the events of the background since the last call.
    fn look(&mut self, state: &mut MemberState, now_ms: i64) -> Result<Heartbeat> {
        match self.seat.member.poll() {
            Some(Event::Assigned(assignment)) => {
                let generation = assignment.generation.generation_id;
                self.leading.is_assigned(now_ms);
                let told = state.assigned(generation, &assignment.bytes, now_ms);
                told.map_err(|error| self.leading.take_failure().unwrap_or(error))
            }
            Some(Event::Lost(error)) => {
                self.end(state);
                let text = "the group does not count on this member any more";
                Err(Error::with_source(ErrorKind::Fenced, text, error))
            }
            Some(Event::Failed(error)) => {
                self.end(state);
                Err(self.leading.take_failure().unwrap_or_else(|| convert_final(error)))
            }
            // An event of an unknown kind changes nothing.
            Some(_) => Ok(Heartbeat::default()),
            None => {
                if let Some(error) = self.seat.member.last_error() {
                    return Err(convert_passing(error).in_context("the group's coordinator"));
                }
                let shutdown = state.is_told_shutdown();
                Ok(Heartbeat { shutdown, ..Heartbeat::default() })
            }
        }
    }
}

impl Membership for ClassicMembership {
    fn heartbeat(&mut self, owned: &TaskAssignment, offsets: &TaskOffsets) -> Result<Heartbeat> {
        let now_ms = self.control.clock().now_ms();
        let seat = Arc::clone(&self.seat);
        seat.member.owner_alive();
        // Held until the polled events are noted: the background asks for a subscription under the
        // same lock.
        let mut state = seat.state.lock();
        state.report(owned, offsets);
        let changed = self.leading.look_at_topics(now_ms)?;
        if !self.is_member && self.leading.knows_topics() {
            self.is_member = true;
            seat.member.join();
        }
        let heartbeat = self.look(&mut state, now_ms);
        if self.is_member
            && let Some(reason) = state.rejoin_reason(now_ms)
        {
            seat.member.rejoin(reason);
        }
        if self.is_member
            && let Some(reason) = changed
        {
            tracing::info!(group = %seat.group_id, "the group rebalances: {reason}");
            seat.member.rejoin(reason);
        }
        heartbeat
    }

    fn misses_topic(&mut self) {
        self.leading.hurry();
    }

    fn shutdown_application(&mut self) {
        if self.seat.state.lock().ask_shutdown() && self.is_member {
            self.seat.member.rejoin("all instances of the application are to close");
        }
    }

    fn commit_offsets(&mut self, offsets: &[(TopicPartition, OffsetAndMetadata)]) -> Answer<()> {
        self.offsets.commit(Arc::clone(&self.seat), offsets)
    }

    fn committed_offsets(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Answer<BTreeMap<TopicPartition, OffsetAndMetadata>> {
        self.offsets.committed(&self.seat.group_id, partitions)
    }

    fn group_metadata(&self) -> GroupMetadata {
        self.seat.metadata()
    }

    fn lease(&self) -> Lease {
        let seat = Arc::clone(&self.seat);
        Lease::new(seat.delivery, move || seat.member.session_left())
    }

    fn leave(&mut self, for_good: bool) -> Result {
        self.seat.state.lock().forget();
        self.leading.stop();
        if !std::mem::take(&mut self.is_member) {
            return Ok(());
        }
        let seat = Arc::clone(&self.seat);
        self.control.begin(async move { seat.member.leave(for_good).await }).wait()
    }
}
