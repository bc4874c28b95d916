//! Records that the cluster refuses for good, one by one (KIP-467).

use std::hash::{DefaultHasher, Hash, Hasher};

use super::ProduceRecord;
use crate::{Error, TopicPartition};

/// A record that the cluster refuses whenever it is sent, for example because it is larger than its
/// topic allows.
#[derive(Clone, Debug)]
pub struct RefusedRecord {
    /// The partition to which it was sent.
    pub topic_partition: TopicPartition,
    /// Its identity.
    pub fingerprint: Fingerprint,
    /// True if the record itself is known to be at fault. Otherwise its batch was refused, maybe
    /// for another record of it.
    pub is_named: bool,
    /// The reason, with the setting to change.
    pub error: Error,
}

/// Number of key bytes shown in a message.
const KEY_BYTES_SHOWN: usize = 64;

/// Description of a record for a message: its size and the beginning of its key.
pub(crate) fn in_words(key: Option<&[u8]>, value: Option<&[u8]>) -> String {
    let bytes = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len);
    let key = key.map_or_else(
        || "without a key".to_owned(),
        |key| {
            let (start, rest) = key.split_at(key.len().min(KEY_BYTES_SHOWN));
            let more = if rest.is_empty() { "" } else { "…" };
            format!("with key `{}{more}`", start.escape_ascii())
        },
    );
    format!("a record of {bytes} bytes {key}")
}

/// Advice on records that a broker refuses for good with this code of Kafka.
#[cfg(feature = "rdkafka")]
pub(crate) fn advice_on_refusal(code: i32) -> Option<&'static str> {
    match code {
        10 | 18 => Some(
            "raise max.message.bytes of the topic (message.max.bytes of its brokers), or lower producer.max.request.size",
        ),
        32 => Some(
            "a timestamp is too far from the broker's clock: see message.timestamp.after.max.ms and \
             message.timestamp.before.max.ms of the topic",
        ),
        87 => Some("a compacted topic takes no record without a key"),
        44 => Some("the broker's create or produce policy forbids it"),
        _ => None,
    }
}

/// The part of a timestamp for which a client has room beside the record: the milliseconds of 34
/// years, if a word has 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TimeBits(pub(crate) usize);

impl TimeBits {
    pub(crate) const BITS: u32 = usize::BITS - 24;

    pub(crate) fn of(timestamp: i64) -> Self {
        // librdkafka takes the time 0 for "now", so it is sent as 1.
        let timestamp = if timestamp == 0 { 1 } else { timestamp };
        Self(usize::try_from(timestamp.rem_euclid(1 << Self::BITS)).unwrap_or(0))
    }
}

/// Distinguishes a record from the others of its partition by its timestamp, key and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    record: u64,
    key: u64,
}

impl Fingerprint {
    /// The fingerprint of a record. Headers don't count.
    pub fn of(record: &ProduceRecord<'_>) -> Self {
        Self::new(TimeBits::of(record.timestamp), record.key, record.value)
    }

    pub(crate) fn new(time: TimeBits, key: Option<&[u8]>, value: Option<&[u8]>) -> Self {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let key = hasher.finish();
        (time, value).hash(&mut hasher);
        Self { record: hasher.finish(), key }
    }

    /// Hash of the whole record.
    pub(crate) fn record(self) -> u64 {
        self.record
    }

    /// Hash of the key alone.
    pub(crate) fn key(self) -> u64 {
        self.key
    }
}
