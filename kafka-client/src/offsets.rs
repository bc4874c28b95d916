//! Committed offsets of groups.
//!
//! Commits carry the epoch of a member, so that a replaced member is refused.

use std::{collections::BTreeMap, time::Duration};

use kafka_protocol::{
    messages::{
        GroupId, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest,
        OffsetFetchResponse, TopicName,
        offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
        offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
    },
    protocol::StrBytes,
};

use crate::{
    Client, Error, ErrorKind, Result, TopicPartition, error::check_code, topic_partition::by_topic,
};

/// Newest version of `OffsetCommit` and `OffsetFetch` that identifies topics by name rather than by
/// id.
const VERSION_MAX: i16 = 9;
/// Kafka's `GROUP_ID_NOT_FOUND`.
const GROUP_ID_NOT_FOUND: i16 = 69;

/// Kafka's value for an unknown epoch.
const NO_LEADER_EPOCH: i32 = -1;

/// The committer: a member of a group at one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// The group.
    pub group_id: String,
    /// The member. Empty, with epoch -1, for commits to a group without members, as tools do.
    pub member_id: String,
    /// The member's epoch, or its generation in the classic protocol.
    pub epoch: i32,
    /// The static member's instance id.
    pub group_instance_id: Option<String>,
}

/// A committed position with its metadata text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetAndMetadata {
    /// The next offset to process.
    pub offset: i64,
    /// Text that is stored with it.
    pub metadata: String,
    /// Epoch of the leader from which the previous record was read, by which a reader notices a
    /// truncated log (KIP-320); `None` if unknown.
    pub leader_epoch: Option<i32>,
}

impl Client {
    /// Commits offsets under the member's epoch (Java's `Consumer.commitSync`). Waits for a
    /// coordinator that moves or loads, for up to
    /// [`api_timeout`](crate::ClientConfig::api_timeout).
    ///
    /// # Errors
    /// `Fenced` if the epoch is stale, or the member or its group unknown; `Retriable` with code 27
    /// while the group rebalances: join first, then commit under the new generation; `Timeout` if
    /// it may have been committed all the same.
    pub async fn commit_offsets(
        &self,
        member: &GroupMember,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result {
        if offsets.is_empty() {
            return Ok(());
        }
        let outcome = self.retrying("OffsetCommit", || self.try_commit(member, offsets)).await;
        outcome.map_err(|error| match error.code() {
            // The group disappeared after its members had been expelled: this one is late.
            Some(GROUP_ID_NOT_FOUND) if member.epoch >= 0 => {
                error.meaning(ErrorKind::Fenced, "the group is gone")
            }
            _ => error,
        })
    }

    /// The committed offsets of a group (Java's `Consumer.committed` with stable offsets);
    /// partitions without one are left out.
    ///
    /// # Errors
    /// `Retriable` with code 88, at once, while a transaction that holds an offset of these
    /// partitions is open.
    pub async fn committed_offsets(
        &self,
        group_id: &str,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>> {
        if partitions.is_empty() {
            return Ok(BTreeMap::new());
        }
        self.retrying("OffsetFetch", || self.try_fetch(group_id, partitions)).await
    }

    async fn try_commit(
        &self,
        member: &GroupMember,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result {
        let group_id = &member.group_id;
        let request = commit_request(member, offsets);
        let answer: OffsetCommitResponse =
            self.call_coordinator(group_id, VERSION_MAX, request, Duration::ZERO).await?;
        for topic in &answer.topics {
            for partition in &topic.partitions {
                let index = partition.partition_index;
                let context =
                    format_args!("OffsetCommit of group {group_id} for {}-{index}", &*topic.name);
                self.check_coordinator(group_id, partition.error_code, context)?;
            }
        }
        Ok(())
    }

    async fn try_fetch(
        &self,
        group_id: &str,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>> {
        let request = fetch_request(group_id, partitions);
        let answer: OffsetFetchResponse =
            self.call_coordinator(group_id, VERSION_MAX, request, Duration::ZERO).await?;
        let group = answer.groups.into_iter().next().ok_or_else(|| {
            Error::new(ErrorKind::Protocol, format!("OffsetFetch of group {group_id}: no answer"))
        })?;
        let context = format_args!("OffsetFetch of group {group_id}");
        self.check_coordinator(group_id, group.error_code, context)?;
        let mut found = BTreeMap::new();
        for topic in group.topics {
            for partition in topic.partitions {
                let place = TopicPartition::new(topic.name.to_string(), partition.partition_index);
                let context = format_args!("OffsetFetch of group {group_id} for {place}");
                self.check_coordinator(group_id, partition.error_code, context)?;
                // Kafka's value for none.
                if partition.committed_offset < 0 {
                    continue;
                }
                let metadata = partition.metadata.map(|text| text.to_string()).unwrap_or_default();
                let offset = partition.committed_offset;
                let leader_epoch =
                    Some(partition.committed_leader_epoch).filter(|epoch| *epoch >= 0);
                found.insert(place, OffsetAndMetadata { offset, metadata, leader_epoch });
            }
        }
        Ok(found)
    }

    /// Checks the error of an answer; if the coordinator has moved, the next call looks it up.
    pub(crate) fn check_coordinator(
        &self,
        group_id: &str,
        code: i16,
        context: std::fmt::Arguments<'_>,
    ) -> Result {
        if matches!(code, 15 | 16) {
            self.forget_coordinator(group_id);
        }
        check_code(code, context, None)
    }
}

fn commit_request(
    member: &GroupMember,
    offsets: &[(TopicPartition, OffsetAndMetadata)],
) -> OffsetCommitRequest {
    let topics = by_topic(offsets.iter().map(|(place, offset)| (place, offset)));
    let topics = topics.into_iter().map(|(topic, partitions)| {
        let partitions = partitions.into_iter().map(|(index, committed)| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(index)
                .with_committed_offset(committed.offset)
                .with_committed_leader_epoch(committed.leader_epoch.unwrap_or(NO_LEADER_EPOCH))
                .with_committed_metadata(Some(StrBytes::from_string(committed.metadata.clone())))
        });
        OffsetCommitRequestTopic::default()
            .with_name(TopicName(StrBytes::from_string(topic.to_owned())))
            .with_partitions(partitions.collect())
    });
    OffsetCommitRequest::default()
        .with_group_id(GroupId(StrBytes::from_string(member.group_id.clone())))
        .with_member_id(StrBytes::from_string(member.member_id.clone()))
        .with_generation_id_or_member_epoch(member.epoch)
        .with_group_instance_id(member.group_instance_id.clone().map(StrBytes::from_string))
        .with_topics(topics.collect())
}

fn fetch_request(group_id: &str, partitions: &[TopicPartition]) -> OffsetFetchRequest {
    let topics = by_topic(partitions.iter().map(|place| (place, ())));
    let topics = topics.into_iter().map(|(topic, partitions)| {
        OffsetFetchRequestTopics::default()
            .with_name(TopicName(StrBytes::from_string(topic.to_owned())))
            .with_partition_indexes(partitions.into_iter().map(|(index, ())| index).collect())
    });
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(GroupId(StrBytes::from_string(group_id.to_owned())))
        .with_topics(Some(topics.collect()));
    OffsetFetchRequest::default().with_groups(vec![group]).with_require_stable(true)
}
