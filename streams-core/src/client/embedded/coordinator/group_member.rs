//! A view of a member.

use crate::membership::TaskAssignment;

/// A member of a group, as the embedded cluster's coordinator knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// Its id.
    pub member_id: String,
    /// Name of its client.
    pub client_id: String,
    /// Its epoch; lower than the group's while it still has tasks to give up.
    pub member_epoch: i32,
    /// Tasks that it reported as owned with its last heartbeat.
    pub owned: TaskAssignment,
    /// Tasks that it was told to own.
    pub assigned: TaskAssignment,
    /// Tasks that it will own when others have given them up.
    pub target: TaskAssignment,
}
