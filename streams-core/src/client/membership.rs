//! Membership in a group.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc, time::Duration};

use uuid::Uuid;

use super::{Answer, Lease};
#[cfg(feature = "rdkafka")]
use crate::{Error, ErrorKind};
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
    /// Text that is stored with it; Kafka Streams keeps the partition time there.
    pub metadata: String,
    /// Epoch of the leader from which the previous record was read, by which a reader notices a
    /// truncated log (KIP-320); `None` if unknown.
    pub leader_epoch: Option<i32>,
}

/// Identity of the committing member, for transactions.
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

impl GroupMetadata {
    /// Checks that it is a member's: a broker accepts offsets without one, even while the group has
    /// members.
    ///
    /// # Errors
    /// `Fenced` if it is not.
    #[cfg(feature = "rdkafka")]
    pub(super) fn check_member(&self) -> Result {
        if !self.member_id.is_empty() && self.member_epoch >= 0 {
            return Ok(());
        }
        let group = &self.group_id;
        let text = format!("offsets of group {group} can't be committed by no member of it");
        Err(Error::new(ErrorKind::Fenced, text))
    }
}

/// A member's data for joining.
#[derive(Clone, Debug)]
pub struct JoinGroup {
    /// The group: the application id.
    pub group_id: String,
    /// Name of the client, for messages.
    pub client_id: String,
    /// Process of the member; standbys are kept away from the process of their active task.
    pub process_id: Uuid,
    /// Instance id of a static member (KIP-345).
    pub group_instance_id: Option<String>,
    /// `client.tag.*`: rack and zone names for spreading standbys.
    pub client_tags: BTreeMap<String, String>,
    /// Protocol of the group's members; the embedded cluster has its own.
    pub group_protocol: GroupProtocol,
    /// `host:port` that other instances get (`application.server`).
    pub application_server: Option<String>,
    /// Silence after which the coordinator expels the member.
    pub session_timeout: Duration,
    /// Time between two signs of life.
    pub heartbeat_interval: Duration,
    /// Time that a member has to give up tasks in a rebalance, and between two of its turns.
    pub max_poll_interval: Duration,
    /// Topics of the topology.
    pub topology: Arc<GroupTopology>,
    /// Settings for the spread of standby and warm-up tasks.
    pub standby: StandbySettings,
}

/// Result of a heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heartbeat {
    /// The tasks that the member should own, if they changed. They include no task that another
    /// member still owns; more may follow when others have given theirs up. The same tasks with
    /// other [`inputs`](TaskAssignment::inputs) mean that a topic has grown.
    pub assignment: Option<TaskAssignment>,
    /// Hosts of the group's tasks, if they changed and the protocol reports them.
    pub hosts: Option<GroupHosts>,
    /// True if a member asked all instances of the application to close.
    pub shutdown: bool,
}

/// One member of a group.
///
/// The rule of the hand-over: on a new target a member first commits and gives up the tasks that
/// are not in it, reports with the next heartbeat which ones it still owns, and starts the new
/// ones.
pub trait Membership: Send + Debug {
    /// Joins if needed, sends a heartbeat if one is due or `owned` changed, and returns the
    /// coordinator's answer. Returns at once if nothing is due.
    ///
    /// # Errors
    /// `Fenced` if the coordinator has expelled the member: drop all tasks, then call again to join
    /// again. `MissingSourceTopic` or `InvalidTopic` if the topology can't run. `Unavailable`: try
    /// again later.
    fn heartbeat(&mut self, owned: &TaskAssignment, offsets: &TaskOffsets) -> Result<Heartbeat>;

    /// Reports that an assigned topic does not exist. If topics are read by pattern the member
    /// should look them up soon, so that the group learns of the change; by default it does
    /// nothing.
    fn misses_topic(&mut self) {}

    /// Makes the next heartbeats ask all members of the group to close. Each learns of it, this one
    /// too, by [`Heartbeat::shutdown`]. Java's `SHUTDOWN_APPLICATION` (KIP-671).
    fn shutdown_application(&mut self);

    /// Begins to commit input offsets under the member's epoch. Answers with `Fenced` if the epoch
    /// is stale.
    fn commit_offsets(&mut self, offsets: &[(TopicPartition, OffsetAndMetadata)]) -> Answer<()>;

    /// Requests the committed offsets of the group; partitions without one are left out. Answers
    /// with `Unavailable` while a transaction with offsets of these partitions is open: try again
    /// later.
    fn committed_offsets(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Answer<BTreeMap<TopicPartition, OffsetAndMetadata>>;

    /// This member's identity, for transactional commits.
    fn group_metadata(&self) -> GroupMetadata;

    /// Tells a waiting producer whether this membership is over, which
    /// [`heartbeat`](Self::heartbeat) would report next. By default it never is.
    fn lease(&self) -> Lease {
        Lease::unlimited()
    }

    /// Leaves the group at once, so that others take over without waiting for the session timeout.
    /// A static member (KIP-345) leaves only if `for_good`; otherwise its tasks wait for its
    /// return.
    ///
    /// # Errors
    /// `Unavailable`: the session timeout will end the membership.
    fn leave(&mut self, for_good: bool) -> Result;
}
