//! A minimal producer for the tests.

use bytes::BytesMut;
use kafka_protocol::{
    messages::{
        EndTxnRequest, FindCoordinatorRequest, GroupId, InitProducerIdRequest, ProduceRequest,
        ProducerId, TopicName, TransactionalId, TxnOffsetCommitRequest,
        produce_request::{PartitionProduceData, TopicProduceData},
        txn_offset_commit_request::{TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic},
    },
    protocol::StrBytes,
    records::{
        Compression, NO_PARTITION_LEADER_EPOCH, Record, RecordBatchEncoder, RecordEncodeOptions,
        TimestampType,
    },
};

use super::unique;
use crate::{Client, Result, TopicPartition, error::check_code};

/// Identity of a producer: none, or a transactional one.
#[derive(Clone)]
pub(super) struct Producer {
    transactional_id: Option<String>,
    id: i64,
    epoch: i16,
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

impl Producer {
    pub(super) fn plain() -> Self {
        Self { transactional_id: None, id: -1, epoch: -1 }
    }

    /// A producer with a new transactional id. The test cluster has one broker, so any is its
    /// coordinator.
    pub(super) async fn transactional(client: &Client) -> Self {
        let name = unique("transaction");
        client.retrying("InitProducerId", || Self::try_init(client, &name)).await.unwrap()
    }

    async fn try_init(client: &Client, name: &str) -> Result<Self> {
        let find = FindCoordinatorRequest::default()
            .with_coordinator_keys(vec![text(name)])
            .with_key_type(1);
        let found = client.call_any(find).await?;
        check_code(found.coordinators[0].error_code, "FindCoordinator", None)?;
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(TransactionalId(text(name))))
            .with_transaction_timeout_ms(60_000)
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1);
        let answer = client.call_any(request).await?;
        check_code(answer.error_code, "InitProducerId", None)?;
        let transactional_id = Some(name.to_owned());
        Ok(Self { transactional_id, id: *answer.producer_id, epoch: answer.producer_epoch })
    }

    /// Appends a record with each timestamp. A transaction begins with the first call.
    pub(super) async fn produce(&self, client: &Client, place: &TopicPartition, times: &[i64]) {
        let first_sequence = if self.transactional_id.is_some() { 0 } else { -1 };
        let records: Vec<Record> = times
            .iter()
            .zip(0..)
            .map(|(timestamp, offset)| self.record(*timestamp, offset, first_sequence))
            .collect();
        let options = RecordEncodeOptions { version: 2, compression: Compression::None };
        let mut batch = BytesMut::new();
        RecordBatchEncoder::encode(&mut batch, &records, &options).unwrap();
        let data = PartitionProduceData::default()
            .with_index(place.partition)
            .with_records(Some(batch.freeze()));
        let data = TopicProduceData::default()
            .with_name(TopicName(text(&place.topic)))
            .with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(10_000)
            .with_transactional_id(
                self.transactional_id.as_deref().map(|id| TransactionalId(text(id))),
            )
            .with_topic_data(vec![data]);
        let attempt = || async {
            let leaders = client.by_leader(std::iter::once(place)).await?;
            let leader = *leaders.keys().next().unwrap();
            let answer = client.ask_node(leader, &request, 12).await?;
            check_code(answer.responses[0].partition_responses[0].error_code, "Produce", None)
        };
        client.retrying("Produce", attempt).await.unwrap();
    }

    #[expect(clippy::default_trait_access, reason = "the type of headers is not ours to name")]
    fn record(&self, timestamp: i64, offset: i64, first_sequence: i32) -> Record {
        Record {
            transactional: self.transactional_id.is_some(),
            control: false,
            delete_horizon: false,
            partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
            producer_id: self.id,
            producer_epoch: self.epoch,
            timestamp_type: TimestampType::Creation,
            offset,
            // The encoder requires the sequence to run with the offset, even without one.
            sequence: first_sequence + i32::try_from(offset).unwrap(),
            timestamp,
            key: None,
            value: Some("value".into()),
            headers: Default::default(),
        }
    }

    /// Adds a group's offset to the transaction.
    pub(super) async fn add_offset(
        &self,
        client: &Client,
        group: &str,
        place: &TopicPartition,
        offset: i64,
    ) {
        let partition = TxnOffsetCommitRequestPartition::default()
            .with_partition_index(place.partition)
            .with_committed_offset(offset)
            .with_committed_metadata(Some(text("")));
        let topic = TxnOffsetCommitRequestTopic::default()
            .with_name(TopicName(text(&place.topic)))
            .with_partitions(vec![partition]);
        let request = TxnOffsetCommitRequest::default()
            .with_transactional_id(TransactionalId(text(self.transactional_id.as_deref().unwrap())))
            .with_group_id(GroupId(text(group)))
            .with_producer_id(ProducerId(self.id))
            .with_producer_epoch(self.epoch)
            .with_generation_id(-1)
            .with_topics(vec![topic]);
        let attempt = || async {
            let answer = client.call_any(request.clone()).await?;
            check_code(answer.topics[0].partitions[0].error_code, "TxnOffsetCommit", None)
        };
        client.retrying("TxnOffsetCommit", attempt).await.unwrap();
    }

    /// Commits the transaction.
    pub(super) async fn commit(&self, client: &Client) {
        self.end(client, true).await;
    }

    /// Aborts the transaction.
    pub(super) async fn abort(&self, client: &Client) {
        self.end(client, false).await;
    }

    async fn end(&self, client: &Client, commit: bool) {
        let request = EndTxnRequest::default()
            .with_transactional_id(TransactionalId(text(self.transactional_id.as_deref().unwrap())))
            .with_producer_id(ProducerId(self.id))
            .with_producer_epoch(self.epoch)
            .with_committed(commit);
        let answer = client.call_any(request).await.unwrap();
        check_code(answer.error_code, "EndTxn", None).unwrap();
    }
}
