//! The admin client of the embedded cluster.

use std::{collections::BTreeMap, sync::Arc};

use super::{OperationKind, log::PartitionLog, shared::Shared};
use crate::{
    TopicPartition,
    client::{Admin, Answer, IsolationLevel, NewTopic, PartitionOffsets, TopicDescription},
};

/// Looks up and changes topics.
#[derive(Debug)]
pub(super) struct EmbeddedAdmin {
    shared: Arc<Shared>,
}

impl EmbeddedAdmin {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn offsets(
        &self,
        partitions: &[TopicPartition],
        of: impl Fn(&PartitionLog) -> i64 + Send + 'static,
    ) -> Answer<PartitionOffsets> {
        let partitions = partitions.to_vec();
        self.shared.begin_read("", OperationKind::ListOffsets, move |state| {
            let offset = |partition: TopicPartition| {
                let offset = state.led_log(&partition).map(&of);
                (partition, offset)
            };
            Ok(partitions.into_iter().map(offset).collect())
        })
    }
}

impl Admin for EmbeddedAdmin {
    fn describe_topics(&mut self, topics: &[&str]) -> Answer<BTreeMap<String, TopicDescription>> {
        let topics: Vec<String> = topics.iter().map(|name| (*name).to_owned()).collect();
        self.shared.begin_read("", OperationKind::DescribeTopics, move |state| {
            let describe = |name: String| {
                let topic = state.topics.get(name.as_str())?;
                let partitions = topic.partition_count();
                let config = topic.config.clone();
                Some((name, TopicDescription { partitions, config }))
            };
            Ok(topics.into_iter().filter_map(describe).collect())
        })
    }

    fn create_topics(&mut self, topics: &[NewTopic]) -> Answer<()> {
        let topics = topics.to_vec();
        let kind = OperationKind::CreateTopics;
        self.shared.begin("", kind, move |state| state.create_for_client(&topics))
    }

    fn earliest_offsets(&mut self, partitions: &[TopicPartition]) -> Answer<PartitionOffsets> {
        self.offsets(partitions, PartitionLog::start)
    }

    fn latest_offsets(
        &mut self,
        partitions: &[TopicPartition],
        isolation: IsolationLevel,
    ) -> Answer<PartitionOffsets> {
        self.offsets(partitions, move |log| log.visible_end(isolation))
    }

    fn delete_records(&mut self, before: &[(TopicPartition, i64)]) -> Answer<()> {
        let before = before.to_vec();
        self.shared.begin("", OperationKind::DeleteRecords, move |state| {
            for (partition, offset) in &before {
                state.led_log(partition)?;
                state.log_mut(partition)?.delete_before(*offset);
            }
            Ok(())
        })
    }
}
