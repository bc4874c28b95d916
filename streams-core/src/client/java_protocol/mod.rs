//! Messages between the members of a group in the classic protocol, in the bytes of Java's Kafka
//! Streams.
//!
//! A member sends a [`ConsumerSubscription`] whose user data is a [`SubscriptionInfo`]; the leader,
//! which is one of the members, answers each with a [`ConsumerAssignment`] whose user data is an
//! [`AssignmentInfo`]. The broker only passes the bytes on. [`leader`] computes the answers to all
//! subscriptions. Invariant: pure functions; an instance of Java and one of this library can share
//! an application, whichever of them leads.

mod assignment_info;
mod bytes;
mod consumer_protocol;
mod fingerprint;
mod host_info;
mod leader;
mod strangers;
mod subscription_info;
#[cfg(test)]
mod tests;

pub(super) use self::{
    assignment_info::AssignmentInfo,
    consumer_protocol::{ConsumerAssignment, ConsumerSubscription},
    fingerprint::fingerprint,
    host_info::HostInfo,
    leader::{GroupTasks, Leader, LeaderMember, error_assignments, refusal},
    strangers::strangers,
    subscription_info::{RUNNING, SubscriptionInfo},
};

/// Name of the protocol with which Java's members join.
pub(super) const PROTOCOL_NAME: &str = "stream";

/// The newest version of both infos, that of Kafka 3.3 and later.
pub(super) const LATEST_VERSION: i32 = 11;

/// The oldest version that is understood, that of Kafka 2.6.
pub(super) const OLDEST_VERSION: i32 = 7;

/// Error code in both infos. Java's `AssignorError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AssignorError {
    /// No error.
    None,
    /// A source topic does not exist.
    IncompleteSourceTopicMetadata,
    /// The member should join again with an older version; no longer sent.
    VersionProbing,
    /// The leader could not assign.
    AssignmentError,
    /// A member asks all members to close.
    ShutdownRequested,
    /// A code that is not known here.
    Other(i32),
}

impl AssignorError {
    pub(super) fn code(self) -> i32 {
        match self {
            Self::None => 0,
            Self::IncompleteSourceTopicMetadata => 1,
            Self::VersionProbing => 2,
            Self::AssignmentError => 3,
            Self::ShutdownRequested => 4,
            Self::Other(code) => code,
        }
    }

    pub(super) fn from_code(code: i32) -> Self {
        match code {
            0 => Self::None,
            1 => Self::IncompleteSourceTopicMetadata,
            2 => Self::VersionProbing,
            3 => Self::AssignmentError,
            4 => Self::ShutdownRequested,
            code => Self::Other(code),
        }
    }
}

/// Feeds bytes to all decoders of this module; the encoder must reproduce the bytes that a decoder
/// accepts.
#[cfg(feature = "fuzzing")]
pub(crate) fn feed_group_decoders(bytes: &[u8]) {
    if let Ok(info) = SubscriptionInfo::decode(bytes) {
        let again = SubscriptionInfo::decode(&info.encode()).map(|info| info.encode());
        assert_eq!(again.ok(), Some(info.encode()));
    }
    if let Ok(info) = AssignmentInfo::decode(bytes) {
        let again = AssignmentInfo::decode(&info.encode()).map(|info| info.encode());
        assert_eq!(again.ok(), Some(info.encode()));
    }
    if let Ok(subscription) = ConsumerSubscription::decode(bytes) {
        let again = ConsumerSubscription::decode(&subscription.encode());
        assert_eq!(again.ok(), Some(subscription));
    }
    if let Ok(assignment) = ConsumerAssignment::decode(bytes) {
        let again = ConsumerAssignment::decode(&assignment.encode());
        assert_eq!(again.ok(), Some(assignment));
    }
}
