//! The keys of the Kafka clients: the client that each prefix leads to, the keys that each client
//! knows, and the keys that Kafka Streams decides itself.
//!
//! A key that no list has is refused here and nowhere else, so the clients take every key that
//! passes. The lists are Java's keys and librdkafka's; the latter also hold the values that it
//! takes.

use std::fmt;

use super::choice::{AutoOffsetReset, Choice as _, ProcessingGuarantee};
use super::java_keys::{ADMIN, COMMON, CONSUMER, PRODUCER};
use super::kind::{Kind, Unit};
use super::librdkafka_keys;
use super::settings::Settings;

/// The consumer's session timeout unless one is set.
pub(super) const SESSION_TIMEOUT_MS: i64 = 45_000;
/// The transaction timeout with exactly-once unless one is set.
pub(super) const EOS_TRANSACTION_TIMEOUT_MS: i64 = 10_000;

/// A client that Kafka Streams makes, for [`ValidConfig::client_overrides`].
///
/// [`ValidConfig::client_overrides`]: super::ValidConfig::client_overrides
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientRole {
    /// The consumer of a stream thread: `consumer.`, then `main.consumer.`.
    MainConsumer,
    /// The consumer of changelogs: `consumer.`, then `restore.consumer.`.
    RestoreConsumer,
    /// The consumer of global tables: `consumer.`, then `global.consumer.`.
    GlobalConsumer,
    /// The producer of a stream thread: `producer.`.
    Producer,
    /// The admin client: `admin.`.
    Admin,
}

impl ClientRole {
    /// The prefixes that lead to this client; a later one wins.
    pub(super) const fn prefixes(self) -> &'static [&'static str] {
        match self {
            Self::MainConsumer => &["consumer.", "main.consumer."],
            Self::RestoreConsumer => &["consumer.", "restore.consumer."],
            Self::GlobalConsumer => &["consumer.", "global.consumer."],
            Self::Producer => &["producer."],
            Self::Admin => &["admin."],
        }
    }

    /// The keys that this client knows.
    #[cfg(all(test, feature = "rdkafka"))]
    pub(crate) fn keys(self) -> impl Iterator<Item = &'static str> {
        self.class().keys()
    }

    pub(super) const fn class(self) -> ClientClass {
        match self {
            Self::MainConsumer | Self::RestoreConsumer | Self::GlobalConsumer => {
                ClientClass::Consumer
            }
            Self::Producer => ClientClass::Producer,
            Self::Admin => ClientClass::Admin,
        }
    }
}

/// A kind of client; it decides which keys are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientClass {
    Consumer,
    Producer,
    Admin,
}

impl ClientClass {
    pub(super) const ALL: [Self; 3] = [Self::Consumer, Self::Producer, Self::Admin];

    /// The keys that this kind of client knows.
    pub(super) fn keys(self) -> impl Iterator<Item = &'static str> {
        let own = match self {
            Self::Consumer => CONSUMER,
            Self::Producer => PRODUCER,
            Self::Admin => ADMIN,
        };
        own.iter().chain(COMMON).copied().chain(self.librdkafka().map(|(key, _)| *key))
    }

    /// The keys of librdkafka, with the values that it takes.
    fn librdkafka(self) -> impl Iterator<Item = &'static (&'static str, Kind)> {
        let own: &[_] = match self {
            Self::Consumer => librdkafka_keys::CONSUMER,
            Self::Producer => librdkafka_keys::PRODUCER,
            Self::Admin => &[],
        };
        own.iter().chain(librdkafka_keys::BOTH)
    }

    pub(super) fn knows(self, key: &str) -> bool {
        key.starts_with("ssl.") || key.starts_with("sasl.") || self.keys().any(|known| known == key)
    }
}

impl fmt::Display for ClientClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Consumer => "consumer",
            Self::Producer => "producer",
            Self::Admin => "admin client",
        })
    }
}

/// The target of a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// A client of that kind.
    Client(ClientClass),
    /// The internal topics.
    Topic,
    /// The client tags of this instance.
    Tag,
}

/// All prefixes, each with its full stop.
pub(super) const PREFIXES: &[(&str, Target)] = &[
    ("consumer.", Target::Client(ClientClass::Consumer)),
    ("main.consumer.", Target::Client(ClientClass::Consumer)),
    ("restore.consumer.", Target::Client(ClientClass::Consumer)),
    ("global.consumer.", Target::Client(ClientClass::Consumer)),
    ("producer.", Target::Client(ClientClass::Producer)),
    ("admin.", Target::Client(ClientClass::Admin)),
    ("topic.", Target::Topic),
    ("client.tag.", Target::Tag),
];

/// Splits a key with a known prefix into prefix, its target, and the rest.
pub(super) fn split_prefix(key: &str) -> Option<(&'static str, Target, &str)> {
    // librdkafka has keys of its own that begin like those of the internal topics.
    if librdkafka_keys::BOTH.iter().any(|(own, _)| *own == key) {
        return None;
    }
    PREFIXES.iter().find_map(|(prefix, target)| Some((*prefix, *target, key.strip_prefix(prefix)?)))
}

/// Returns whether any client knows the key.
pub(super) fn is_client_key(key: &str) -> bool {
    ClientClass::ALL.into_iter().any(|class| class.knows(key))
}

/// All keys of all clients; some come more than once.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    ClientClass::ALL.into_iter().flat_map(ClientClass::keys)
}

/// The values that a client takes for a key, where known: those of the keys that Kafka Streams
/// reads as well, of Java's keys in translation, and of librdkafka's own keys.
pub(super) fn kind_of(class: ClientClass, key: &str) -> Option<Kind> {
    const SOCKET_TIMEOUT: Kind = Kind::Number { min: 10, max: 300_000, unit: Unit::Millis };
    const LEVEL: Kind = Kind::Number { min: -1, max: 12, unit: Unit::Plain };

    match (key, class) {
        (
            "session.timeout.ms" | "heartbeat.interval.ms" | "max.poll.interval.ms",
            ClientClass::Consumer,
        )
        | ("max.block.ms" | "transaction.timeout.ms", ClientClass::Producer)
        | ("request.timeout.ms", ClientClass::Admin) => Some(Kind::int_millis_from(1)),
        ("max.poll.records", ClientClass::Consumer) => Some(Kind::int_from(1)),
        ("auto.offset.reset", ClientClass::Consumer) => Some(Kind::OneOf {
            names: AutoOffsetReset::NAMES,
            refused: &[
                ("smallest", "it was renamed; use `earliest`"),
                ("largest", "it was renamed; use `latest`"),
            ],
        }),
        ("buffer.memory", ClientClass::Producer) => {
            // librdkafka counts in KiB, as an `int`.
            Some(Kind::Number { min: 0, max: 2_199_023_254_528, unit: Unit::Bytes })
        }
        (
            "compression.gzip.level" | "compression.lz4.level" | "compression.zstd.level",
            ClientClass::Producer,
        ) => Some(LEVEL),
        ("max.request.size", ClientClass::Producer) => {
            Some(Kind::Number { min: 1_000, max: 1_000_000_000, unit: Unit::Bytes })
        }
        ("request.timeout.ms", ClientClass::Consumer | ClientClass::Producer) => {
            Some(SOCKET_TIMEOUT)
        }
        ("fetch.max.wait.ms", ClientClass::Consumer) => {
            Some(Kind::Number { min: 0, max: 300_000, unit: Unit::Millis })
        }
        _ => class.librdkafka().find_map(|(known, kind)| (*known == key).then_some(*kind)),
    }
}

/// A client setting that Kafka Streams decides itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Controlled {
    /// The value that is used, or `None` where no text can express it.
    pub(super) value: Option<&'static str>,
    pub(super) why: &'static str,
}

/// Returns the setting if Kafka Streams decides it for the client behind `prefix` (empty for a key
/// without one, which goes to every client that knows it). Java warns and overrides; here it is an
/// error, since a setting without effect misleads.
pub(super) fn controlled(settings: &Settings, prefix: &str, key: &str) -> Option<Controlled> {
    const CODE: &str = "keys and values reach the clients as bytes";
    const WHOLE: &str = "changelogs must be whole and in order, so the producer is always \
                         idempotent and waits for all replicas";
    const GROUP: &str = "the stream threads' group and its assignment are Kafka Streams' own";

    let class = match split_prefix(prefix) {
        Some((_, Target::Client(class), _)) => Some(class),
        Some(_) => return None,
        None => None,
    };
    let for_class = |wanted| class.is_none_or(|class| class == wanted);
    let exactly_once = settings
        .effective("processing.guarantee")
        .and_then(ProcessingGuarantee::from_name)
        .is_some_and(|guarantee| guarantee == ProcessingGuarantee::ExactlyOnceV2);
    let fixed = |value, why| Some(Controlled { value: Some(value), why });
    let never = |why| Some(Controlled { value: None, why });
    match key {
        "auto.offset.reset" if prefix == "restore.consumer." || prefix == "global.consumer." => {
            fixed("none", "restoring starts where the local state ends")
        }
        "auto.commit.enable" | "enable.auto.commit" | "enable.auto.offset.store"
            if for_class(ClientClass::Consumer) =>
        {
            fixed("false", "offsets are committed together with the state")
        }
        "allow.auto.create.topics" if for_class(ClientClass::Consumer) => {
            fixed("false", "a missing input topic is an error")
        }
        "isolation.level" if exactly_once && for_class(ClientClass::Consumer) => {
            fixed("read_committed", "exactly-once reads no uncommitted records")
        }
        // Without a prefix it is Kafka Streams' own setting of that name.
        "group.protocol" if class == Some(ClientClass::Consumer) => fixed("classic", GROUP),
        "group.id" if for_class(ClientClass::Consumer) => {
            never("the group is named by `application.id`")
        }
        "partition.assignment.strategy" | "group.remote.assignor"
            if for_class(ClientClass::Consumer) =>
        {
            never(GROUP)
        }
        "enable.idempotence" if for_class(ClientClass::Producer) => fixed("true", WHOLE),
        "acks" | "request.required.acks" if for_class(ClientClass::Producer) => fixed("all", WHOLE),
        "transaction.two.phase.commit.enable" if for_class(ClientClass::Producer) => {
            fixed("false", "two-phase commits are not supported")
        }
        "delivery.report.only.error" if for_class(ClientClass::Producer) => {
            fixed("false", "every record's offset must be known")
        }
        "enable.partition.eof" if for_class(ClientClass::Consumer) => {
            fixed("true", "the end of a partition must be known")
        }
        "transactional.id" if for_class(ClientClass::Producer) => {
            never("transactions are switched on by `processing.guarantee` and named for the thread")
        }
        "key.deserializer" | "value.deserializer" | "key.serializer" | "value.serializer" => {
            never(CODE)
        }
        "partitioner" | "partitioner.class" if for_class(ClientClass::Producer) => {
            never("a partitioner is code: give it to `Produced`")
        }
        "interceptor.classes" => never("it names Java classes"),
        _ => None,
    }
}
