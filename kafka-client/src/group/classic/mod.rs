//! The classic protocol: `JoinGroup`, `SyncGroup`, Heartbeat, `LeaveGroup`.
//!
//! A rebalance is cooperative: when the coordinator announces one, the background task joins again
//! at once, with a subscription that claims the owner's tasks, and the owner continues with them
//! meanwhile. It does no harm if the owner lags a generation behind, as long as each subscription
//! claims everything that the owner has.

mod config;
mod coordinator;
mod life;
mod member;
mod protocol;
mod task;
#[cfg(test)]
mod tests;

pub use self::{
    config::ClassicConfig,
    member::{Assignment, ClassicMember, Generation},
    protocol::{AssignFuture, GroupProtocol, MemberSubscription},
};
