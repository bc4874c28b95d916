//! What a group's members exchange, which the caller decides.

use std::{collections::BTreeMap, fmt::Debug, pin::Pin};

use bytes::Bytes;

use crate::Result;

/// The assignment of each member, some time later.
pub type AssignFuture<'a> =
    Pin<Box<dyn Future<Output = Result<BTreeMap<String, Bytes>>> + Send + 'a>>;

/// The protocol that the members of a group have in common; the group type is always `consumer`.
///
/// Java's counterpart is `ConsumerPartitionAssignor`.
pub trait GroupProtocol: Send + Sync + Debug {
    /// Its name, which all members must offer; Kafka Streams' is `stream`.
    fn name(&self) -> &str;

    /// The metadata that this member joins with: a serialised `ConsumerProtocolSubscription`, or the broker logs a
    /// complaint at each rebalance.
    ///
    /// It is asked in the background, right before each `JoinGroup`, after an assignment that the owner has not taken
    /// yet was withdrawn. It must claim all that the owner has. So hold one lock in here and around
    /// [`poll`](super::ClassicMember::poll) together with noting what it returned: else an assignment could be taken
    /// by the owner and be missing here.
    fn subscription(&self) -> Bytes;

    /// Assigns, in the member that leads. It may take up to the rebalance timeout: heartbeats go on meanwhile.
    ///
    /// A result of kind `Connection`, `Timeout` or `Retriable` has the group rebalance again after a pause; any
    /// other error ends the membership with [`Event::Failed`](crate::group::Event::Failed).
    fn assign(&self, members: Vec<MemberSubscription>) -> AssignFuture<'_>;
}

/// A member as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSubscription {
    /// The member.
    pub member_id: String,
    /// Its instance id, if it is static.
    pub group_instance_id: Option<String>,
    /// What its [`GroupProtocol::subscription`] gave.
    pub metadata: Bytes,
}
