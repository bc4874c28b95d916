//! The keys of medium importance.

use super::super::choice::{
    DataPlane, DeserializationHandlerChoice, GroupProtocol, ProcessingGuarantee,
    ProcessingHandlerChoice, ProductionHandlerChoice, TimestampAheadPolicy,
    TimestampExtractorChoice, TopologyOptimization,
};
use super::super::entry::{DefaultValue, Entry, Importance};
use super::super::kind::Kind;

/// Advice for a handler class of the user's own.
const OWN_HANDLER: &str =
    "a handler of your own is code: hand it over where the application is built";

const fn medium(key: &'static str, default: &'static str, kind: Kind, doc: &'static str) -> Entry {
    Entry::new(Importance::Medium, key, default, kind, doc)
}

pub(super) const ENTRIES: &[Entry] = &[
    medium(
        "acceptable.recovery.lag",
        "10000",
        Kind::long_from(0),
        "Number of records by which an instance's copy of a store may lag and still take over the \
         active task at once.",
    ),
    medium(
        "client.data.plane",
        "native",
        Kind::OneOf { names: DataPlane::NAMES, refused: &[] },
        "The client that carries the records: this library's own, which reads and writes batches \
         in place, or `rdkafka`, librdkafka's. Membership and admin calls are the same with \
         both. Java has no such key.",
    ),
    medium(
        "client.id",
        "",
        Kind::Text,
        "Prefix of the names of threads, clients and metrics. Empty stands for the application id \
         and a random process id.",
    ),
    medium(
        "default.timestamp.extractor",
        "FailOnInvalidTimestamp",
        Kind::Class {
            package: TimestampExtractorChoice::PACKAGE,
            names: TimestampExtractorChoice::NAMES,
            own: "an extractor of your own is code: give it to the source with `Consumed`",
        },
        "Origin of a record's timestamp, unless its source says otherwise. Java's full class \
         names are accepted.",
    ),
    medium(
        "deserialization.exception.handler",
        "LogAndFailExceptionHandler",
        Kind::Class {
            package: DeserializationHandlerChoice::PACKAGE,
            names: DeserializationHandlerChoice::NAMES,
            own: OWN_HANDLER,
        },
        "Response to a record that cannot be deserialized.",
    )
    .formerly(&["default.deserialization.exception.handler"]),
    medium(
        "errors.dead.letter.queue.topic.name",
        "",
        Kind::TopicName,
        "Topic to which the built-in exception handlers send the records that they give up. If it \
         is not set, they send none.",
    )
    .defaulting(DefaultValue::Null),
    medium(
        "group.protocol",
        "classic",
        Kind::OneOf { names: GroupProtocol::NAMES, refused: &[] },
        "Protocol by which instances agree on their tasks. With `classic` one of them decides, on \
         any broker; with `streams` the broker does (KIP-1071, Kafka 4.2 or later). All instances \
         of an application must have the same.",
    ),
    medium(
        "max.task.idle.ms",
        "0",
        Kind::millis_from(-1),
        "Time for which a task with several input partitions waits for records of an empty one, \
         in order to process records by timestamp. With 0 it waits only for records that the \
         broker already has, with -1 it never waits.",
    ),
    medium(
        "max.warmup.replicas",
        "2",
        Kind::int_from(1),
        "Number of stores, over all instances, that may be copied to new instances at a time \
         before those take over, in addition to standbys.",
    ),
    medium(
        "num.stream.threads",
        "1",
        Kind::int_from(1),
        "Threads of this instance that process records.",
    ),
    medium(
        "processing.exception.handler",
        "LogAndFailProcessingExceptionHandler",
        Kind::Class {
            package: ProcessingHandlerChoice::PACKAGE,
            names: ProcessingHandlerChoice::NAMES,
            own: OWN_HANDLER,
        },
        "Response to a processor, or one of its functions, that fails on a record.",
    ),
    medium(
        "processing.guarantee",
        "at_least_once",
        Kind::OneOf {
            names: ProcessingGuarantee::NAMES,
            refused: &[
                (
                    "exactly_once",
                    "its one producer for each task was removed from Kafka Streams in 4.0; use \
                     `exactly_once_v2`, which needs brokers 2.5 or later",
                ),
                ("exactly_once_beta", "it was renamed; use `exactly_once_v2`"),
            ],
        },
        "Guarantee for the effects of a record after a failure. `exactly_once_v2` commits \
         results, changelogs and offsets in one transaction and lowers `commit.interval.ms` to 100 \
         unless that is set.",
    ),
    medium(
        "processing.retries",
        "0",
        Kind::int_from(0),
        "Number of times that a record is processed again after a processor failed on it, each \
         time with its effects undone before, until the processing exception handler decides on \
         it. Java has no such key: its handler is asked at once.",
    ),
    medium(
        "processing.retry.backoff.ms",
        "100",
        Kind::millis_from(0),
        "The pause before a record is processed again; each further pause is twice as long, up to 30 seconds. Its task waits \
         meanwhile, its thread does not. Java has no such key.",
    ),
    medium(
        "production.exception.handler",
        "DefaultProductionExceptionHandler",
        Kind::Class {
            package: ProductionHandlerChoice::PACKAGE,
            names: ProductionHandlerChoice::NAMES,
            own: OWN_HANDLER,
        },
        "Response to a record that cannot be serialized or written to its topic.",
    )
    .formerly(&["default.production.exception.handler"]),
    medium(
        "rack.aware.assignment.tags",
        "",
        Kind::Tags { max: 5 },
        "Client tags by which standbys are spread out: a standby goes where these tags differ \
         from the active task's. Each must be set with `client.tag.`.",
    ),
    medium(
        "replication.factor",
        "-1",
        Kind::ReplicationFactor,
        "Replicas of the internal topics; -1 leaves it to the broker.",
    ),
    medium(
        "security.protocol",
        "PLAINTEXT",
        Kind::OneOf { names: &["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], refused: &[] },
        "Protocol between the clients and the brokers.",
    )
    .for_clients(),
    medium(
        "state.memory.max.bytes",
        "268435456",
        Kind::bytes_from(1_048_576),
        "The memory that all stores of this process share: block cache and write buffers of \
         RocksDB, and the overlays with uncommitted writes. Java has no such key: its stores have \
         a cache each.",
    ),
    medium(
        "statestore.cache.max.bytes",
        "10485760",
        Kind::bytes_from(0),
        "The overlays' share of `state.memory.max.bytes`, summed over all threads. 0 turns \
         caching off: every update is forwarded at once, instead of the latest one at the commit.",
    )
    .formerly(&["cache.max.bytes.buffering"]),
    medium(
        "task.timeout.ms",
        "300000",
        Kind::millis_from(0),
        "Time for which a task may fail on timeouts of the brokers before the error is raised; 0 \
         raises the first one.",
    ),
    medium(
        "timestamp.ahead.policy",
        "fail",
        Kind::OneOf { names: TimestampAheadPolicy::NAMES, refused: &[] },
        "Response to a record that `timestamp.max.ahead.ms` excludes. `fail` ends the thread with \
         an error that names the record, `clamp` processes it at the latest timestamp permitted, \
         `drop` drops it and sends a dead letter if `errors.dead.letter.queue.topic.name` is set.",
    ),
    medium(
        "timestamp.max.ahead.ms",
        "",
        Kind::millis_from(0),
        "Limit on how far the timestamp of a record of a source topic may be ahead of the wall \
         clock. A single record beyond it advances stream time: it closes every window before it, \
         and timely records after it are late. If it is not set, every timestamp is permitted, as \
         in Java. Repartition topics and global stores are not checked.",
    )
    .defaulting(DefaultValue::Null),
    medium(
        "topology.optimization",
        "none",
        Kind::Set { names: TopologyOptimization::NAMES, alone: &["none", "all"] },
        "Rewritings of the topology that save topics and stores. Changing it changes internal \
         topics.",
    ),
];
