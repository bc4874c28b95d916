//! The records of batches that brokers refuse for good.

use kafka_client::producer::RefusedBatch;

use super::failure::{advice, is_refusal};
use crate::{
    Error, ErrorKind, TopicPartition,
    client::{
        Fingerprint, RefusedRecord,
        refused::{TimeBits, in_words},
    },
};

/// Limit on the records reported at a time. A caller that handles these learns of further ones
/// later.
const REFUSED_MAX: usize = 10_000;

/// The records of these batches. If a broker names those at fault (KIP-467), or there is only one,
/// they are named.
pub(super) fn refused_records(batches: &[RefusedBatch]) -> Vec<RefusedRecord> {
    let refused = batches.iter().filter(|batch| is_refusal(&batch.error)).flat_map(records_of);
    refused.take(REFUSED_MAX).collect()
}

fn records_of(refused: &RefusedBatch) -> Vec<RefusedRecord> {
    let Some(records) = refused.batch().and_then(|batch| batch.records().ok()) else {
        return Vec::new();
    };
    let place = TopicPartition::new(&*refused.partition.topic, refused.partition.partition);
    let is_alone = records.header().records == 1;
    let mut found = Vec::new();
    for (index, entry) in records.entries().map_while(Result::ok).enumerate() {
        let [key, value] =
            [entry.key, entry.value].map(|span| span.map(|span| records.slice(span)));
        let at_fault = refused.record_errors.iter().find(|(at, _)| *at == index);
        let why = match at_fault {
            Some((_, Some(why))) => format!(": {why}"),
            _ => String::new(),
        };
        let text = format!(
            "{} for {place} is refused{why}{}",
            in_words(key, value),
            advice(&refused.error)
        );
        found.push(RefusedRecord {
            topic_partition: place.clone(),
            fingerprint: Fingerprint::new(TimeBits::of(entry.timestamp), key, value),
            is_named: is_alone || at_fault.is_some(),
            error: Error::with_source(ErrorKind::Production, text, refused.error.clone()),
        });
    }
    found
}
