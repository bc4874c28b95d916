//! The keys of the Kafka clients: which prefix leads to which client, which keys each knows, and
//! which of them belong to Kafka Streams.
//!
//! The lists tell typing errors from settings of other clients; a key that no list has, and that is
//! near none of them, passes. Both Java's keys and the common ones of librdkafka are listed.

use super::choice::{AutoOffsetReset, Choice as _, ProcessingGuarantee};
use super::kind::Kind;
use super::settings::Settings;

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
    /// The keys that such a client knows.
    pub(super) fn keys(self) -> impl Iterator<Item = &'static str> {
        let own = match self {
            Self::Consumer => CONSUMER,
            Self::Producer => PRODUCER,
            Self::Admin => ADMIN,
        };
        own.iter().chain(COMMON).copied()
    }

    pub(super) fn knows(self, key: &str) -> bool {
        key.starts_with("ssl.") || key.starts_with("sasl.") || self.keys().any(|known| known == key)
    }
}

/// What a prefix leads to.
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
    PREFIXES.iter().find_map(|(prefix, target)| Some((*prefix, *target, key.strip_prefix(prefix)?)))
}

/// Whether any client knows the key.
pub(super) fn is_client_key(key: &str) -> bool {
    [ClientClass::Consumer, ClientClass::Producer, ClientClass::Admin]
        .iter()
        .any(|class| class.knows(key))
}

/// All keys of all clients; some come more than once.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    COMMON.iter().chain(CONSUMER).chain(PRODUCER).chain(ADMIN).copied()
}

/// The kind of those client keys that Kafka Streams reads as well.
pub(super) fn kind_of(key: &str) -> Option<Kind> {
    match key {
        "session.timeout.ms" | "heartbeat.interval.ms" | "max.poll.interval.ms" => {
            Some(Kind::int_millis_from(1))
        }
        "transaction.timeout.ms" => Some(Kind::int_millis_from(1)),
        "max.poll.records" => Some(Kind::int_from(1)),
        "auto.offset.reset" => Some(Kind::OneOf {
            names: AutoOffsetReset::NAMES,
            refused: &[
                ("smallest", "it was renamed; use `earliest`"),
                ("largest", "it was renamed; use `latest`"),
            ],
        }),
        _ => None,
    }
}

/// A client setting that Kafka Streams decides itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Controlled {
    /// The value that is used, or `None` where no text can say it.
    pub(super) value: Option<&'static str>,
    pub(super) why: &'static str,
}

/// Whether Kafka Streams decides this setting of the client behind `prefix` (empty for a key
/// without one, which goes to every client that knows it). Java warns and overrides; here it is an
/// error, since a setting without effect misleads.
pub(super) fn controlled(settings: &Settings, prefix: &str, key: &str) -> Option<Controlled> {
    const CODE: &str = "keys and values reach the clients as bytes";
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
        "enable.auto.commit" if for_class(ClientClass::Consumer) => {
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
        "enable.idempotence" if exactly_once && for_class(ClientClass::Producer) => {
            fixed("true", "a transaction needs it")
        }
        "acks" if exactly_once && for_class(ClientClass::Producer) => {
            fixed("all", "a transaction needs it")
        }
        "transactional.id" if for_class(ClientClass::Producer) => {
            never("transactions are switched on by `processing.guarantee` and named for the thread")
        }
        "key.deserializer" | "value.deserializer" | "key.serializer" | "value.serializer" => {
            never(CODE)
        }
        "partitioner.class" if for_class(ClientClass::Producer) => {
            never("a partitioner is code: give it to `Produced`")
        }
        "interceptor.classes" => never("it names Java classes"),
        _ => None,
    }
}

/// Keys that every client knows, besides all that start with `ssl.` or `sasl.`.
const COMMON: &[&str] = &[
    "bootstrap.servers",
    "broker.address.family",
    "broker.address.ttl",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "connections.max.idle.ms",
    "debug",
    "enable.metrics.push",
    "enable.ssl.certificate.verification",
    "interceptor.classes",
    "log_level",
    "message.max.bytes",
    "metadata.max.age.ms",
    "metadata.recovery.rebootstrap.trigger.ms",
    "metadata.recovery.strategy",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "receive.buffer.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "security.protocol",
    "security.providers",
    "send.buffer.bytes",
    "socket.connection.setup.timeout.max.ms",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.nagle.disable",
    "socket.timeout.ms",
    "statistics.interval.ms",
    "topic.metadata.refresh.interval.ms",
];

const CONSUMER: &[&str] = &[
    "allow.auto.create.topics",
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "check.crcs",
    "default.api.timeout.ms",
    "enable.auto.commit",
    "enable.partition.eof",
    "exclude.internal.topics",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.max.wait.ms",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.queue.backoff.ms",
    "fetch.wait.max.ms",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "group.remote.assignor",
    "heartbeat.interval.ms",
    "isolation.level",
    "key.deserializer",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "max.poll.records",
    "partition.assignment.strategy",
    "queued.max.messages.kbytes",
    "queued.min.messages",
    "session.timeout.ms",
    "share.acknowledgement.mode",
    "value.deserializer",
];

const PRODUCER: &[&str] = &[
    "acks",
    "batch.num.messages",
    "batch.size",
    "buffer.memory",
    "compression.codec",
    "compression.gzip.level",
    "compression.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "delivery.timeout.ms",
    "enable.idempotence",
    "key.serializer",
    "linger.ms",
    "max.block.ms",
    "max.in.flight.requests.per.connection",
    "max.request.size",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.max.idle.ms",
    "partitioner.adaptive.partitioning.enable",
    "partitioner.availability.timeout.ms",
    "partitioner.class",
    "partitioner.ignore.keys",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queue.buffering.max.ms",
    "request.required.acks",
    "retries",
    "sticky.partitioning.linger.ms",
    "transaction.timeout.ms",
    "transaction.two.phase.commit.enable",
    "transactional.id",
    "value.serializer",
];

const ADMIN: &[&str] = &["bootstrap.controllers", "default.api.timeout.ms", "retries"];

/// The settings of topics, for the prefix `topic.`.
pub(super) const TOPIC: &[&str] = &[
    "cleanup.policy",
    "compression.gzip.level",
    "compression.lz4.level",
    "compression.type",
    "compression.zstd.level",
    "delete.retention.ms",
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "follower.replication.throttled.replicas",
    "index.interval.bytes",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "max.compaction.lag.ms",
    "max.message.bytes",
    "message.downconversion.enable",
    "message.format.version",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.difference.max.ms",
    "message.timestamp.type",
    "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms",
    "min.insync.replicas",
    "preallocate",
    "remote.copy.disable",
    "remote.log.delete.on.disable",
    "remote.storage.enable",
    "retention.bytes",
    "retention.ms",
    "segment.bytes",
    "segment.index.bytes",
    "segment.jitter.ms",
    "segment.ms",
    "unclean.leader.election.enable",
];
