//! Membership in a group, by either of Kafka's protocols.
//!
//! [`classic`] is `JoinGroup`, `SyncGroup`, Heartbeat and `LeaveGroup`, where a member leads and
//! assigns; [`streams`] is the `StreamsGroupHeartbeat` of KIP-1071, where the broker does. Both
//! have the same form: a background task maintains the membership on its own connections, and a
//! handle that never blocks tells its owner about events.
//!
//! This is not a consumer: it fetches and commits nothing.
//!
//! Invariant: once an owner has been told that the membership is lost, nothing in here joins again
//! before the owner asks. So an owner that continues without having looked keeps its old generation
//! or epoch, and brokers refuse it.

pub mod classic;
mod event;
mod seat;
pub mod streams;
mod verdict;

use std::time::Duration;

pub use self::event::Event;

/// The longest duration that the protocol can express.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

/// A duration as the protocol writes it, capped at the longest.
fn millis_i32(span: Duration) -> i32 {
    i32::try_from(span.as_millis()).unwrap_or(i32::MAX)
}
