//! Belonging to a group.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc, time::Duration};

use uuid::Uuid;

use super::{Answer, Lease};
use crate::{
    Result, TopicPartition,
    assignor::StandbySettings,
    config::GroupProtocol,
    membership::{GroupHosts, GroupTopology, TaskAssignment, TaskOffsets},
};

/// A committed position with its metadata text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetAndMetadata {
    /// The next offset to process.
    pub offset: i64,
    /// Text that goes with it; Kafka Streams keeps the partition time there.
    pub metadata: String,
    /// The epoch of the partition's leader that the record before was read from, so that a reader notices a log that was
    /// cut (KIP-320); `None` if it is not known.
    pub leader_epoch: Option<i32>,
}

/// Who commits, for transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadata {
    /// The group: the application id.
    pub group_id: String,
    /// The member.
    pub member_id: String,
    /// The member's epoch, or its generation in the classic protocol.
    pub member_epoch: i32,
    /// The static member's instance id.
    pub group_instance_id: Option<String>,
}

/// What a member brings along when it joins.
#[derive(Clone, Debug)]
pub struct JoinGroup {
    /// The group: the application id.
    pub group_id: String,
    /// Name of the client, for messages.
    pub client_id: String,
    /// Process that the member runs in; standbys are kept away from the process of their active task.
    pub process_id: Uuid,
    /// Instance id of a static member (KIP-345).
    pub group_instance_id: Option<String>,
    /// `client.tag.*`: rack and zone names for spreading standbys.
    pub client_tags: BTreeMap<String, String>,
    /// Which protocol the group's members speak with a broker; the embedded cluster has one of its own.
    pub group_protocol: GroupProtocol,
    /// `host:port` that other instances are told (`application.server`).
    pub application_server: Option<String>,
    /// Silence after which the coordinator gives the member up.
    pub session_timeout: Duration,
    /// Time between two signs of life.
    pub heartbeat_interval: Duration,
    /// Time that a member has to give tasks up in a rebalance, and between two of its turns.
    pub max_poll_interval: Duration,
    /// Topics of the topology.
    pub topology: Arc<GroupTopology>,
    /// How standby and warm-up tasks are spread.
    pub standby: StandbySettings,
}

/// What a heartbeat brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heartbeat {
    /// The tasks that the member is to own, if that differs from what it was told before. Only tasks
    /// that no other member still owns are in it; more may follow when others have let go. The same tasks with other
    /// [`inputs`](TaskAssignment::inputs) say that a topic has grown.
    pub assignment: Option<TaskAssignment>,
    /// Where the tasks of the group are, if that differs from what was told before and the protocol tells it.
    pub hosts: Option<GroupHosts>,
    /// Whether a member asked all instances of the application to close.
    pub shutdown: bool,
}

/// One member of a group.
///
/// The rule of the hand-over: on a new target a member first commits and gives up the tasks that are
/// not in it, reports with the next heartbeat what it still owns, and starts the new ones.
pub trait Membership: Send + Debug {
    /// Joins if need be, sends a heartbeat if one is due or `owned` changed, and returns what the
    /// coordinator said. Returns at once if nothing is due.
    ///
    /// # Errors
    /// `Fenced` if the coordinator has given the member up: drop all tasks, then call again to join
    /// anew. `MissingSourceTopic` or `InvalidTopic` if the topology can't run. `Unavailable`: again later.
    fn heartbeat(&mut self, owned: &TaskAssignment, offsets: &TaskOffsets) -> Result<Heartbeat>;

    /// A topic that was assigned is not there. Where topics are read by pattern the member is to look soon which of them there are,
    /// so that the group hears of it; without an implementation of its own it does not.
    fn misses_topic(&mut self) {}

    /// Has the next heartbeats ask all members of the group to close. Each hears of it, this one too, by
    /// [`Heartbeat::shutdown`]. Java's `SHUTDOWN_APPLICATION` (KIP-671).
    fn shutdown_application(&mut self);

    /// Begins to commit input offsets under the member's epoch. Answers with `Fenced` if the epoch is stale.
    fn commit_offsets(&mut self, offsets: &[(TopicPartition, OffsetAndMetadata)]) -> Answer<()>;

    /// Asks for the committed offsets of the group; partitions without one are left out. Answers with `Unavailable`
    /// while a transaction with offsets of these partitions is open: again later.
    fn committed_offsets(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Answer<BTreeMap<TopicPartition, OffsetAndMetadata>>;

    /// Who this member is, for transactional commits.
    fn group_metadata(&self) -> GroupMetadata;

    /// Tells a producer that waits whether this membership is over, which [`heartbeat`](Self::heartbeat) would say next.
    /// Without an implementation of its own it never is.
    fn lease(&self) -> Lease {
        Lease::unlimited()
    }

    /// Leaves the group at once, so that others take over without waiting for the session timeout. A static member
    /// (KIP-345) leaves only `for_good`; else its tasks wait for it to come back.
    ///
    /// # Errors
    /// `Unavailable`: the session timeout will do it.
    fn leave(&mut self, for_good: bool) -> Result;
}
