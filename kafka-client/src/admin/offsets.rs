//! Offsets in the logs of partitions. Each broker is asked about the partitions that it leads.

use std::collections::BTreeMap;

use kafka_protocol::{
    messages::{
        BrokerId, DeleteRecordsRequest, DeleteRecordsResponse, ListOffsetsRequest,
        ListOffsetsResponse, TopicName,
        delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
    },
    protocol::StrBytes,
};
use tokio::time::{Instant, sleep};

use super::topics::millis;
use crate::{
    Client, Error, ErrorKind, IsolationLevel, Result, TopicPartition, cluster::may_pass,
    error::check_code, topic_partition::by_topic,
};

/// Kafka's timestamp that requests the first offset.
const EARLIEST: i64 = -2;
/// Kafka's timestamp that requests the offset after the last record.
const LATEST: i64 = -1;

/// Number of tries for partitions that others need not wait for: a leader that moved is found at
/// the second try.
const PARTIAL_TRIES: u32 = 4;

/// The offset of each requested partition, or the reason why there is none.
pub type PartitionOffsets = BTreeMap<TopicPartition, Result<i64>>;

impl Client {
    /// The first offset that is still in the log of each partition, or the reason why it is
    /// unknown: `NotFound` if the partition does not exist, `Retriable` if it has no leader;
    /// neither hides the offsets of the others.
    ///
    /// # Errors
    /// The reason why no broker could be asked.
    pub async fn earliest_offsets(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<PartitionOffsets> {
        let asked = partitions.iter().map(|place| (place.clone(), EARLIEST)).collect();
        self.list_offsets(asked, IsolationLevel::ReadUncommitted).await
    }

    /// The offset after the last record: of the log (the high watermark), or of its stable part
    /// with [`IsolationLevel::ReadCommitted`]. Partitions without one are reported as by
    /// [`earliest_offsets`](Self::earliest_offsets).
    ///
    /// # Errors
    /// The reason why no broker could be asked.
    pub async fn latest_offsets(
        &self,
        partitions: &[TopicPartition],
        isolation: IsolationLevel,
    ) -> Result<PartitionOffsets> {
        let asked = partitions.iter().map(|place| (place.clone(), LATEST)).collect();
        self.list_offsets(asked, isolation).await
    }

    /// The offset of the first record with the given timestamp (ms since 1970) or a later one;
    /// partitions without such a record are left out (Java's `Consumer.offsetsForTimes`).
    ///
    /// # Errors
    /// `NotFound` if a partition does not exist, `Invalid` for a negative timestamp.
    pub async fn offsets_for_times(
        &self,
        times: &[(TopicPartition, i64)],
        isolation: IsolationLevel,
    ) -> Result<BTreeMap<TopicPartition, i64>> {
        // Negative ones would be taken for Kafka's special timestamps.
        if let Some((place, time)) = times.iter().find(|(_, time)| *time < 0) {
            let context = format!("{place}: can't look for the timestamp {time}");
            return Err(Error::new(ErrorKind::Invalid, context));
        }
        let asked = times.iter().cloned().collect();
        let found = self.list_offsets(asked, isolation).await?;
        let mut offsets = BTreeMap::new();
        for (place, offset) in found {
            let offset = offset?;
            if offset >= 0 {
                offsets.insert(place, offset);
            }
        }
        Ok(offsets)
    }

    /// Deletes the records before each offset, and returns the new start offsets of the logs
    /// (Java's `Admin.deleteRecords`).
    ///
    /// # Errors
    /// `NotFound` if a partition does not exist; `Invalid` if an offset is after the end of the log
    /// or the topic's records may not be deleted.
    pub async fn delete_records(
        &self,
        before: &[(TopicPartition, i64)],
    ) -> Result<BTreeMap<TopicPartition, i64>> {
        let before = before.iter().cloned().collect();
        self.retrying("DeleteRecords", || self.try_delete_records(&before)).await
    }

    /// Asks until all partitions are answered, refused for good, or unlikely to be answered soon.
    /// While nobody answers at all, it continues for as long as any call may.
    async fn list_offsets(
        &self,
        asked: BTreeMap<TopicPartition, i64>,
        isolation: IsolationLevel,
    ) -> Result<PartitionOffsets> {
        let deadline = Instant::now() + self.config().api_timeout();
        let (mut found, mut open) = (PartitionOffsets::new(), asked);
        let mut tries = 0;
        while !open.is_empty() {
            let answers = self.retrying("ListOffsets", || self.try_list_offsets(&open, isolation));
            found.extend(answers.await?);
            tries += 1;
            let again = |place: &TopicPartition| match found.get(place) {
                Some(Err(error)) => may_pass(error, tries),
                Some(Ok(_)) | None => false,
            };
            open.retain(|place, _| again(place));
            let nobody_answers = found.values().all(|answer| {
                let failed = answer.as_ref().err();
                failed.is_some_and(|error| {
                    matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout)
                })
            });
            let pause = self.config().backoff(tries);
            if (tries >= PARTIAL_TRIES && !nobody_answers) || Instant::now() + pause >= deadline {
                break;
            }
            if !open.is_empty() {
                self.forget_leaders();
                sleep(pause).await;
            }
        }
        Ok(found)
    }

    async fn try_list_offsets(
        &self,
        asked: &BTreeMap<TopicPartition, i64>,
        isolation: IsolationLevel,
    ) -> Result<PartitionOffsets> {
        let mut found = PartitionOffsets::new();
        let mut by_leader: BTreeMap<i32, Vec<&TopicPartition>> = BTreeMap::new();
        for (place, leader) in self.leaders(asked.keys()).await? {
            match leader {
                Ok(leader) => by_leader.entry(leader).or_default().push(place),
                Err(error) => drop(found.insert(place.clone(), Err(error))),
            }
        }
        for (leader, places) in by_leader {
            let request = list_request(&with_values(&places, asked), isolation)
                .with_timeout_ms(millis(self.config().request_timeout));
            let answer: Result<ListOffsetsResponse> = self.call_node(leader, request).await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => {
                    let failed =
                        places.into_iter().map(|place| (place.clone(), Err(error.clone())));
                    found.extend(failed);
                    continue;
                }
            };
            for topic in answer.topics {
                for partition in topic.partitions {
                    let index = partition.partition_index;
                    let place = TopicPartition::new(topic.name.to_string(), index);
                    let context = format_args!("ListOffsets of {place}");
                    let checked = check_code(partition.error_code, context, None);
                    let offset = checked.map(|()| partition.offset);
                    found.insert(place, offset);
                }
            }
        }
        answered("ListOffsets", asked, &found)?;
        Ok(found)
    }

    async fn try_delete_records(
        &self,
        before: &BTreeMap<TopicPartition, i64>,
    ) -> Result<BTreeMap<TopicPartition, i64>> {
        let mut found = BTreeMap::new();
        for (leader, places) in self.by_leader(before.keys()).await? {
            let request = delete_request(&with_values(&places, before))
                .with_timeout_ms(millis(self.config().request_timeout));
            let answer: DeleteRecordsResponse = self.call_node(leader, request).await?;
            for topic in answer.topics {
                for partition in topic.partitions {
                    let index = partition.partition_index;
                    let place = TopicPartition::new(topic.name.to_string(), index);
                    let context = format_args!("DeleteRecords of {place}");
                    check_code(partition.error_code, context, None)?;
                    found.insert(place, partition.low_watermark);
                }
            }
        }
        answered("DeleteRecords", before, &found)?;
        Ok(found)
    }
}

/// The values of some of the partitions.
fn with_values<'a>(
    places: &[&'a TopicPartition],
    values: &BTreeMap<TopicPartition, i64>,
) -> BTreeMap<&'a str, Vec<(i32, i64)>> {
    by_topic(places.iter().filter_map(|place| Some((*place, *values.get(*place)?))))
}

/// Checks that no partition was left unanswered: callers index by the requested partitions.
fn answered<V>(
    api: &str,
    asked: &BTreeMap<TopicPartition, i64>,
    found: &BTreeMap<TopicPartition, V>,
) -> Result {
    match asked.keys().find(|place| !found.contains_key(*place)) {
        None => Ok(()),
        Some(place) => Err(Error::new(ErrorKind::Protocol, format!("{api} of {place}: no answer"))),
    }
}

fn list_request(
    asked: &BTreeMap<&str, Vec<(i32, i64)>>,
    isolation: IsolationLevel,
) -> ListOffsetsRequest {
    let topics = asked.iter().map(|(topic, partitions)| {
        let partition = |(index, timestamp): &(i32, i64)| {
            ListOffsetsPartition::default()
                .with_partition_index(*index)
                .with_timestamp(*timestamp)
                .with_current_leader_epoch(-1)
        };
        ListOffsetsTopic::default()
            .with_name(TopicName(StrBytes::from_string((*topic).to_owned())))
            .with_partitions(partitions.iter().map(partition).collect())
    });
    ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_isolation_level(isolation.wire())
        .with_topics(topics.collect())
}

fn delete_request(before: &BTreeMap<&str, Vec<(i32, i64)>>) -> DeleteRecordsRequest {
    let topics = before.iter().map(|(topic, partitions)| {
        let partition = |(index, offset): &(i32, i64)| {
            DeleteRecordsPartition::default().with_partition_index(*index).with_offset(*offset)
        };
        DeleteRecordsTopic::default()
            .with_name(TopicName(StrBytes::from_string((*topic).to_owned())))
            .with_partitions(partitions.iter().map(partition).collect())
    });
    DeleteRecordsRequest::default().with_topics(topics.collect())
}
