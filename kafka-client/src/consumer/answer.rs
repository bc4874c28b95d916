//! A broker's answer for one partition.

use bytes::Bytes;
use kafka_protocol::messages::fetch_response::PartitionData;

use super::{
    Partition,
    aborted::AbortedTransaction,
    partition::{Chunk, LogEnds},
};
use crate::{Error, ErrorKind, Result, TopicPartition, record_batch::RecordBatches};

const OFFSET_OUT_OF_RANGE: i16 = 1;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const UNKNOWN_TOPIC_ID: i16 = 100;

/// Consequence of an answer for the partition.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Records have come.
    Records,
    /// There are none now.
    AtEnd,
    /// Another broker leads it, or this one can't serve it now.
    LookUp(Error),
    /// The topic does not exist, or is not yet known to this broker.
    Missing(Error),
    /// It can't be read from that offset: the caller has to decide.
    Failed(Error),
}

/// Passes the answer on to its partition. `asked_at` is the requested offset.
pub(super) fn take_over(partition: &Partition, asked_at: i64, data: PartitionData) -> Outcome {
    let place = format!("Fetch of {}@{asked_at}", partition.name);
    if data.error_code != 0 {
        return judge(data.error_code, &place);
    }
    if data.diverging_epoch.epoch >= 0 {
        let (epoch, end) = (data.diverging_epoch.epoch, data.diverging_epoch.end_offset);
        let text = format!(
            "{place}: the log was cut and goes on otherwise behind {end}, where epoch {epoch} ends"
        );
        return Outcome::Failed(Error::from_code(OFFSET_OUT_OF_RANGE, text, None));
    }
    let ends = LogEnds {
        high_watermark: data.high_watermark,
        last_stable_offset: if data.last_stable_offset >= 0 {
            data.last_stable_offset
        } else {
            data.high_watermark
        },
    };
    match whole_batches(&partition.name, &data.records.unwrap_or_default()) {
        Ok(None) => {
            partition.fetched(ends, None);
            Outcome::AtEnd
        }
        Ok(Some((bytes, next_offset, epoch))) => {
            let aborted = data.aborted_transactions.unwrap_or_default().into_iter();
            let aborted = aborted.map(|aborted| AbortedTransaction {
                producer_id: *aborted.producer_id,
                first_offset: aborted.first_offset,
            });
            let chunk = Chunk { bytes, aborted: aborted.collect() };
            partition.fetched(ends, Some((chunk, next_offset, epoch)));
            Outcome::Records
        }
        Err(error) => Outcome::Failed(error.in_context(place)),
    }
}

/// The complete batches, the offset after them and the epoch of the last one.
fn whole_batches(name: &TopicPartition, bytes: &Bytes) -> Result<Option<(Bytes, i64, i32)>> {
    let mut batches = RecordBatches::new(bytes.clone());
    let mut last = None;
    for batch in &mut batches {
        last = Some(*batch?.header());
    }
    let Some(last) = last else {
        if bytes.is_empty() {
            return Ok(None);
        }
        // Brokers send the first batch completely, however large it is.
        let text = format!("{} bytes of {name} hold no whole batch", bytes.len());
        return Err(Error::new(ErrorKind::Protocol, text));
    };
    let whole = bytes.len() - batches.rest().len();
    Ok(Some((bytes.slice(..whole), last.next_offset(), last.leader_epoch)))
}

fn judge(code: i16, place: &str) -> Outcome {
    let error = Error::from_code(code, place, None);
    match code {
        OFFSET_OUT_OF_RANGE => Outcome::Failed(error),
        UNKNOWN_TOPIC_OR_PARTITION | UNKNOWN_TOPIC_ID => Outcome::Missing(error),
        // Unknown to the broker itself, or a batch that it could not read now.
        -1 | 2 => Outcome::LookUp(error),
        _ if error.kind() == ErrorKind::Retriable || error.kind() == ErrorKind::Timeout => {
            Outcome::LookUp(error)
        }
        _ => Outcome::Failed(error),
    }
}
