//! The group coordinator, in the model of KIP-1071.
//!
//! A group has an epoch that rises with each new target assignment. A member learns its target by
//! heartbeats, limited to the tasks that nobody else still holds; it reaches the group's epoch when
//! it owns nothing beyond its target. Invariant: at any time at most one member has been told to
//! run a task and has not yet reported giving it up.
//!
//! `group` has the members and the effects of heartbeats, `member` the tasks of one of them,
//! `offsets` the committed offsets of the group.

mod group;
mod group_member;
mod member;
mod offsets;

pub use self::group_member::GroupMember;
pub(super) use self::{
    group::{Group, GroupTasks, HeartbeatReply, HeartbeatRequest},
    offsets::GroupOffsets,
};
