//! Calls for transactions: each continues until it is done, refused, or its time is over.

use std::time::Duration;

use kafka_protocol::{
    messages::{
        AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, EndTxnRequest, GroupId,
        InitProducerIdRequest, ProducerId, TopicName, TransactionalId, TxnOffsetCommitRequest,
        add_partitions_to_txn_request::AddPartitionsToTxnTopic,
        txn_offset_commit_request::{TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic},
    },
    protocol::StrBytes,
};

use super::identity::Identity;
use crate::{
    Client, GroupMember, OffsetAndMetadata, Result, TopicPartition, error::check_code,
    topic_partition::by_topic,
};

/// Newest `AddPartitionsToTxn` for clients; later ones are for brokers.
const ADD_PARTITIONS_VERSION_MAX: i16 = 3;
/// Newest versions of the first protocol of transactions.
const FIRST_PROTOCOL_VERSION_MAX: i16 = 4;
/// Newest versions of the second one (KIP-890).
const SECOND_PROTOCOL_VERSION_MAX: i16 = 5;
/// Level of the feature `transaction.version` from which the second protocol is used.
const SECOND_PROTOCOL: i16 = 2;
/// Kafka's value for an unknown epoch.
const NO_LEADER_EPOCH: i32 = -1;

/// The transactions of one transactional id. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Transactions {
    client: Client,
    id: String,
    timeout: Duration,
}

impl Transactions {
    pub(super) fn new(client: Client, id: String, timeout: Duration) -> Self {
        Self { client, id, timeout }
    }

    /// Registers the id: fences its earlier producers, and aborts their open transactions. `before`
    /// is this producer's previous identity, if it only needs another epoch.
    pub(super) async fn init(&self, before: Option<Identity>) -> Result<Identity> {
        let timeout_ms = i32::try_from(self.timeout.as_millis()).unwrap_or(i32::MAX);
        let request = init_request(before)
            .with_transactional_id(Some(self.transactional_id()))
            .with_transaction_timeout_ms(timeout_ms);
        let attempt = || async {
            let answer = self
                .client
                .call_transaction_coordinator(&self.id, SECOND_PROTOCOL_VERSION_MAX, &request)
                .await?;
            self.check(answer.error_code, "InitProducerId")?;
            Ok(Identity { producer_id: *answer.producer_id, epoch: answer.producer_epoch })
        };
        self.client.retrying_soon("InitProducerId", attempt).await
    }

    /// Returns whether the cluster uses the second protocol of transactions: partitions are added
    /// by writing to them, and each transaction has its own epoch (KIP-890).
    pub(super) async fn has_second_protocol(&self) -> Result<bool> {
        let level = || self.client.transaction_version(&self.id);
        Ok(self.client.retrying_soon("FindCoordinator", level).await? >= SECOND_PROTOCOL)
    }

    /// Adds partitions, in the first protocol.
    pub(super) async fn add_partitions(
        &self,
        identity: Identity,
        partitions: &[TopicPartition],
    ) -> Result {
        let topics = by_topic(partitions.iter().map(|name| (name, ())));
        let topics = topics.into_iter().map(|(topic, partitions)| {
            AddPartitionsToTxnTopic::default()
                .with_name(topic_name(topic))
                .with_partitions(partitions.into_iter().map(|(index, ())| index).collect())
        });
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(self.transactional_id())
            .with_v3_and_below_producer_id(ProducerId(identity.producer_id))
            .with_v3_and_below_producer_epoch(identity.epoch)
            .with_v3_and_below_topics(topics.collect());
        let attempt = || async {
            let answer = self
                .client
                .call_transaction_coordinator(&self.id, ADD_PARTITIONS_VERSION_MAX, &request)
                .await?;
            for topic in &answer.results_by_topic_v3_and_below {
                for partition in &topic.results_by_partition {
                    let what = format_args!(
                        "AddPartitionsToTxn for {}-{}",
                        &*topic.name.0, partition.partition_index
                    );
                    self.check(partition.partition_error_code, what)?;
                }
            }
            Ok(())
        };
        self.client.retrying_soon("AddPartitionsToTxn", attempt).await
    }

    /// Adds offsets under the member's epoch.
    pub(super) async fn add_offsets(
        &self,
        identity: Identity,
        is_second_protocol: bool,
        member: &GroupMember,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result {
        let group = &member.group_id;
        let version_max = if is_second_protocol {
            SECOND_PROTOCOL_VERSION_MAX
        } else {
            self.add_group(identity, group).await?;
            FIRST_PROTOCOL_VERSION_MAX
        };
        let request = self.offsets_request(identity, member, offsets);
        let attempt = || async {
            let answer = self
                .client
                .call_coordinator(group, version_max, request.clone(), Duration::ZERO)
                .await?;
            for topic in &answer.topics {
                for partition in &topic.partitions {
                    let what = format_args!(
                        "TxnOffsetCommit of group {group} for {}-{}",
                        &*topic.name.0, partition.partition_index
                    );
                    self.client.check_coordinator(group, partition.error_code, what)?;
                }
            }
            Ok(())
        };
        self.client.retrying_soon("TxnOffsetCommit", attempt).await
    }

    async fn add_group(&self, identity: Identity, group: &str) -> Result {
        let request = AddOffsetsToTxnRequest::default()
            .with_transactional_id(self.transactional_id())
            .with_producer_id(ProducerId(identity.producer_id))
            .with_producer_epoch(identity.epoch)
            .with_group_id(GroupId(text(group)));
        let attempt = || async {
            let answer = self
                .client
                .call_transaction_coordinator(&self.id, FIRST_PROTOCOL_VERSION_MAX, &request)
                .await?;
            self.check(answer.error_code, format_args!("AddOffsetsToTxn of group {group}"))
        };
        self.client.retrying_soon("AddOffsetsToTxn", attempt).await
    }

    fn offsets_request(
        &self,
        identity: Identity,
        member: &GroupMember,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> TxnOffsetCommitRequest {
        let topics = by_topic(offsets.iter().map(|(name, offset)| (name, offset)));
        let topics = topics.into_iter().map(|(topic, partitions)| {
            let partitions = partitions.into_iter().map(|(index, committed)| {
                TxnOffsetCommitRequestPartition::default()
                    .with_partition_index(index)
                    .with_committed_offset(committed.offset)
                    .with_committed_leader_epoch(committed.leader_epoch.unwrap_or(NO_LEADER_EPOCH))
                    .with_committed_metadata(Some(text(&committed.metadata)))
            });
            TxnOffsetCommitRequestTopic::default()
                .with_name(topic_name(topic))
                .with_partitions(partitions.collect())
        });
        TxnOffsetCommitRequest::default()
            .with_transactional_id(self.transactional_id())
            .with_group_id(GroupId(text(&member.group_id)))
            .with_producer_id(ProducerId(identity.producer_id))
            .with_producer_epoch(identity.epoch)
            .with_generation_id(member.epoch)
            .with_member_id(text(&member.member_id))
            .with_group_instance_id(member.group_instance_id.as_deref().map(text))
            .with_topics(topics.collect())
    }

    /// Commits or aborts. Returns the producer's new identity, if it changes.
    pub(super) async fn end(
        &self,
        identity: Identity,
        is_second_protocol: bool,
        commit: bool,
    ) -> Result<Option<Identity>> {
        let version_max = if is_second_protocol {
            SECOND_PROTOCOL_VERSION_MAX
        } else {
            FIRST_PROTOCOL_VERSION_MAX
        };
        let request = EndTxnRequest::default()
            .with_transactional_id(self.transactional_id())
            .with_producer_id(ProducerId(identity.producer_id))
            .with_producer_epoch(identity.epoch)
            .with_committed(commit);
        let attempt = || async {
            let answer =
                self.client.call_transaction_coordinator(&self.id, version_max, &request).await?;
            self.check(answer.error_code, "EndTxn")?;
            let next = Identity { producer_id: *answer.producer_id, epoch: answer.producer_epoch };
            Ok(Some(next).filter(|next| is_second_protocol && next.producer_id >= 0))
        };
        self.client.retrying_soon("EndTxn", attempt).await
    }

    fn check(&self, code: i16, what: impl std::fmt::Display) -> Result {
        // COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR.
        if matches!(code, 15 | 16) {
            self.client.forget_transaction_coordinator(&self.id);
        }
        check_code(code, format_args!("{what} of transactional id {}", self.id), None)
    }

    fn transactional_id(&self) -> TransactionalId {
        TransactionalId(text(&self.id))
    }
}

/// Gets an identity for a producer without transactions.
pub(super) async fn init_idempotent(client: &Client) -> Result<Identity> {
    let answer = client.call_any(init_request(None)).await?;
    check_code(answer.error_code, "InitProducerId", None)?;
    Ok(Identity { producer_id: *answer.producer_id, epoch: answer.producer_epoch })
}

fn init_request(before: Option<Identity>) -> InitProducerIdRequest {
    let before = before.unwrap_or(Identity { producer_id: -1, epoch: -1 });
    InitProducerIdRequest::default()
        .with_transaction_timeout_ms(i32::MAX)
        .with_transactional_id(None)
        .with_producer_id(ProducerId(before.producer_id))
        .with_producer_epoch(before.epoch)
}

fn topic_name(topic: &str) -> TopicName {
    TopicName(text(topic))
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
