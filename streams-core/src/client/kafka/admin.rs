//! Topics and offsets of a cluster.

use std::collections::BTreeMap;

use super::{ControlPlane, convert, convert_partitions, partitions_of};
use crate::{
    Error, ErrorKind, TopicPartition,
    client::{Admin, Answer, IsolationLevel, NewTopic, PartitionOffsets, TopicDescription},
};

/// The admin client. Java's `Admin`.
#[derive(Debug)]
pub(super) struct KafkaAdmin {
    control: ControlPlane,
}

impl KafkaAdmin {
    pub(super) fn new(control: ControlPlane) -> Self {
        Self { control }
    }
}

impl Admin for KafkaAdmin {
    fn describe_topics(&mut self, topics: &[&str]) -> Answer<BTreeMap<String, TopicDescription>> {
        let client = self.control.client().clone();
        let topics: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        let described = self.control.begin(async move {
            let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
            client.describe_topics(&topics).await
        });
        let describe = |(name, topic): (String, kafka_client::TopicDescription)| {
            (name, TopicDescription { partitions: topic.partitions, config: topic.config })
        };
        described.map(move |described| described.into_iter().map(describe).collect())
    }

    fn create_topics(&mut self, topics: &[NewTopic]) -> Answer<()> {
        let client = self.control.client().clone();
        let topics: Vec<_> = topics.iter().map(new_topic).collect();
        let created = self.control.begin(async move { client.create_topics(&topics).await });
        created.map(drop).map_err(|error| match error.kind() {
            ErrorKind::Fatal => {
                Error::with_source(ErrorKind::InvalidTopic, "a topic can't be created", error)
            }
            _ => error,
        })
    }

    fn earliest_offsets(&mut self, partitions: &[TopicPartition]) -> Answer<PartitionOffsets> {
        let client = self.control.client().clone();
        let partitions = partitions_of(partitions);
        let found = self.control.begin(async move { client.earliest_offsets(&partitions).await });
        found.map(convert_offsets)
    }

    fn latest_offsets(
        &mut self,
        partitions: &[TopicPartition],
        isolation: IsolationLevel,
    ) -> Answer<PartitionOffsets> {
        let client = self.control.client().clone();
        let partitions = partitions_of(partitions);
        let isolation = match isolation {
            IsolationLevel::ReadUncommitted => kafka_client::IsolationLevel::ReadUncommitted,
            IsolationLevel::ReadCommitted => kafka_client::IsolationLevel::ReadCommitted,
        };
        let found =
            self.control.begin(async move { client.latest_offsets(&partitions, isolation).await });
        found.map(convert_offsets)
    }

    fn delete_records(&mut self, before: &[(TopicPartition, i64)]) -> Answer<()> {
        let client = self.control.client().clone();
        let convert = |(partition, offset): &(TopicPartition, i64)| {
            (kafka_client::TopicPartition::new(&*partition.topic, partition.partition), *offset)
        };
        let before: Vec<_> = before.iter().map(convert).collect();
        self.control.begin(async move { client.delete_records(&before).await }).map(drop)
    }
}

fn convert_offsets(found: kafka_client::PartitionOffsets) -> PartitionOffsets {
    let found = convert_partitions(found).into_iter();
    found.map(|(partition, offset)| (partition, offset.map_err(convert))).collect()
}

/// A topic to create, in the client crate's type.
pub(super) fn new_topic(topic: &NewTopic) -> kafka_client::NewTopic {
    kafka_client::NewTopic {
        name: topic.name.clone(),
        partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        config: topic.config.clone(),
    }
}
