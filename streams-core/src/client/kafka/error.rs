//! Conversion of the client crate's errors.

use crate::{Error, ErrorKind};

/// The remedy where a broker refuses a connection.
pub(crate) const CHECK_SECURITY: &str =
    "check security.protocol, the sasl settings and the certificates of the ssl settings";

/// Converts the error of a call of the control plane.
pub(crate) fn convert(error: kafka_client::Error) -> Error {
    let kind = match error.kind() {
        kafka_client::ErrorKind::Connection | kafka_client::ErrorKind::Retriable => {
            ErrorKind::Unavailable
        }
        kafka_client::ErrorKind::Timeout => ErrorKind::Timeout,
        kafka_client::ErrorKind::Fenced => ErrorKind::Fenced,
        kafka_client::ErrorKind::Authentication => ErrorKind::Config,
        kafka_client::ErrorKind::NotFound => ErrorKind::InvalidTopic,
        // Authorization, Invalid, Protocol: neither a retry nor another topic will help.
        _ => ErrorKind::Fatal,
    };
    let why = match error.kind() {
        kafka_client::ErrorKind::Authentication => Some(CHECK_SECURITY),
        _ => error.code().and_then(wrong_group),
    };
    let text = match why {
        Some(why) => format!("the cluster did not do what it was asked: {why}"),
        None => "the cluster did not do what it was asked".to_owned(),
    };
    Error::with_source(kind, text, error)
}

/// The meaning of a code that tells who else uses the group.
fn wrong_group(code: i16) -> Option<&'static str> {
    match kafka_client::code_name(code).as_str() {
        "GROUP_ID_NOT_FOUND" | "INCONSISTENT_GROUP_PROTOCOL" => Some(
            "the group has no such member, or it is one of another protocol; all instances with one \
             application.id must have the same group.protocol, and a group changes it only without members",
        ),
        "STREAMS_INVALID_TOPOLOGY"
        | "STREAMS_INVALID_TOPOLOGY_EPOCH"
        | "STREAMS_TOPOLOGY_FENCED" => Some(
            "the group has another topology; give each topology an application.id of its own, or \
                 stop all instances before one with a changed topology starts",
        ),
        _ => None,
    }
}

/// Converts an error that a member tries to overcome in the background. There, a member id that the
/// group does not know any more is replaced by another: only a lost membership is `Fenced`.
pub(super) fn convert_passing(error: kafka_client::Error) -> Error {
    let error = convert(error);
    match error.kind() {
        ErrorKind::Fenced => {
            Error::with_source(ErrorKind::Unavailable, "the member joins under another name", error)
        }
        _ => error,
    }
}

/// Converts the error that ended a membership for good: a member that was replaced must not join
/// again.
pub(super) fn convert_final(error: kafka_client::Error) -> Error {
    let error = convert(error);
    let kind = match error.kind() {
        ErrorKind::Fenced | ErrorKind::Unavailable | ErrorKind::Timeout => ErrorKind::Fatal,
        kind => kind,
    };
    Error::with_source(kind, "this member can't belong to the group", error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_what_the_caller_must_do() {
        let error = kafka_client::Error::from_code(27, "OffsetCommit of group app", None);
        let error = convert(error);
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("REBALANCE_IN_PROGRESS"), "{error}");
        let error = kafka_client::Error::from_code(82, "JoinGroup of group app", None);
        assert_eq!(convert(error.clone()).kind(), ErrorKind::Fenced);
        assert_eq!(convert_final(error).kind(), ErrorKind::Fatal);
        let error = kafka_client::Error::from_code(25, "JoinGroup of group app", None);
        assert_eq!(convert_passing(error).kind(), ErrorKind::Unavailable);
    }

    #[test]
    fn a_refused_connection_says_what_to_check() {
        let error = kafka_client::Error::from_code(58, "SaslAuthenticate", None);
        let error = convert(error);
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(CHECK_SECURITY), "{error}");
    }

    /// An instance whose group speaks another protocol saw `GROUP_ID_NOT_FOUND (69)` and no
    /// setting.
    #[test]
    fn a_group_of_another_protocol_or_topology_names_the_setting() {
        for (code, setting) in
            [(69, "group.protocol"), (23, "group.protocol"), (130, "application.id of its own")]
        {
            let error = kafka_client::Error::from_code(code, "heartbeat of group app", None);
            let text = convert(error).to_string();
            assert!(text.contains(setting) && text.contains("application.id"), "{text}");
        }
        let other = kafka_client::Error::from_code(16, "heartbeat of group app", None);
        assert!(!convert(other).to_string().contains("application.id"));
    }
}
