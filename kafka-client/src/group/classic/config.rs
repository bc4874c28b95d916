//! Settings of a member.

use std::time::Duration;

/// Who joins which group, and the times that the group goes by.
#[derive(Clone, Debug)]
pub struct ClassicConfig {
    /// The group (`group.id`).
    pub group_id: String,
    /// Instance id of a static member (`group.instance.id`, KIP-345).
    pub group_instance_id: Option<String>,
    /// Silence after which the coordinator gives the member up, and after which the member gives itself up
    /// (`session.timeout.ms`). Brokers accept `group.min.session.timeout.ms` to `group.max.session.timeout.ms`.
    pub session_timeout: Duration,
    /// Time between heartbeats (`heartbeat.interval.ms`).
    pub heartbeat_interval: Duration,
    /// Longest time between two turns of the owner, and for which the group waits for a member to join a rebalance
    /// (`max.poll.interval.ms`).
    pub max_poll_interval: Duration,
}
