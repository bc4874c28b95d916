//! Conversion of librdkafka's codes to errors of this crate.
//!
//! The kind determines the runtime's reaction: a fenced producer or member joins again, a
//! transaction that can only be aborted is dropped and repeated, a record that is refused for good
//! stops the thread.

use super::{
    events::ClientEvents,
    ffi::{Code, TransactionFailure},
};
use crate::{Error, ErrorKind, client::kafka::CHECK_SECURITY};

/// Kafka's and librdkafka's codes by number, as far as they determine a kind.
mod number {
    use rdkafka::bindings::rd_kafka_resp_err_t as Native;

    pub(super) const AUTHENTICATION: i32 = Native::RD_KAFKA_RESP_ERR__AUTHENTICATION as i32;
    pub(super) const AUTO_OFFSET_RESET: i32 = Native::RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET as i32;
    pub(super) const LOG_TRUNCATION: i32 = Native::RD_KAFKA_RESP_ERR__LOG_TRUNCATION as i32;
    pub(super) const FENCED: i32 = Native::RD_KAFKA_RESP_ERR__FENCED as i32;
    pub(super) const MSG_TIMED_OUT: i32 = Native::RD_KAFKA_RESP_ERR__MSG_TIMED_OUT as i32;
    pub(super) const PURGE_INFLIGHT: i32 = Native::RD_KAFKA_RESP_ERR__PURGE_INFLIGHT as i32;
    pub(super) const PURGE_QUEUE: i32 = Native::RD_KAFKA_RESP_ERR__PURGE_QUEUE as i32;
    pub(super) const QUEUE_FULL: i32 = Native::RD_KAFKA_RESP_ERR__QUEUE_FULL as i32;
    pub(super) const STATE: i32 = Native::RD_KAFKA_RESP_ERR__STATE as i32;
    pub(super) const SSL: i32 = Native::RD_KAFKA_RESP_ERR__SSL as i32;
    pub(super) const TIMED_OUT: i32 = Native::RD_KAFKA_RESP_ERR__TIMED_OUT as i32;
    pub(super) const TRANSPORT: i32 = Native::RD_KAFKA_RESP_ERR__TRANSPORT as i32;
    pub(super) const UNKNOWN_PARTITION: i32 = Native::RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION as i32;
    pub(super) const UNKNOWN_TOPIC: i32 = Native::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC as i32;
}

/// Returns whether this producer or member was replaced by another, or expelled.
pub(super) fn is_fenced(code: Code) -> bool {
    matches!(code.number(), number::FENCED | 22 | 25 | 47 | 82 | 90 | 110 | 113)
}

/// Returns whether the topic or partition does not exist, as far as the broker knows.
pub(super) fn is_unknown_topic(code: Code) -> bool {
    // 17 is INVALID_TOPIC_EXCEPTION: there can be no such topic.
    matches!(code.number(), number::UNKNOWN_PARTITION | number::UNKNOWN_TOPIC | 3 | 17)
}

/// Returns whether the position of a reader is not, or no longer, in the log.
pub(super) fn is_out_of_range(code: Code) -> bool {
    matches!(code.number(), number::AUTO_OFFSET_RESET | number::LOG_TRUNCATION | 1)
}

/// The kind of an authentication or authorization error.
fn refusal(code: Code) -> Option<ErrorKind> {
    match code.number() {
        number::AUTHENTICATION | 33 | 34 | 54 | 58 => Some(ErrorKind::Config),
        29..=31 | 53 | 65 => Some(ErrorKind::Fatal),
        _ => None,
    }
}

/// The kind of an error that prevented a record from being written.
pub(super) fn kind_of_write(code: Code) -> ErrorKind {
    if let Some(kind) = refusal(code) {
        return kind;
    }
    match code.number() {
        _ if is_fenced(code) => ErrorKind::Fenced,
        _ if is_unknown_topic(code) => ErrorKind::InvalidTopic,
        number::QUEUE_FULL => ErrorKind::Unavailable,
        number::STATE => ErrorKind::InvalidState,
        // MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_TIMESTAMP, CORRUPT_MESSAGE,
        // UNSUPPORTED_COMPRESSION_TYPE, INVALID_RECORD, POLICY_VIOLATION, INVALID_REQUIRED_ACKS.
        2 | 10 | 18 | 21 | 32 | 44 | 76 | 87 => ErrorKind::Production,
        // Time-outs, lost connections, missing replicas, a purge, a producer in doubt: the record
        // may have been written, and a new attempt may succeed.
        _ => ErrorKind::Timeout,
    }
}

/// Returns whether a record gets this error whenever it is sent.
pub(super) fn is_refusal(code: Code) -> bool {
    kind_of_write(code) == ErrorKind::Production
}

/// Returns whether a record that was sent in a batch with others, and reported with such an error,
/// is itself at fault. The broker names those that are (KIP-467), but if there are several,
/// librdkafka reports them all alike.
pub(super) fn is_at_fault(code: Code, has_key: bool) -> bool {
    // INVALID_RECORD: the topic is compacted.
    code.number() == 87 && !has_key
}

/// The kind of an error of a fetch.
pub(super) fn kind_of_fetch(code: Code) -> ErrorKind {
    if is_out_of_range(code) || is_unknown_topic(code) {
        return ErrorKind::InvalidState;
    }
    refusal(code).unwrap_or(ErrorKind::Unavailable)
}

/// The error of a look-up, which only reads.
pub(super) fn of_look_up(events: &ClientEvents, what: &str, code: Code) -> Error {
    if let Some(refused) = refused_credentials(events) {
        return refused.in_context(format!("can't look up {what}"));
    }
    let kind = refusal(code).unwrap_or(ErrorKind::Unavailable);
    let because = if kind == ErrorKind::Unavailable { events.because() } else { String::new() };
    Error::new(kind, format!("can't look up {what}: {code}{because}"))
}

/// The error for credentials that a broker refused, if they keep a client from connecting.
pub(super) fn refused_credentials(events: &ClientEvents) -> Option<Error> {
    let (code, reason) = events.last_failure()?;
    let is_refused = matches!(code.number(), number::AUTHENTICATION | number::SSL);
    is_refused.then(|| {
        let text = format!("a broker refuses the connection, {code}: {reason}; {CHECK_SECURITY}");
        Error::new(ErrorKind::Config, text)
    })
}

/// The error of a transactional call of the producer behind `events`.
pub(super) fn of_transaction(
    events: &ClientEvents,
    what: &str,
    failure: &TransactionFailure,
) -> Error {
    let TransactionFailure { code, text, is_fatal, is_retriable, requires_abort } = failure;
    let kind = refusal(*code).unwrap_or_else(|| match code.number() {
        _ if is_fenced(*code) => ErrorKind::Fenced,
        // The broker saw the end of the transaction, or may have.
        number::TIMED_OUT
        | number::MSG_TIMED_OUT
        | number::PURGE_QUEUE
        | number::PURGE_INFLIGHT
        | number::TRANSPORT => ErrorKind::Timeout,
        number::STATE => ErrorKind::InvalidState,
        // REBALANCE_IN_PROGRESS: the member will be told.
        27 => ErrorKind::Unavailable,
        _ if *is_retriable => ErrorKind::Timeout,
        // A producer in doubt is replaced, and a failed transaction is repeated.
        _ if *is_fatal || *requires_abort => ErrorKind::Timeout,
        _ => ErrorKind::Fatal,
    });
    let because = if *is_retriable { events.because() } else { String::new() };
    let client = events.client_id();
    Error::new(kind, format!("producer `{client}`: {what} failed: {code}: {text}{because}"))
}
