//! Kinds of values: one check per kind, which names the fault and the remedy.

use super::suggest;

/// Unit of a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// A plain count.
    Plain,
    /// Milliseconds.
    Millis,
    /// Bytes.
    Bytes,
}

/// The kind of a key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text, including none.
    Text,
    /// A name that may be part of the names of topics.
    TopicName,
    /// Broker addresses separated by commas.
    Servers,
    /// An address, or nothing.
    Endpoint,
    /// An address to listen at, whose port may be 0; or nothing.
    Listen,
    /// A directory.
    Path,
    /// `true` or `false`.
    Bool,
    /// A whole number from `min` to `max`, both included.
    Number { min: i64, max: i64, unit: Unit },
    /// -1 for the broker's default, or a number of replicas.
    ReplicationFactor,
    /// One of some names. `refused` holds names that Java takes or took, each with its remedy.
    OneOf { names: &'static [&'static str], refused: &'static [(&'static str, &'static str)] },
    /// A built-in component that Java names by its class; `own` tells how to use another one.
    Class { package: &'static str, names: &'static [&'static str], own: &'static str },
    /// Some of `names` separated by commas, or one of `alone` by itself.
    Set { names: &'static [&'static str], alone: &'static [&'static str] },
    /// At most `max` names of client tags separated by commas.
    Tags { max: usize },
}

/// Reason why a value does not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) wrong: String,
    pub(super) advice: String,
}

impl Complaint {
    fn new<T>(wrong: impl Into<String>, advice: impl Into<String>) -> Result<T, Self> {
        Err(Self { wrong: wrong.into(), advice: advice.into() })
    }
}

impl Kind {
    /// A count, in the range of Java's `int`.
    pub(super) const fn int_from(min: i64) -> Self {
        Self::Number { min, max: i32::MAX as i64, unit: Unit::Plain }
    }

    /// A count, in the range of Java's `long`.
    pub(super) const fn long_from(min: i64) -> Self {
        Self::Number { min, max: i64::MAX, unit: Unit::Plain }
    }

    /// A duration, in the range of Java's `long`.
    pub(super) const fn millis_from(min: i64) -> Self {
        Self::Number { min, max: i64::MAX, unit: Unit::Millis }
    }

    /// A duration, in the range of Java's `int`.
    pub(super) const fn int_millis_from(min: i64) -> Self {
        Self::Number { min, max: i32::MAX as i64, unit: Unit::Millis }
    }

    /// A size in memory.
    pub(super) const fn bytes_from(min: i64) -> Self {
        Self::Number { min, max: i64::MAX, unit: Unit::Bytes }
    }

    /// Checks that this kind takes `value`.
    pub(super) fn check(&self, value: &str) -> Result<(), Complaint> {
        match *self {
            Self::TopicName => check_topic_name(value),
            Self::Servers => check_servers(value),
            Self::Endpoint | Self::Listen if value.is_empty() => Ok(()),
            Self::Endpoint => check_address(value),
            Self::Listen => check_host_and_port(value, 0),
            Self::Path if value.is_empty() => {
                Complaint::new("it is empty", "name a directory that this process may write to")
            }
            Self::Text | Self::Path => Ok(()),
            Self::Bool => check_bool(value),
            Self::Number { min, max, unit } => check_number(value, min, max, unit),
            Self::ReplicationFactor => check_replication_factor(value),
            Self::OneOf { names, refused } => check_one_of(value, names, refused),
            Self::Class { package, names, own } => check_class(value, package, names, own),
            Self::Set { names, alone } => check_set(value, names, alone),
            Self::Tags { max } => check_tags(value, max),
        }
    }

    /// Describes the values that this kind takes, as Markdown.
    pub(super) fn describe(&self) -> String {
        match *self {
            Self::Text => "text".into(),
            Self::TopicName => "letters, digits, `.`, `_` and `-`".into(),
            Self::Servers => "`host:port`, separated by commas".into(),
            Self::Endpoint | Self::Listen => "`host:port`".into(),
            Self::Path => "directory".into(),
            Self::Bool => "`true`, `false`".into(),
            Self::Number { min, max, unit } => describe_range(min, max, unit),
            Self::ReplicationFactor => "-1, or 1 to 32767".into(),
            Self::OneOf { names, .. } | Self::Class { names, .. } => quoted(names),
            Self::Set { names, alone } => {
                format!("{}, or some of {}", quoted(alone), quoted(names))
            }
            Self::Tags { max } => format!("at most {max} names, separated by commas"),
        }
    }
}

/// Items of a comma-separated list, without empty ones.
pub(super) fn split_list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn describe_range(min: i64, max: i64, unit: Unit) -> String {
    let unit = match unit {
        Unit::Plain => "",
        Unit::Millis => " ms",
        Unit::Bytes => " bytes",
    };
    if max >= i64::from(i32::MAX) {
        format!("{min}{unit} or more")
    } else {
        format!("{min} to {max}{unit}")
    }
}

fn check_bool(value: &str) -> Result<(), Complaint> {
    if value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false") {
        return Ok(());
    }
    Complaint::new("it is neither `true` nor `false`", "give one of the two")
}

fn check_number(value: &str, min: i64, max: i64, unit: Unit) -> Result<(), Complaint> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};

    let range = describe_range(min, max, unit);
    let number = match value.parse::<i64>() {
        Ok(number) => number,
        Err(error) if matches!(error.kind(), NegOverflow | PosOverflow) => {
            return Complaint::new("it does not fit in 64 bits", format!("give {range}"));
        }
        Err(_) => {
            let hint = match unit {
                Unit::Plain => "",
                Unit::Millis => ", in milliseconds and without a unit",
                Unit::Bytes => ", in bytes and without a unit",
            };
            return Complaint::new("it is not a whole number", format!("give {range}{hint}"));
        }
    };
    if number < min {
        return Complaint::new(format!("it is below {min}"), format!("give {range}"));
    }
    if number > max {
        return Complaint::new(format!("it is above {max}"), format!("give at most {max}"));
    }
    Ok(())
}

fn check_replication_factor(value: &str) -> Result<(), Complaint> {
    match value.parse::<i16>() {
        Ok(number) if number == -1 || number >= 1 => Ok(()),
        _ => Complaint::new(
            "it is no replication factor",
            "give -1 for the broker's default, or 1 to 32767",
        ),
    }
}

/// The broker's rule for names of topics. An application id must follow it too, since the names of
/// the internal topics begin with it.
fn check_topic_name(value: &str) -> Result<(), Complaint> {
    const PERMITTED: &str = "use letters, digits, `.`, `_` and `-`";
    const LENGTH_MAX: usize = 249;

    if value.is_empty() {
        return Complaint::new("it is empty", PERMITTED);
    }
    if value == "." || value == ".." {
        return Complaint::new("it stands for a directory", "choose a longer name");
    }
    let strange = value.chars().find(|&letter| {
        !letter.is_ascii_alphanumeric() && letter != '.' && letter != '_' && letter != '-'
    });
    if let Some(letter) = strange {
        return Complaint::new(
            format!("`{}` is not permitted in names of topics", letter.escape_debug()),
            PERMITTED,
        );
    }
    if value.len() > LENGTH_MAX {
        return Complaint::new(
            format!("it has {} letters, and names of topics at most {LENGTH_MAX}", value.len()),
            "choose a shorter name",
        );
    }
    Ok(())
}

fn check_servers(value: &str) -> Result<(), Complaint> {
    if split_list(value).next().is_none() {
        return Complaint::new("it is empty", "give at least one `host:port`");
    }
    split_list(value).try_for_each(check_address)
}

/// Checks `host:port` or `[::1]:port`, each with an optional `protocol://` in front, as Java's
/// clients read it.
fn check_address(address: &str) -> Result<(), Complaint> {
    let bare = address.split_once("://").map_or(address, |(_, rest)| rest);
    check_host_and_port(bare, 1)
}

fn check_host_and_port(address: &str, port_min: u16) -> Result<(), Complaint> {
    const FORM: &str = "write `host:port`, for example `localhost:9092`";

    let Some((host, port)) = address.rsplit_once(':') else {
        return Complaint::new(format!("`{address}` has no port"), FORM);
    };
    if !port.parse::<u16>().is_ok_and(|port| port >= port_min) {
        return Complaint::new(format!("`{port}` is no port from {port_min} to 65535"), FORM);
    }
    let in_brackets = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let plain = in_brackets.unwrap_or(host);
    let permitted = |letter: char| {
        letter.is_ascii_alphanumeric()
            || matches!(letter, '-' | '.' | '_' | '%')
            || (letter == ':' && in_brackets.is_some())
    };
    if plain.is_empty() || !plain.chars().all(permitted) {
        return Complaint::new(format!("`{address}` has no host name"), FORM);
    }
    Ok(())
}

fn check_one_of(
    value: &str,
    names: &[&'static str],
    refused: &[(&str, &str)],
) -> Result<(), Complaint> {
    if names.contains(&value) {
        return Ok(());
    }
    if let Some((_, why)) = refused.iter().find(|(name, _)| *name == value) {
        return Complaint::new("it is not supported", *why);
    }
    Complaint::new("it is not one of the permitted values", one_of(value, names))
}

fn check_class(
    value: &str,
    package: &str,
    names: &[&'static str],
    own: &str,
) -> Result<(), Complaint> {
    if names.contains(&value.strip_prefix(package).unwrap_or(value)) {
        return Ok(());
    }
    let class = value.rsplit(['.', '$']).next().unwrap_or(value);
    let advice = match suggest::nearest(class, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {own}"),
        None => format!("use {}, or: {own}", quoted(names)),
    };
    Complaint::new("it is not one of the built-in classes", advice)
}

fn check_set(
    value: &str,
    names: &'static [&'static str],
    alone: &'static [&'static str],
) -> Result<(), Complaint> {
    let items: Vec<&str> = split_list(value).collect();
    if let [only] = items.as_slice()
        && alone.contains(only)
    {
        return Ok(());
    }
    if items.is_empty() {
        return Complaint::new("it is empty", format!("use {}", quoted(alone)));
    }
    for item in items {
        if alone.contains(&item) {
            return Complaint::new(
                format!("`{item}` cannot be combined with other values"),
                format!("use it alone, or some of {}", quoted(names)),
            );
        }
        if !names.contains(&item) {
            let all: Vec<&str> = alone.iter().chain(names).copied().collect();
            return Complaint::new(
                format!("`{item}` is not one of the permitted values"),
                one_of(item, &all),
            );
        }
    }
    Ok(())
}

fn check_tags(value: &str, max: usize) -> Result<(), Complaint> {
    let count = split_list(value).count();
    if count > max {
        return Complaint::new(format!("it names {count} tags"), format!("name at most {max}"));
    }
    Ok(())
}

/// The advice for a value that is none of some names: the nearest name, or all of them.
fn one_of(value: &str, names: &[&str]) -> String {
    match suggest::nearest(value, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? the values are {}", quoted(names)),
        None => format!("use one of {}", quoted(names)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(kind: Kind, value: &str) -> String {
        kind.check(value).expect_err("the value should not pass").wrong
    }

    fn advice(kind: Kind, value: &str) -> String {
        kind.check(value).expect_err("the value should not pass").advice
    }

    #[test]
    fn numbers_pass_from_the_least_to_the_greatest() {
        let kind = Kind::Number { min: -1, max: 3, unit: Unit::Plain };
        for value in ["-1", "0", "3", "+2"] {
            assert_eq!(kind.check(value), Ok(()), "{value}");
        }
        assert_eq!(wrong(kind, "-2"), "it is below -1");
        assert_eq!(wrong(kind, "4"), "it is above 3");
    }

    #[test]
    fn malformed_numbers_are_told_from_too_large_ones() {
        let kind = Kind::millis_from(0);
        assert_eq!(wrong(kind, "30s"), "it is not a whole number");
        assert_eq!(advice(kind, "30s"), "give 0 ms or more, in milliseconds and without a unit");
        assert_eq!(wrong(kind, ""), "it is not a whole number");
        assert_eq!(wrong(kind, "1.5"), "it is not a whole number");
        assert_eq!(wrong(kind, "9223372036854775808"), "it does not fit in 64 bits");
        assert_eq!(kind.check("9223372036854775807"), Ok(()));
    }

    #[test]
    fn java_int_settings_end_where_int_ends() {
        assert_eq!(Kind::int_from(0).check("2147483647"), Ok(()));
        assert_eq!(wrong(Kind::int_from(0), "2147483648"), "it is above 2147483647");
    }

    #[test]
    fn topic_names_follow_the_rule_of_the_broker() {
        for value in ["orders-app", "a", "A.b_c-9", &"x".repeat(249)] {
            assert_eq!(Kind::TopicName.check(value), Ok(()), "{value}");
        }
        assert_eq!(wrong(Kind::TopicName, "orders app"), "` ` is not permitted in names of topics");
        assert_eq!(wrong(Kind::TopicName, "größe"), "`ö` is not permitted in names of topics");
        assert_eq!(wrong(Kind::TopicName, ""), "it is empty");
        assert_eq!(wrong(Kind::TopicName, ".."), "it stands for a directory");
        assert!(wrong(Kind::TopicName, &"x".repeat(250)).contains("at most 249"));
    }

    #[test]
    fn broker_addresses_need_a_host_and_a_port() {
        for value in
            ["localhost:9092", "a:1, b:65535", "[::1]:9092", "SASL_SSL://kafka.example.com:9093"]
        {
            assert_eq!(Kind::Servers.check(value), Ok(()), "{value}");
        }
        assert_eq!(wrong(Kind::Servers, "localhost"), "`localhost` has no port");
        assert_eq!(wrong(Kind::Servers, "a:1,b:0"), "`0` is no port from 1 to 65535");
        assert_eq!(wrong(Kind::Servers, "a:65536"), "`65536` is no port from 1 to 65535");
        assert_eq!(wrong(Kind::Servers, ":9092"), "`:9092` has no host name");
        assert_eq!(wrong(Kind::Servers, "::1:9092"), "`::1:9092` has no host name");
        assert_eq!(wrong(Kind::Servers, " , "), "it is empty");
    }

    #[test]
    fn an_address_to_listen_at_may_leave_the_port_to_the_system() {
        for value in ["", "127.0.0.1:0", "[::]:9404", "metrics.local:65535"] {
            assert_eq!(Kind::Listen.check(value), Ok(()), "{value}");
        }
        assert_eq!(wrong(Kind::Listen, "9404"), "`9404` has no port");
        assert_eq!(wrong(Kind::Listen, "host:70000"), "`70000` is no port from 0 to 65535");
        assert_eq!(wrong(Kind::Listen, "http://host:80"), "`http://host:80` has no host name");
    }

    #[test]
    fn booleans_are_read_as_java_reads_them() {
        for value in ["true", "FALSE", "True"] {
            assert_eq!(Kind::Bool.check(value), Ok(()), "{value}");
        }
        assert_eq!(wrong(Kind::Bool, "yes"), "it is neither `true` nor `false`");
    }

    #[test]
    fn a_replication_factor_is_minus_one_or_positive() {
        for value in ["-1", "1", "32767"] {
            assert_eq!(Kind::ReplicationFactor.check(value), Ok(()), "{value}");
        }
        for value in ["0", "-2", "32768", "three"] {
            assert_eq!(wrong(Kind::ReplicationFactor, value), "it is no replication factor");
        }
    }

    #[test]
    fn a_name_that_is_nearly_right_gets_a_suggestion() {
        let kind = Kind::OneOf { names: &["at_least_once", "exactly_once_v2"], refused: &[] };
        assert!(advice(kind, "at-least-once").starts_with("did you mean `at_least_once`?"));
        assert_eq!(advice(kind, "twice"), "use one of `at_least_once`, `exactly_once_v2`");
    }

    #[test]
    fn classes_pass_by_their_short_and_their_full_name() {
        let kind = Kind::Class { package: "org.a.", names: &["LogAndFail"], own: "do it in code" };
        assert_eq!(kind.check("LogAndFail"), Ok(()));
        assert_eq!(kind.check("org.a.LogAndFail"), Ok(()));
        assert_eq!(advice(kind, "LogAndFial"), "did you mean `LogAndFail`? do it in code");
        assert_eq!(advice(kind, "com.x.Mine"), "use `LogAndFail`, or: do it in code");
    }

    #[test]
    fn a_set_is_a_list_of_names_or_one_word_alone() {
        let kind = Kind::Set { names: &["merge", "reuse"], alone: &["none", "all"] };
        for value in ["none", "all", "merge", "merge, reuse"] {
            assert_eq!(kind.check(value), Ok(()), "{value}");
        }
        assert_eq!(wrong(kind, "all,merge"), "`all` cannot be combined with other values");
        assert_eq!(wrong(kind, "merge,reus"), "`reus` is not one of the permitted values");
        assert_eq!(wrong(kind, ""), "it is empty");
    }
}
