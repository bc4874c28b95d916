//! Groups, committed offsets and admin calls of a real cluster, on top of the client crate.
//!
//! librdkafka, which fetches and produces, never belongs to a group here: its consumer is assigned
//! partitions. This module decides who is a member, and of which generation. Invariant: a
//! membership's heartbeat never waits for the network; everything that waits is bounded by the
//! client's time-outs.

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
pub(crate) use self::{
    control_plane::ControlPlane,
    error::{CHECK_SECURITY, convert},
};
use crate::TopicPartition;

/// Longest time for which a record of a member may be in transit: the session, less the time since
/// its last sign of life, but at least a third of it.
fn longest_delivery(session: Duration, heartbeat_interval: Duration) -> Duration {
    let unsure = (heartbeat_interval * 3 / 2).max(session / 3);
    session.saturating_sub(unsure).max(session / 6)
}

/// Partitions in the client crate's type.
fn partitions_of(partitions: &[TopicPartition]) -> Vec<kafka_client::TopicPartition> {
    let convert = |partition: &TopicPartition| {
        kafka_client::TopicPartition::new(&*partition.topic, partition.partition)
    };
    partitions.iter().map(convert).collect()
}

/// Converts values by partition from the client crate's type.
fn convert_partitions<V>(
    found: BTreeMap<kafka_client::TopicPartition, V>,
) -> BTreeMap<TopicPartition, V> {
    let convert = |(partition, value): (kafka_client::TopicPartition, V)| {
        (TopicPartition::new(partition.topic, partition.partition), value)
    };
    found.into_iter().map(convert).collect()
}
