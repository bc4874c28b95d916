//! Settings of a member.

use std::{collections::BTreeMap, time::Duration};

use super::Topology;

/// Settings of a member: its identity, its group and its topology.
#[derive(Clone, Debug)]
pub struct StreamsGroupConfig {
    /// The group: Kafka Streams' `application.id`.
    pub group_id: String,
    /// Instance id of a static member. Brokers up to 4.3 refuse it.
    pub group_instance_id: Option<String>,
    /// The member's rack (`client.rack`).
    pub rack_id: Option<String>,
    /// The process, which several members may share; any unique text.
    pub process_id: String,
    /// Host and port for interactive queries (`application.server`).
    pub user_endpoint: Option<(String, u16)>,
    /// `client.tag.*`.
    pub client_tags: BTreeMap<String, String>,
    /// Silence of the coordinator after which the member itself gives up. It should be no longer
    /// than the broker's `group.streams.session.timeout.ms` (45 s by default), which the protocol
    /// does not report.
    pub session_timeout: Duration,
    /// Longest time between two turns of the owner, which is also the time that the group gives a
    /// member to release tasks (`max.poll.interval.ms`).
    pub max_poll_interval: Duration,
    /// The topology. All members of a group must have the same: a broker of version 4.3 refuses to
    /// change it in a live group.
    pub topology: Topology,
}
