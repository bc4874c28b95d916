//! Checks all settings, first each by itself and then together, and lists the problems.

use super::choice::{GroupProtocol, ProcessingGuarantee};
use super::client_keys::{
    self, ClientClass, EOS_TRANSACTION_TIMEOUT_MS, SESSION_TIMEOUT_MS, Target,
};
use super::entry::{DefaultValue, Scope};
use super::error::{ConfigProblem, ConfigProblemKind as ProblemKind};
use super::java_keys;
use super::kind::{Complaint, Kind};
use super::settings::{Settings, parse_number};
use super::suggest;
use super::table;
use super::unsupported;

/// The longest name, the longest value and the greatest number of client tags, as in Java; each
/// member sends its tags in every rebalance.
const TAG_KEY_LENGTH_MAX: usize = 20;
const TAG_VALUE_LENGTH_MAX: usize = 30;
const TAGS_MAX: usize = 5;

/// Every problem of the settings, in the order of their keys; problems of several keys come last.
pub(super) fn problems(settings: &Settings) -> Vec<ConfigProblem> {
    let mut problems = missing(settings);
    for (key, value) in settings.iter() {
        problems.extend(problem_of(settings, key, value));
    }
    let together = conflicts(settings, &problems);
    problems.extend(together);
    problems
}

/// Warnings about settings that work.
pub(super) fn warnings(settings: &Settings) -> Vec<String> {
    let mut warnings = Vec::new();
    for entry in table::all() {
        let key = entry.key;
        for old in entry.old_names.iter().filter(|old| settings.get(old).is_some()) {
            warnings.push(if settings.get(key).is_some() {
                format!("`{old}` is ignored since its new name `{key}` is set too")
            } else {
                format!("`{old}` is deprecated, use its new name `{key}`")
            });
        }
    }
    warnings
}

fn missing(settings: &Settings) -> Vec<ConfigProblem> {
    table::all()
        .filter(|entry| entry.default == DefaultValue::Required)
        .filter(|entry| settings.get(entry.key).is_none_or(str::is_empty))
        .map(|entry| {
            ConfigProblem::new(
                ProblemKind::Missing,
                entry.key,
                settings.get(entry.key),
                "it is required",
                format!("set it: {}", entry.kind.describe()),
            )
        })
        .collect()
}

fn problem_of(settings: &Settings, key: &str, value: &str) -> Option<ConfigProblem> {
    if let Some(entry) = table::by_any_name(key) {
        // An empty value of a required key is reported as missing; an empty value of an optional
        // key unsets it.
        if value.is_empty() && matches!(entry.default, DefaultValue::Required | DefaultValue::Null)
        {
            return None;
        }
        return match entry.scope {
            Scope::Streams => checked(entry.kind, key, value),
            // The narrowest kind among those of the clients, then the kind in the table.
            Scope::Clients => {
                client_value_problem(settings, &ClientClass::ALL, key, ("", key), value)
                    .or_else(|| checked(entry.kind, key, value))
            }
        };
    }
    if let Some(entry) = unsupported::by_key(key) {
        let accepted = entry.accepts.contains(&value);
        return (!accepted).then(|| {
            let kind = ProblemKind::Unsupported;
            ConfigProblem::new(kind, key, Some(value), entry.why, entry.instead)
        });
    }
    match client_keys::split_prefix(key) {
        Some((prefix, Target::Client(class), rest)) => {
            client_problem(settings, class, key, (prefix, rest), value)
        }
        Some((_, Target::Topic, rest)) => topic_problem(key, rest, value),
        Some((_, Target::Tag, rest)) => tag_problem(key, rest, value),
        None if client_keys::is_client_key(key) => {
            client_value_problem(settings, &ClientClass::ALL, key, ("", key), value)
        }
        None => Some(unknown(key, value, suggestion(key))),
    }
}

fn checked(kind: Kind, key: &str, value: &str) -> Option<ConfigProblem> {
    let Complaint { wrong, advice } = kind.check(value).err()?;
    Some(ConfigProblem::new(ProblemKind::InvalidValue, key, Some(value), wrong, advice))
}

fn unknown(key: &str, value: &str, near: Option<String>) -> ConfigProblem {
    let advice = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "the keys are listed in docs/SETTINGS.md and by \
                 `StreamsConfig::documentation()`"
            .to_owned(),
    };
    let wrong = format!("unknown configuration key `{}`", key.escape_debug());
    ConfigProblem::new(ProblemKind::UnknownKey, key, Some(value), wrong, advice)
}

/// The key that was meant by an unknown one: nearly the same key, or nearly the same prefix.
fn suggestion(key: &str) -> Option<String> {
    let streams = table::all().map(|entry| entry.key);
    let java = unsupported::ALL.iter().map(|entry| entry.key);
    if let Some(near) = suggest::nearest(key, streams.chain(java).chain(client_keys::all())) {
        return Some(near.to_owned());
    }
    client_keys::PREFIXES.iter().find_map(|(prefix, target)| {
        let length = prefix.matches('.').count();
        let end = key.match_indices('.').nth(length - 1).map(|(at, _)| at + 1)?;
        let (start, rest) = key.split_at_checked(end)?;
        suggest::typo_of(start, [*prefix])?;
        let known: Vec<&str> = match target {
            Target::Client(class) => class.keys().collect(),
            Target::Topic => java_keys::TOPIC.to_vec(),
            Target::Tag => vec![rest],
        };
        let near = suggest::nearest(rest, known)?;
        Some(format!("{prefix}{near}"))
    })
}

/// Checks a key for the clients, which must be one that they know.
fn client_problem(
    settings: &Settings,
    class: ClientClass,
    key: &str,
    (prefix, rest): (&str, &str),
    value: &str,
) -> Option<ConfigProblem> {
    if rest.is_empty() {
        return Some(unknown(key, value, None));
    }
    if class.knows(rest) {
        return client_value_problem(settings, &[class], key, (prefix, rest), value);
    }
    if table::by_any_name(rest).is_some() {
        return Some(ConfigProblem::new(
            ProblemKind::UnknownKey,
            key,
            Some(value),
            format!("unknown configuration key `{key}`"),
            format!("`{rest}` is a setting of Kafka Streams, set it without `{prefix}`"),
        ));
    }
    if let Some(near) = suggest::typo_of(rest, class.keys()) {
        return Some(unknown(key, value, Some(format!("{prefix}{near}"))));
    }
    let near = suggest::typo_of(rest, table::all().map(|entry| entry.key)).map(str::to_owned);
    let near =
        near.or_else(|| suggest::nearest(rest, class.keys()).map(|near| format!("{prefix}{near}")));
    Some(match near {
        Some(near) => unknown(key, value, Some(near)),
        None => ConfigProblem::new(
            ProblemKind::UnknownKey,
            key,
            Some(value),
            format!("unknown configuration key `{}`", key.escape_debug()),
            format!(
                "`{}` is a setting neither of Java's {class} nor of librdkafka's; remove it",
                rest.escape_debug()
            ),
        ),
    })
}

/// Checks a value for the clients of `classes`: the problem if Kafka Streams decides the setting
/// itself, or if one of them does not take the value.
fn client_value_problem(
    settings: &Settings,
    classes: &[ClientClass],
    key: &str,
    (prefix, rest): (&str, &str),
    value: &str,
) -> Option<ConfigProblem> {
    if let Some(controlled) = client_keys::controlled(settings, prefix, rest) {
        let is_all = matches!(rest, "acks" | "request.required.acks") && value == "-1";
        if controlled.value == Some(value) || is_all {
            return None;
        }
        let advice = match controlled.value {
            Some(fixed) => format!("remove it, it is always `{fixed}`"),
            None => "remove it".to_owned(),
        };
        let wrong = format!("Kafka Streams decides it: {}", controlled.why);
        return Some(ConfigProblem::new(ProblemKind::Unsupported, key, Some(value), wrong, advice));
    }
    let knowing = classes.iter().filter(|class| class.knows(rest));
    knowing.into_iter().find_map(|class| {
        let kind = table::by_key(rest).filter(|entry| entry.scope == Scope::Clients);
        let kind = client_keys::kind_of(*class, rest).or(kind.map(|entry| entry.kind))?;
        checked(kind, key, value)
    })
}

fn topic_problem(key: &str, rest: &str, value: &str) -> Option<ConfigProblem> {
    if rest.is_empty() {
        return Some(unknown(key, value, None));
    }
    if java_keys::TOPIC.contains(&rest) {
        return None;
    }
    let near = suggest::typo_of(rest, java_keys::TOPIC.iter().copied())?;
    Some(unknown(key, value, Some(format!("topic.{near}"))))
}

fn tag_problem(key: &str, tag: &str, value: &str) -> Option<ConfigProblem> {
    let invalid = |wrong: String, advice: String| {
        Some(ConfigProblem::new(ProblemKind::InvalidValue, key, Some(value), wrong, advice))
    };
    let (tag_length, value_length) = (tag.chars().count(), value.chars().count());
    if tag.is_empty() {
        return invalid("the tag has no name".into(), "name it, as in `client.tag.zone`".into());
    }
    if tag_length > TAG_KEY_LENGTH_MAX {
        return invalid(
            format!("the tag's name has {tag_length} letters"),
            format!("use at most {TAG_KEY_LENGTH_MAX}"),
        );
    }
    if value_length > TAG_VALUE_LENGTH_MAX {
        return invalid(
            format!("the tag's value has {value_length} letters"),
            format!("use at most {TAG_VALUE_LENGTH_MAX}"),
        );
    }
    None
}

/// Conflicts between values that are fine by themselves. Values that are not have been reported.
fn conflicts(settings: &Settings, reported: &[ConfigProblem]) -> Vec<ConfigProblem> {
    let fine = |key: &str| {
        let names = table::by_key(key).map_or(&[] as &[&str], |entry| entry.old_names);
        !reported.iter().any(|problem| {
            let name = problem.key();
            name == key
                || names.contains(&name)
                || name.ends_with(&format!("consumer.{key}"))
                || name.strip_prefix("producer.") == Some(key)
        })
    };
    let mut conflicts = Vec::new();
    if fine("statestore.cache.max.bytes") && fine("state.memory.max.bytes") {
        conflicts.extend(cache_conflict(settings));
    }
    let has_times = fine("commit.interval.ms") && fine("transaction.timeout.ms");
    if fine("processing.guarantee") && has_times {
        conflicts.extend(transaction_conflict(settings));
    }
    if fine("max.in.flight.requests.per.connection") {
        conflicts.extend(in_flight_conflict(settings));
    }
    if fine("group.protocol") {
        conflicts.extend(static_member_conflict(settings));
    }
    if fine("session.timeout.ms") && fine("heartbeat.interval.ms") {
        conflicts.extend(heartbeat_conflict(settings));
    }
    conflicts.extend(tag_conflicts(settings));
    conflicts
}

fn conflict(key: &str, value: &str, wrong: String, advice: String) -> ConfigProblem {
    ConfigProblem::new(ProblemKind::Conflict, key, Some(value), wrong, advice)
}

fn is_exactly_once(settings: &Settings) -> bool {
    settings.choice::<ProcessingGuarantee>("processing.guarantee")
        == ProcessingGuarantee::ExactlyOnceV2
}

/// The overlays are part of the budget, so they must fit in it.
fn cache_conflict(settings: &Settings) -> Option<ConfigProblem> {
    let cache = settings.number("statestore.cache.max.bytes");
    let memory = settings.number("state.memory.max.bytes");
    (cache > memory).then(|| {
        conflict(
            "statestore.cache.max.bytes",
            &cache.to_string(),
            format!("it is a share of `state.memory.max.bytes`, which is {memory}"),
            "lower it or raise `state.memory.max.bytes`".into(),
        )
    })
}

/// A transaction that is open for a whole commit interval must not time out before its end.
fn transaction_conflict(settings: &Settings) -> Option<ConfigProblem> {
    let interval = settings.explicit("commit.interval.ms").filter(|_| is_exactly_once(settings))?;
    let timeout = settings
        .producer("transaction.timeout.ms")
        .map_or(EOS_TRANSACTION_TIMEOUT_MS, |(_, value)| parse_number(Some(value)));
    (parse_number(Some(interval)) > timeout).then(|| {
        conflict(
            "commit.interval.ms",
            interval,
            format!("transactions would time out before it, after {timeout} ms"),
            "lower it or raise `producer.transaction.timeout.ms`".into(),
        )
    })
}

/// An idempotent producer keeps its order only over five requests.
fn in_flight_conflict(settings: &Settings) -> Option<ConfigProblem> {
    let (key, requests) = settings.producer("max.in.flight.requests.per.connection")?;
    (!(1..=5).contains(&parse_number(Some(requests)))).then(|| {
        conflict(
            &key,
            requests,
            "the idempotent producer keeps the order of at most 5 requests".into(),
            "give 1 to 5 or remove it".into(),
        )
    })
}

/// A broker that assigns the tasks itself answers a static member with `INVALID_REQUEST`
/// (KIP-1071).
fn static_member_conflict(settings: &Settings) -> Option<ConfigProblem> {
    let protocol: GroupProtocol = settings.choice("group.protocol");
    let (key, id) = settings.main_consumer("group.instance.id")?;
    (protocol == GroupProtocol::Streams && !id.is_empty()).then(|| {
        conflict(
            &key,
            id,
            "with `group.protocol` = `streams` there are no static members, which brokers before \
             Kafka 4.4 refuse"
                .into(),
            "remove it, or set `group.protocol` to `classic`".into(),
        )
    })
}

fn heartbeat_conflict(settings: &Settings) -> Option<ConfigProblem> {
    let (key, heartbeat) = settings.main_consumer("heartbeat.interval.ms")?;
    let session = settings
        .main_consumer("session.timeout.ms")
        .map_or(SESSION_TIMEOUT_MS, |(_, value)| parse_number(Some(value)));
    (parse_number(Some(heartbeat)) >= session).then(|| {
        conflict(
            &key,
            heartbeat,
            format!("it is not below `session.timeout.ms`, which is {session}"),
            "lower it, best to a third of the session timeout".into(),
        )
    })
}

fn tag_conflicts(settings: &Settings) -> Vec<ConfigProblem> {
    const KEY: &str = "rack.aware.assignment.tags";
    let mut conflicts = Vec::new();
    for tag in settings.list(KEY) {
        if settings.get(&format!("client.tag.{tag}")).is_none() {
            conflicts.push(conflict(
                KEY,
                &settings.text(KEY),
                format!("this instance has no tag `{tag}`"),
                format!("set `client.tag.{tag}`"),
            ));
        }
    }
    let count = settings.with_prefix("client.tag.").count();
    if count > TAGS_MAX {
        conflicts.push(conflict(
            "client.tag.",
            &count.to_string(),
            format!("there are {count} client tags"),
            format!("set at most {TAGS_MAX}"),
        ));
    }
    conflicts
}

/// Returns whether a key without prefix goes to the clients that know it.
pub(super) fn passes_to(class: ClientClass, key: &str) -> bool {
    match table::by_any_name(key) {
        Some(entry) => entry.scope == Scope::Clients,
        None => unsupported::by_key(key).is_none() && class.knows(key),
    }
}
