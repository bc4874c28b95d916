//! Requests that carry batches, and the meaning of their answers.

use bytes::Bytes;
use kafka_protocol::{
    messages::{
        ProduceRequest, TopicName, TransactionalId,
        produce_request::{PartitionProduceData, TopicProduceData},
        produce_response::PartitionProduceResponse,
    },
    protocol::StrBytes,
};

use super::ProducerConfig;
use crate::{Error, ErrorKind, TopicPartition};

/// Newest version that identifies topics by name rather than by id.
const VERSION_MAX: i16 = 12;
/// Newest version of the first protocol of transactions.
const FIRST_PROTOCOL_VERSION_MAX: i16 = 11;
/// All in-sync replicas must have a batch.
const ACKS_ALL: i16 = -1;

/// A batch that was sent in a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct SentBatch {
    pub(super) slot: usize,
    pub(super) number: u64,
    pub(super) sequence: i32,
}

/// A request under construction: at most one batch per partition.
#[derive(Debug, Default)]
pub(super) struct Parcel {
    pub(super) batches: Vec<SentBatch>,
    topics: Vec<TopicProduceData>,
    pub(super) bytes: usize,
}

impl Parcel {
    pub(super) fn add(&mut self, name: &TopicPartition, sent: SentBatch, batch: Bytes) {
        self.bytes += batch.len();
        self.batches.push(sent);
        let data =
            PartitionProduceData::default().with_index(name.partition).with_records(Some(batch));
        match self.topics.iter_mut().find(|topic| *topic.name.0 == *name.topic) {
            Some(topic) => topic.partition_data.push(data),
            None => self.topics.push(
                TopicProduceData::default()
                    .with_name(TopicName(StrBytes::from_string(name.topic.clone())))
                    .with_partition_data(vec![data]),
            ),
        }
    }

    pub(super) fn into_request(self, config: &ProducerConfig, timeout_ms: i32) -> ProduceRequest {
        let id = config.transactional_id.clone();
        ProduceRequest::default()
            .with_acks(ACKS_ALL)
            .with_timeout_ms(timeout_ms)
            .with_transactional_id(id.map(|id| TransactionalId(StrBytes::from_string(id))))
            .with_topic_data(self.topics)
    }
}

/// Newest version in which a request may be sent.
pub(super) fn version_max(is_first_protocol: bool) -> i16 {
    if is_first_protocol { FIRST_PROTOCOL_VERSION_MAX } else { VERSION_MAX }
}

/// Meaning of an answer for a batch.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is written, at this offset, unless the broker has forgotten it.
    Written(Option<i64>),
    /// Try again; it may be written, and the leader may have to be looked up.
    Again { may_be_written: bool, look_up: bool, error: Error },
    /// The broker does not know the partition.
    Missing(Error),
    /// The broker lacks earlier batches.
    OutOfOrder(Error),
    /// It is not written and never will be; with the records at fault, as far as the broker names
    /// them.
    Refused(Error, Vec<(usize, Option<String>)>),
    /// This producer can't be used any more.
    Fatal(Error),
}

/// Judges the answer for a batch.
pub(super) fn judge(name: &TopicPartition, data: &PartitionProduceResponse) -> Verdict {
    let code = data.error_code;
    let error = || {
        let message = data.error_message.as_deref();
        Error::from_code(code, format_args!("Produce to {name}"), message)
    };
    match code {
        0 => Verdict::Written(Some(data.base_offset).filter(|offset| *offset >= 0)),
        // DUPLICATE_SEQUENCE_NUMBER
        46 => Verdict::Written(None),
        // OUT_OF_ORDER_SEQUENCE_NUMBER, UNKNOWN_PRODUCER_ID
        45 | 59 => Verdict::OutOfOrder(error()),
        // CORRUPT_MESSAGE: damaged on its way to the broker.
        2 => Verdict::Again { may_be_written: false, look_up: false, error: error() },
        // A topic that was just created, or one that is gone.
        3 | 100 => Verdict::Missing(error()),
        _ => {
            let error = error();
            match error.kind() {
                ErrorKind::Retriable => {
                    // CONCURRENT_TRANSACTIONS: the previous transaction is still being ended.
                    Verdict::Again { may_be_written: false, look_up: code != 51, error }
                }
                ErrorKind::Timeout => Verdict::Again { may_be_written: true, look_up: true, error },
                ErrorKind::Fenced => Verdict::Fatal(error),
                _ => {
                    let at_fault = data.record_errors.iter().filter_map(|record| {
                        let index = usize::try_from(record.batch_index).ok()?;
                        let text = record.batch_index_error_message.as_ref();
                        Some((index, text.map(ToString::to_string)))
                    });
                    Verdict::Refused(error, at_fault.collect())
                }
            }
        }
    }
}
