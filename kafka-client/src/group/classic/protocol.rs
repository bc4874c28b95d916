//! The data that a group's members exchange, defined by the caller.

use std::{collections::BTreeMap, fmt::Debug, pin::Pin};

use bytes::Bytes;

use crate::Result;

/// The assignment of each member, available later.
pub type AssignFuture<'a> =
    Pin<Box<dyn Future<Output = Result<BTreeMap<String, Bytes>>> + Send + 'a>>;

/// The common protocol of the members of a group; the group type is always `consumer`.
///
/// Java's counterpart is `ConsumerPartitionAssignor`.
pub trait GroupProtocol: Send + Sync + Debug {
    /// Its name, which all members must offer; that of Kafka Streams is `stream`.
    fn name(&self) -> &str;

    /// The metadata with which this member joins: a serialised `ConsumerProtocolSubscription`, or
    /// the broker logs a complaint at each rebalance.
    ///
    /// Called in the background, right before each `JoinGroup`, after an assignment that the owner
    /// has not taken yet was withdrawn. It must claim everything that the owner has. So hold one
    /// lock in here and around [`poll`](super::ClassicMember::poll) together with noting its
    /// result: otherwise the owner could take an assignment that is missing here.
    fn subscription(&self) -> Bytes;

    /// Assigns, in the member that leads. It may take up to the rebalance timeout: heartbeats
    /// continue meanwhile.
    ///
    /// A result of kind `Connection`, `Timeout` or `Retriable` makes the group rebalance again
    /// after a pause; any other error ends the membership with
    /// [`Event::Failed`](crate::group::Event::Failed).
    fn assign(&self, members: Vec<MemberSubscription>) -> AssignFuture<'_>;
}

/// A member as seen by its leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSubscription {
    /// The member.
    pub member_id: String,
    /// Its instance id, if it is static.
    pub group_instance_id: Option<String>,
    /// The result of its [`GroupProtocol::subscription`].
    pub metadata: Bytes,
}
