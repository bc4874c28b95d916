//! The admin client of the embedded cluster.

use std::{collections::BTreeMap, sync::Arc};

use super::{OperationKind, log::PartitionLog, shared::Shared};
use crate::{
    Result, TopicPartition,
    client::{Admin, IsolationLevel, NewTopic, TopicDescription},
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
        of: impl Fn(&PartitionLog) -> i64,
    ) -> Result<BTreeMap<TopicPartition, i64>> {
        self.shared.read("", OperationKind::ListOffsets, |state| {
            state.check_leaders(partitions.iter())?;
            let offset = |place: &TopicPartition| Ok((place.clone(), of(state.log(place)?)));
            partitions.iter().map(offset).collect()
        })
    }
}

impl Admin for EmbeddedAdmin {
    fn describe_topics(&mut self, topics: &[&str]) -> Result<BTreeMap<String, TopicDescription>> {
        self.shared.read("", OperationKind::DescribeTopics, |state| {
            let describe = |name: &&str| {
                let topic = state.topics.get(*name)?;
                let partitions = topic.partition_count();
                let config = topic.config.clone();
                Some(((*name).to_owned(), TopicDescription { partitions, config }))
            };
            Ok(topics.iter().filter_map(describe).collect())
        })
    }

    fn create_topics(&mut self, topics: &[NewTopic]) -> Result {
        self.shared.call("", OperationKind::CreateTopics, |state| state.create_topics(topics))
    }

    fn earliest_offsets(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, i64>> {
        self.offsets(partitions, PartitionLog::start)
    }

    fn latest_offsets(
        &mut self,
        partitions: &[TopicPartition],
        isolation: IsolationLevel,
    ) -> Result<BTreeMap<TopicPartition, i64>> {
        self.offsets(partitions, |log| log.visible_end(isolation))
    }

    fn delete_records(&mut self, before: &[(TopicPartition, i64)]) -> Result {
        self.shared.call("", OperationKind::DeleteRecords, |state| {
            state.check_leaders(before.iter().map(|(partition, _)| partition))?;
            for (partition, offset) in before {
                state.log_mut(partition)?.delete_before(*offset);
            }
            Ok(())
        })
    }
}
