//! Conversion of the client crate's errors.
//!
//! The kind determines the runtime's reaction: a fenced producer or member joins again, a
//! transaction that can only be aborted is dropped and repeated, a record that is refused for good
//! stops the thread.

use kafka_client::ErrorKind as Kind;

use crate::{Error, ErrorKind, TopicPartition, client::refused::advice_on_refusal};

/// Kafka's codes that tell more than their kind.
mod code {
    pub(super) const OFFSET_OUT_OF_RANGE: i16 = 1;
    pub(super) const CORRUPT_MESSAGE: i16 = 2;
    pub(super) const MESSAGE_TOO_LARGE: i16 = 10;
    pub(super) const INVALID_TOPIC: i16 = 17;
    pub(super) const RECORD_LIST_TOO_LARGE: i16 = 18;
    pub(super) const INVALID_REQUIRED_ACKS: i16 = 21;
    pub(super) const REBALANCE_IN_PROGRESS: i16 = 27;
    pub(super) const INVALID_TIMESTAMP: i16 = 32;
    pub(super) const POLICY_VIOLATION: i16 = 44;
    pub(super) const GROUP_ID_NOT_FOUND: i16 = 69;
    pub(super) const UNSUPPORTED_COMPRESSION_TYPE: i16 = 76;
    pub(super) const INVALID_RECORD: i16 = 87;
}

/// Returns whether a record gets this error whenever it is sent.
pub(super) fn is_refusal(error: &kafka_client::Error) -> bool {
    use code::{
        CORRUPT_MESSAGE, INVALID_RECORD, INVALID_REQUIRED_ACKS, INVALID_TIMESTAMP,
        MESSAGE_TOO_LARGE, POLICY_VIOLATION, RECORD_LIST_TOO_LARGE, UNSUPPORTED_COMPRESSION_TYPE,
    };
    matches!(
        error.code(),
        Some(
            CORRUPT_MESSAGE
                | MESSAGE_TOO_LARGE
                | RECORD_LIST_TOO_LARGE
                | INVALID_REQUIRED_ACKS
                | INVALID_TIMESTAMP
                | POLICY_VIOLATION
                | UNSUPPORTED_COMPRESSION_TYPE
                | INVALID_RECORD
        )
    )
}

/// Advice on records that a broker refuses for good, for the end of a message.
pub(super) fn advice(error: &kafka_client::Error) -> String {
    let advice = error.code().and_then(|code| advice_on_refusal(code.into()));
    advice.map_or_else(String::new, |advice| format!("; {advice}"))
}

/// The kind of an authentication or authorization error.
fn refused_client(error: &kafka_client::Error) -> Option<ErrorKind> {
    match error.kind() {
        Kind::Authentication => Some(ErrorKind::Config),
        Kind::Authorization => Some(ErrorKind::Fatal),
        _ => None,
    }
}

/// The error of a look-up, which only reads.
pub(super) fn of_look_up(topic: &str, cause: kafka_client::Error) -> Error {
    let is_unknown = cause.kind() == Kind::NotFound || cause.code() == Some(code::INVALID_TOPIC);
    let other = if is_unknown { ErrorKind::InvalidTopic } else { ErrorKind::Unavailable };
    let kind = refused_client(&cause).unwrap_or(other);
    Error::with_source(kind, format!("can't look up topic {topic}"), cause)
}

/// The error that ends the reading of a partition.
pub(super) fn of_reading(
    place: &TopicPartition,
    position: i64,
    cause: kafka_client::Error,
) -> Error {
    let (kind, text) = match cause.kind() {
        _ if cause.code() == Some(code::OFFSET_OUT_OF_RANGE) => {
            (ErrorKind::InvalidState, format!("{place}@{position} is out of the log's range"))
        }
        Kind::NotFound => (ErrorKind::InvalidState, format!("{place} is gone")),
        // A batch that can't be read now never can.
        _ => {
            let kind = refused_client(&cause).unwrap_or(ErrorKind::Fatal);
            (kind, format!("can't read {place}@{position}"))
        }
    };
    Error::with_source(kind, text, cause)
}

/// The error while a consumer can't read.
pub(super) fn of_fetching(client_id: &str, cause: kafka_client::Error) -> Error {
    let kind = refused_client(&cause).unwrap_or(ErrorKind::Unavailable);
    Error::with_source(kind, format!("consumer `{client_id}` can't read"), cause)
}

/// The error for records that were not written, or may not have been.
pub(super) fn of_writing(
    place: &TopicPartition,
    records: usize,
    cause: kafka_client::Error,
) -> Error {
    let kind = refused_client(&cause).unwrap_or_else(|| match cause.kind() {
        Kind::Fenced => ErrorKind::Fenced,
        Kind::NotFound => ErrorKind::InvalidTopic,
        _ if is_refusal(&cause) => ErrorKind::Production,
        // It may have been written, and a new attempt may succeed.
        _ => ErrorKind::Timeout,
    });
    let text = format!("{records} records for {place} were not written{}", advice(&cause));
    Error::with_source(kind, text, cause)
}

/// The error of a call that registers a transactional id.
pub(super) fn of_init(client_id: &str, cause: kafka_client::Error) -> Error {
    let kind = refused_client(&cause).unwrap_or(match cause.kind() {
        Kind::Connection | Kind::Retriable => ErrorKind::Unavailable,
        Kind::Timeout => ErrorKind::Timeout,
        Kind::Fenced => ErrorKind::Fenced,
        _ => ErrorKind::Fatal,
    });
    Error::with_source(kind, format!("producer `{client_id}`: init_transactions failed"), cause)
}

/// The error of a call for the open transaction, which can then only be aborted.
pub(super) fn of_transaction(client_id: &str, what: &str, cause: kafka_client::Error) -> Error {
    let kind = refused_client(&cause).unwrap_or_else(|| match (cause.kind(), cause.code()) {
        (Kind::Fenced, _) | (_, Some(code::GROUP_ID_NOT_FOUND)) => ErrorKind::Fenced,
        // The member will be told.
        (_, Some(code::REBALANCE_IN_PROGRESS)) => ErrorKind::Unavailable,
        // The broker saw the end of the transaction, or may have; a failed transaction is repeated.
        _ => ErrorKind::Timeout,
    });
    Error::with_source(kind, format!("producer `{client_id}`: {what} failed"), cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: i16) -> kafka_client::Error {
        kafka_client::Error::from_code(code, "asking", None)
    }

    #[test]
    fn the_kind_says_what_the_runtime_has_to_do() {
        let place = TopicPartition::new("orders", 1);
        for (code, kind) in [
            (1, ErrorKind::InvalidState),
            (3, ErrorKind::InvalidState),
            (29, ErrorKind::Fatal),
            (58, ErrorKind::Config),
        ] {
            let error = of_reading(&place, 7, refused(code));
            assert_eq!(error.kind(), kind, "{code}");
            assert!(error.to_string().contains("orders-1"), "{error}");
        }
        for (code, kind) in [
            (7, ErrorKind::Timeout),
            (47, ErrorKind::Fenced),
            (3, ErrorKind::InvalidTopic),
            (87, ErrorKind::Production),
            (10, ErrorKind::Production),
        ] {
            assert_eq!(of_writing(&place, 2, refused(code)).kind(), kind, "{code}");
        }
        for (code, kind) in [
            (22, ErrorKind::Fenced),
            (25, ErrorKind::Fenced),
            (69, ErrorKind::Fenced),
            (27, ErrorKind::Unavailable),
            (48, ErrorKind::Timeout),
            (16, ErrorKind::Timeout),
        ] {
            assert_eq!(of_transaction("me", "commit", refused(code)).kind(), kind, "{code}");
        }
        assert_eq!(of_init("me", refused(16)).kind(), ErrorKind::Unavailable);
        assert_eq!(of_init("me", refused(50)).kind(), ErrorKind::Fatal);
    }
}
