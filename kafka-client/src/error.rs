//! The error of this crate.
//!
//! An opaque, word-sized type. Its [`ErrorKind`] tells whether the request may have taken effect
//! and what the caller can do; its code is Kafka's, if a broker refused; its text names node, API
//! and topic-partition, and then each cause. [`std::error::Error::source`] returns none, so a
//! caller that prints the chain of an error prints no cause twice; [`Error::cause`] returns the
//! cause.

use std::{fmt, sync::Arc};

use kafka_protocol::{ResponseError, messages::ApiKey, protocol::Request};

/// A result with this crate's [`Error`].
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Kind of an error, coarse enough that each calls for its own reaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request did not reach a broker and had no effect: try again.
    Connection,
    /// The request was sent and no answer came: it may have taken effect. Repeat it if that is
    /// safe.
    Timeout,
    /// The broker can't serve the request now, which had no effect: try again later.
    Retriable,
    /// Another member or producer replaced this one, or the group expelled it: drop uncommitted
    /// work and join again.
    Fenced,
    /// The broker does not accept our identity, or its certificate is not trusted: correct the
    /// settings.
    Authentication,
    /// The broker knows our identity but denies the request: ask for access.
    Authorization,
    /// The object of the request does not exist: a topic, a partition, a group.
    NotFound,
    /// The broker refused the request for good, or a setting is wrong: correct it.
    Invalid,
    /// Bytes that are not Kafka's, or a broker too old for the request.
    Protocol,
}

/// A failed request or a wrong setting. Cheap to clone.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    context: String,
    code: Option<i16>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Creates an error with the text `context`.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self(Arc::new(Inner { kind, context: context.into(), code: None, source: None }))
    }

    /// Creates an error with the text `context`, caused by `source`.
    pub fn with_source(
        kind: ErrorKind,
        context: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        let source = Some(source.into());
        Self(Arc::new(Inner { kind, context: context.into(), code: None, source }))
    }

    /// Creates the error for a broker's error code. The kind follows from the code; `message` is
    /// the broker's own text, if it sent one.
    pub fn from_code(code: i16, context: impl fmt::Display, message: Option<&str>) -> Self {
        let mut text = format!("{context}: {} ({code})", code_name(code));
        if let Some(message) = message.filter(|message| !message.is_empty()) {
            text.push_str(": ");
            text.push_str(message);
        }
        let kind = kind_of(code);
        Self(Arc::new(Inner { kind, context: text, code: Some(code), source: None }))
    }

    /// Kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Kafka's error code, if a broker sent one.
    pub fn code(&self) -> Option<i16> {
        self.0.code
    }

    /// The text of this error alone, without its causes.
    pub fn context(&self) -> &str {
        &self.0.context
    }

    /// The error that caused this one. The text of this error includes it.
    pub fn cause(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }

    /// The same code with another kind, where it means more than in general, and `context` put
    /// before the text.
    pub(crate) fn meaning(self, kind: ErrorKind, context: impl fmt::Display) -> Self {
        let (code, source) = (self.code(), Some(self.into()));
        Self(Arc::new(Inner { kind, context: context.to_string(), code, source }))
    }

    /// Puts a location or circumstance before the text of the error.
    #[must_use]
    pub fn in_context(self, context: impl fmt::Display) -> Self {
        let kind = self.kind();
        self.meaning(kind, context)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.context)?;
        let mut next = self.cause();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Checks an error code in an answer: `Ok` for 0.
pub(crate) fn check_code(
    code: i16,
    context: impl fmt::Display,
    message: Option<&str>,
) -> Result<(), Error> {
    if code == 0 { Ok(()) } else { Err(Error::from_code(code, context, message)) }
}

/// Kafka's name of an error code, as its documentation spells it, for example `NOT_COORDINATOR`.
pub fn code_name(code: i16) -> String {
    match ResponseError::try_from_code(code) {
        None => "NONE".to_owned(),
        Some(ResponseError::Unknown(_)) => "unknown error".to_owned(),
        Some(error) => screaming_snake_case(&error.to_string()),
    }
}

/// The name of a request for messages, for example `JoinGroup`.
pub(crate) fn api_name<R: Request>() -> String {
    if let Ok(key) = ApiKey::try_from(R::KEY) {
        return format!("{key:?}");
    }
    // One of our own messages: its type is Kafka's name followed by `Request`.
    let path = std::any::type_name::<R>();
    let name = path.rsplit("::").next().unwrap_or(path);
    name.strip_suffix("Request").unwrap_or(name).to_owned()
}

fn screaming_snake_case(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 8);
    for character in name.chars() {
        if character.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(character.to_ascii_uppercase());
    }
    text
}

/// Kind of the error for a code. Codes not listed are permanent refusals.
fn kind_of(code: i16) -> ErrorKind {
    use ResponseError::{
        BrokerNotAvailable, ClusterAuthorizationFailed, ConcurrentTransactions,
        CoordinatorLoadInProgress, CoordinatorNotAvailable, CorruptMessage,
        DelegationTokenAuthorizationFailed, EligibleLeadersNotAvailable, FencedInstanceId,
        FencedLeaderEpoch, FencedMemberEpoch, GroupAuthorizationFailed, GroupIdNotFound,
        IllegalGeneration, IllegalSaslState, InconsistentTopicId, InvalidProducerEpoch,
        KafkaStorageError, LeaderNotAvailable, ListenerNotFound, NetworkException, NotController,
        NotCoordinator, NotEnoughReplicas, NotEnoughReplicasAfterAppend, NotLeaderOrFollower,
        OffsetNotAvailable, PreferredLeaderNotAvailable, ProducerFenced, RebalanceInProgress,
        ReplicaNotAvailable, RequestTimedOut, ResourceNotFound, SaslAuthenticationFailed,
        SecurityDisabled, StaleMemberEpoch, ThrottlingQuotaExceeded, TopicAuthorizationFailed,
        TransactionalIdAuthorizationFailed, TransactionalIdNotFound, UnknownLeaderEpoch,
        UnknownMemberId, UnknownTopicId, UnknownTopicOrPartition, UnstableOffsetCommit,
        UnsupportedSaslMechanism, UnsupportedVersion,
    };

    let Some(error) = ResponseError::try_from_code(code) else { return ErrorKind::Invalid };
    match error {
        // The write may have happened.
        RequestTimedOut | NotEnoughReplicasAfterAppend => ErrorKind::Timeout,
        LeaderNotAvailable
        | NotLeaderOrFollower
        | BrokerNotAvailable
        | ReplicaNotAvailable
        | NetworkException
        | CoordinatorLoadInProgress
        | CoordinatorNotAvailable
        | NotCoordinator
        | NotEnoughReplicas
        | RebalanceInProgress
        | NotController
        | ConcurrentTransactions
        | KafkaStorageError
        | ListenerNotFound
        | FencedLeaderEpoch
        | UnknownLeaderEpoch
        | OffsetNotAvailable
        | PreferredLeaderNotAvailable
        | EligibleLeadersNotAvailable
        | UnstableOffsetCommit
        | ThrottlingQuotaExceeded
        | InconsistentTopicId => ErrorKind::Retriable,
        IllegalGeneration | UnknownMemberId | InvalidProducerEpoch | FencedInstanceId
        | ProducerFenced | FencedMemberEpoch | StaleMemberEpoch => ErrorKind::Fenced,
        UnsupportedSaslMechanism
        | IllegalSaslState
        | SecurityDisabled
        | SaslAuthenticationFailed => ErrorKind::Authentication,
        TopicAuthorizationFailed
        | GroupAuthorizationFailed
        | ClusterAuthorizationFailed
        | TransactionalIdAuthorizationFailed
        | DelegationTokenAuthorizationFailed => ErrorKind::Authorization,
        UnknownTopicOrPartition
        | GroupIdNotFound
        | ResourceNotFound
        | UnknownTopicId
        | TransactionalIdNotFound => ErrorKind::NotFound,
        CorruptMessage | UnsupportedVersion => ErrorKind::Protocol,
        _ => ErrorKind::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_word_and_prints_its_causes_once() {
        assert_eq!(size_of::<Result>(), size_of::<usize>());
        let io = std::io::Error::other("refused");
        let error =
            Error::with_source(ErrorKind::Connection, "connecting", io).in_context("node 1");
        assert_eq!(error.to_string(), "node 1: connecting: refused");
        assert!(std::error::Error::source(&error).is_none(), "it would be printed twice");
        assert!(error.cause().is_some());
        assert_eq!(error.kind(), ErrorKind::Connection);
    }

    #[test]
    fn a_code_decides_the_kind_and_is_named_as_kafka_names_it() {
        let error = Error::from_code(16, "OffsetCommit of group app", Some("moved"));
        assert_eq!(error.to_string(), "OffsetCommit of group app: NOT_COORDINATOR (16): moved");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Retriable, Some(16)));
        let error = error.in_context("committing");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Retriable, Some(16)));
        for (code, kind, name) in [
            (22, ErrorKind::Fenced, "ILLEGAL_GENERATION"),
            (82, ErrorKind::Fenced, "FENCED_INSTANCE_ID"),
            (78, ErrorKind::Retriable, "OFFSET_NOT_AVAILABLE"),
            (79, ErrorKind::Invalid, "MEMBER_ID_REQUIRED"),
            (7, ErrorKind::Timeout, "REQUEST_TIMED_OUT"),
            (3, ErrorKind::NotFound, "UNKNOWN_TOPIC_OR_PARTITION"),
            (-1, ErrorKind::Invalid, "UNKNOWN_SERVER_ERROR"),
            (12_345, ErrorKind::Invalid, "unknown error"),
        ] {
            assert_eq!((kind_of(code), code_name(code).as_str()), (kind, name));
        }
    }

    #[test]
    fn an_api_is_named_without_request() {
        assert_eq!(api_name::<kafka_protocol::messages::JoinGroupRequest>(), "JoinGroup");
    }
}
