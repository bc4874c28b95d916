//! A broker's answer for one partition.

use bytes::Bytes;
use kafka_protocol::messages::fetch_response::PartitionData;

use super::{
    Partition,
    aborted::AbortedTransaction,
    partition::{Chunk, LogEnds},
};
use crate::{
    Error, ErrorKind, Result, TopicPartition,
    record_batch::{BatchHeader, RecordBatches},
};

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
        Ok(Some(whole)) => {
            let aborted = data.aborted_transactions.unwrap_or_default().into_iter();
            let aborted = aborted.map(|aborted| AbortedTransaction {
                producer_id: *aborted.producer_id,
                first_offset: aborted.first_offset,
            });
            let Whole { bytes, records, last } = whole;
            let chunk = Chunk { bytes, records, aborted: aborted.collect() };
            partition.fetched(ends, Some((chunk, last.next_offset(), last.leader_epoch)));
            Outcome::Records
        }
        Err(error) => Outcome::Failed(error.in_context(place)),
    }
}

/// Complete batches.
struct Whole {
    bytes: Bytes,
    records: usize,
    /// The header of the last one.
    last: BatchHeader,
}

/// The complete batches of an answer.
fn whole_batches(name: &TopicPartition, bytes: &Bytes) -> Result<Option<Whole>> {
    let mut batches = RecordBatches::new(bytes.clone());
    let (mut last, mut records) = (None, 0);
    for batch in &mut batches {
        let header = *batch?.header();
        records += usize::try_from(header.records).unwrap_or(0);
        last = Some(header);
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
    Ok(Some(Whole { bytes: bytes.slice(..whole), records, last }))
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
