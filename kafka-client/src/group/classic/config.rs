//! Settings of a member.

use std::time::Duration;

/// Settings of a member: its identity, its group, and the group's timeouts.
#[derive(Clone, Debug)]
pub struct ClassicConfig {
    /// The group (`group.id`).
    pub group_id: String,
    /// Instance id of a static member (`group.instance.id`, KIP-345).
    pub group_instance_id: Option<String>,
    /// Silence after which the coordinator expels the member, and after which the member itself
    /// gives up (`session.timeout.ms`). Brokers accept `group.min.session.timeout.ms` to
    /// `group.max.session.timeout.ms`.
    pub session_timeout: Duration,
    /// Time between heartbeats (`heartbeat.interval.ms`).
    pub heartbeat_interval: Duration,
    /// Longest time between two turns of the owner, for which the group also waits for a member to
    /// join a rebalance (`max.poll.interval.ms`).
    pub max_poll_interval: Duration,
}
