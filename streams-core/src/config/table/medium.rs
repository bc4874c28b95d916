//! The keys of medium importance.

use super::super::choice::{
    DeserializationHandlerChoice, GroupProtocol, ProcessingGuarantee, ProcessingHandlerChoice,
    ProductionHandlerChoice, TimestampAheadPolicy, TimestampExtractorChoice, TopologyOptimization,
};
use super::super::entry::{DefaultValue, Entry, Importance};
use super::super::kind::Kind;

/// What to do with a handler class of one's own.
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
        "Records by which an instance's copy of a store may be behind and still take over the \
         active task at once.",
    ),
    medium(
        "client.id",
        "",
        Kind::Text,
        "Starts the names of threads, clients and metrics. Empty stands for the application id \
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
        "Where a record's timestamp comes from, for sources that do not say. Full class names of \
         Java are understood.",
    ),
    medium(
        "deserialization.exception.handler",
        "LogAndFailExceptionHandler",
        Kind::Class {
            package: DeserializationHandlerChoice::PACKAGE,
            names: DeserializationHandlerChoice::NAMES,
            own: OWN_HANDLER,
        },
        "What happens to a record that cannot be deserialized.",
    )
    .formerly(&["default.deserialization.exception.handler"]),
    medium(
        "errors.dead.letter.queue.topic.name",
        "",
        Kind::TopicName,
        "Topic to which the built-in exception handlers send the records that they give up on. \
         Unset, they send none.",
    )
    .defaulting(DefaultValue::Null),
    medium(
        "group.protocol",
        "classic",
        Kind::OneOf { names: GroupProtocol::NAMES, refused: &[] },
        "How instances agree on who does what. With `classic` one of them decides, on any broker; \
         with `streams` the broker does (KIP-1071, Kafka 4.2 or later). All instances of an \
         application must have the same.",
    ),
    medium(
        "max.task.idle.ms",
        "0",
        Kind::millis_from(-1),
        "How long a task with several input partitions waits for records of an empty one, so as \
         to process in the order of timestamps. 0 waits for what the broker already has, -1 \
         waits for nothing.",
    ),
    medium(
        "max.warmup.replicas",
        "2",
        Kind::int_from(1),
        "Stores, over all instances, that may be copied to a new instance at a time before it \
         takes over, beyond the standbys.",
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
        "What happens when a processor or one of its functions fails on a record.",
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
        "What a record's effects count for after a failure. `exactly_once_v2` commits results, \
         changelogs and offsets in one transaction and lowers `commit.interval.ms` to 100 unless \
         that is set.",
    ),
    medium(
        "processing.retries",
        "0",
        Kind::int_from(0),
        "How often a record on which a processor failed is processed again, with all that it did undone before, until the \
         processing exception handler decides on it. Java has no such key: its handler is asked at once.",
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
        "What happens when a record cannot be serialized or written to its topic.",
    )
    .formerly(&["default.production.exception.handler"]),
    medium(
        "rack.aware.assignment.tags",
        "",
        Kind::Tags { max: 5 },
        "Client tags by which standbys are spread: a standby goes where these tags differ from \
         the active task's. Each must be set with `client.tag.`.",
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
        "How the clients talk to the brokers.",
    )
    .for_clients(),
    medium(
        "state.memory.max.bytes",
        "268435456",
        Kind::bytes_from(1_048_576),
        "The memory that all stores of this process share: block cache and write buffers of \
         RocksDB, and the overlays with what is not yet committed. Java has no such key: its \
         stores each have a cache of their own.",
    ),
    medium(
        "statestore.cache.max.bytes",
        "10485760",
        Kind::bytes_from(0),
        "The overlays' share of `state.memory.max.bytes`, over all threads. With 0, caching is \
         off: every update is forwarded at once instead of the latest one at the commit.",
    )
    .formerly(&["cache.max.bytes.buffering"]),
    medium(
        "task.timeout.ms",
        "300000",
        Kind::millis_from(0),
        "How long a task may fail on timeouts of the brokers before the error is raised; 0 \
         raises the first one.",
    ),
    medium(
        "timestamp.ahead.policy",
        "fail",
        Kind::OneOf { names: TimestampAheadPolicy::NAMES, refused: &[] },
        "What happens to a record that `timestamp.max.ahead.ms` keeps out. `fail` ends the thread \
         with an error that names the record, `clamp` processes it at the latest timestamp that is \
         let in, `drop` passes it over and sends a dead letter if \
         `errors.dead.letter.queue.topic.name` is set.",
    ),
    medium(
        "timestamp.max.ahead.ms",
        "",
        Kind::millis_from(0),
        "How far the timestamp of a record of a source topic may be ahead of the wall clock. One \
         such record moves stream time on: it closes every window before it, and what comes on time \
         after it is late. Unset, as in Java, every timestamp is let in. Repartition topics and \
         global stores are not looked at.",
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
