//! The classic protocol: `JoinGroup`, `SyncGroup`, Heartbeat, `LeaveGroup`.
//!
//! A rebalance is cooperative: when the coordinator announces one, the task in the background joins again at once,
//! with a subscription that claims what the owner has, and the owner goes on with it meanwhile. A generation that
//! the owner lags behind by is no danger as long as each subscription claims all that the owner has.

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
