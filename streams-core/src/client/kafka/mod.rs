//! Groups, committed offsets and admin calls of a real cluster, on the client crate.
//!
//! librdkafka, which fetches and produces, never belongs to a group here: its consumer is handed partitions. Who is
//! a member, and of which generation, is decided here. Invariant: a membership's heartbeat never waits for the
//! network; what waits is bounded by the client's time-outs.

mod admin;
mod classic;
mod control_plane;
mod error;
mod leading;
mod offsets;
mod streams;
#[cfg(test)]
mod tests;
mod topic_watch;

use std::{collections::BTreeMap, time::Duration};

use self::{
    admin::{KafkaAdmin, new_topic},
    classic::ClassicMembership,
    error::{convert_final, convert_passing},
    offsets::GroupOffsets,
    streams::StreamsMembership,
};
pub(crate) use self::{control_plane::ControlPlane, error::convert};
use crate::TopicPartition;

/// How long a record of a member may be on its way: for the session, less the time that its last sign of life may be
/// ago, for which there is a third at least.
fn longest_delivery(session: Duration, heartbeat_interval: Duration) -> Duration {
    let unsure = (heartbeat_interval * 3 / 2).max(session / 3);
    session.saturating_sub(unsure).max(session / 6)
}

/// Partitions in the words of the client crate.
fn partitions_of(partitions: &[TopicPartition]) -> Vec<kafka_client::TopicPartition> {
    let place =
        |place: &TopicPartition| kafka_client::TopicPartition::new(&*place.topic, place.partition);
    partitions.iter().map(place).collect()
}

/// What the client crate says of partitions.
fn convert_partitions<V>(
    found: BTreeMap<kafka_client::TopicPartition, V>,
) -> BTreeMap<TopicPartition, V> {
    let convert = |(place, value): (kafka_client::TopicPartition, V)| {
        (TopicPartition::new(place.topic, place.partition), value)
    };
    found.into_iter().map(convert).collect()
}
