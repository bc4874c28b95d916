//! Addresses at which the members of a group answer queries.

use super::messages::{EndpointToPartitions, TopicPartitions};
use crate::TopicPartition;

/// The partitions of source topics whose tasks are in the processes at one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostTasks {
    /// The host that the member named when it joined.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Partitions of active tasks.
    pub active: Vec<TopicPartition>,
    /// Partitions of standby tasks.
    pub standby: Vec<TopicPartition>,
}

impl From<EndpointToPartitions> for HostTasks {
    fn from(from: EndpointToPartitions) -> Self {
        let EndpointToPartitions { user_endpoint, active_partitions, standby_partitions } = from;
        Self {
            host: user_endpoint.host,
            port: user_endpoint.port,
            active: places(active_partitions),
            standby: places(standby_partitions),
        }
    }
}

fn places(topics: Vec<TopicPartitions>) -> Vec<TopicPartition> {
    let of_topic = |TopicPartitions { topic, partitions }: TopicPartitions| {
        partitions.into_iter().map(move |partition| TopicPartition::new(topic.clone(), partition))
    };
    topics.into_iter().flat_map(of_topic).collect()
}
