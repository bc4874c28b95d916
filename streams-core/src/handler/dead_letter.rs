//! Records for the dead-letter queue (KIP-1034).

use super::ErrorContext;
use crate::{Error, Headers};

/// A record on its way to a dead-letter topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The topic; it must exist.
    pub topic: String,
    /// Key bytes.
    pub key: Option<Vec<u8>>,
    /// Value bytes.
    pub value: Option<Vec<u8>>,
    /// Timestamp in milliseconds since the epoch.
    pub timestamp: i64,
    /// Headers.
    pub headers: Headers,
}

/// The dead letter that the built-in handlers send: the input record as it was, with Java's headers
/// `__streams.errors.` `exception`, `stacktrace`, `message`, `topic`, `partition` and `offset`
/// added.
pub fn dead_letter(topic: &str, context: &ErrorContext<'_>, error: &Error) -> DeadLetter {
    let mut headers = context.headers.clone();
    let mut add = |name: &str, text: &str| {
        headers.add(&format!("__streams.errors.{name}"), Some(text.as_bytes()));
    };
    add("exception", &format!("{:?}", error.kind()));
    add("stacktrace", &format!("{}: {error}", context.node));
    add("message", &error.root_cause().to_string());
    if let Some(partition) = context.topic_partition {
        add("topic", &partition.topic);
        add("partition", &partition.partition.to_string());
        add("offset", &context.offset.to_string());
    }
    DeadLetter {
        topic: topic.to_owned(),
        key: context.key.map(<[u8]>::to_vec),
        value: context.value.map(<[u8]>::to_vec),
        timestamp: context.timestamp,
        headers,
    }
}
