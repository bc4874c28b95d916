//! The group coordinator, in the model of KIP-1071.
//!
//! A group has an epoch that rises with each new target assignment. A member learns of its target by
//! heartbeats, and only of those tasks that nobody else still holds; it reaches the group's epoch when it
//! owns nothing beyond its target. Invariant: at any time at most one member has been told to run a task
//! and has not yet reported that it let go.
//!
//! `group` has the members and what heartbeats do to them, `member` what one of them holds, `offsets` what
//! the group has committed.

mod group;
mod group_member;
mod member;
mod offsets;

pub use self::group_member::GroupMember;
pub(super) use self::{
    group::{Group, GroupTasks, HeartbeatReply, HeartbeatRequest},
    offsets::GroupOffsets,
};
