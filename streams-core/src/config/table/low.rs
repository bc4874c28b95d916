//! The keys of low importance, including those that are only passed on to the clients.

use super::super::choice::{ChangelogCorrupt, ChangelogLost, DslStore, DslStoreFormat};
use super::super::entry::{DefaultValue, Entry, Importance};
use super::super::kind::{Kind, Unit};
use super::super::upgrade_from::UpgradeFrom;

/// The size of a socket's buffer; -1 leaves it to the operating system.
const SOCKET_BUFFER: Kind = Kind::Number { min: -1, max: 100_000_000, unit: Unit::Bytes };

/// A duration in the range that librdkafka takes.
const fn millis(min: i64, max: i64) -> Kind {
    Kind::Number { min, max, unit: Unit::Millis }
}

const fn low(key: &'static str, default: &'static str, kind: Kind, doc: &'static str) -> Entry {
    Entry::new(Importance::Low, key, default, kind, doc)
}

pub(super) const ENTRIES: &[Entry] = &[
    low(
        "__emit.interval.ms.kstreams.outer.join.spurious.results.fix__",
        "1000",
        Kind::millis_from(0),
        "Internal: the shortest time between two searches for unmatched records of left and outer \
         stream joins.",
    ),
    low(
        "__emit.interval.ms.kstreams.windowed.aggregation__",
        "1000",
        Kind::millis_from(0),
        "Internal: the shortest time between two searches for closed windows of an aggregation \
         that emits on window close.",
    ),
    low(
        "application.server",
        "",
        Kind::Endpoint,
        "Address of this instance that other instances get, for interactive queries.",
    ),
    low(
        "buffered.records.per.partition",
        "1000",
        Kind::int_from(1),
        "Number of records that a task keeps ready for each input partition.",
    ),
    low(
        "commit.interval.ms",
        "30000",
        Kind::millis_from(0),
        "Time between commits. 100 with `exactly_once_v2`, unless it is set.",
    ),
    low(
        "connections.max.idle.ms",
        "540000",
        Kind::int_millis_from(-1),
        "Time after which the clients close an idle connection.",
    )
    .for_clients(),
    low(
        "default.dsl.store",
        "rocksDB",
        Kind::OneOf { names: DslStore::NAMES, refused: &[] },
        "Kind of the stores of DSL operators, unless their `Materialized` says otherwise.",
    ),
    low(
        "dsl.store.format",
        "DEFAULT",
        Kind::OneOf { names: DslStoreFormat::NAMES, refused: &[] },
        "Data that stores of DSL operators on disk keep besides a value (KIP-1285). With \
         `HEADERS` the changelog's record of a deleted row has the headers of the record that \
         deleted it; rows that operators put have none, as in Java.",
    ),
    low(
        "__iq.consistency.offset.vector.enabled__",
        "false",
        Kind::Bool,
        "If true, each record of a changelog carries, in its headers `v` and `c`, the position of \
         its store in the task's inputs since the task started.",
    ),
    low(
        "log.summary.interval.ms",
        "120000",
        Kind::millis_from(-1),
        "Time between the lines in which each thread logs a summary of its work; 0 or less turns \
         them off.",
    ),
    low(
        "metadata.max.age.ms",
        "300000",
        Kind::millis_from(0),
        "Time after which the clients look up the topics' partitions again, and the topics that \
         match a pattern.",
    )
    .for_clients(),
    low(
        "metrics.listen",
        "",
        Kind::Listen,
        "Address at which the instance serves `/metrics` for Prometheus, `/healthz` and \
         `/readyz`, for example `0.0.0.0:9404`. Port 0 takes a free port. If it is empty, nothing \
         is served. Needs the feature `metrics`.",
    ),
    low(
        "poll.ms",
        "100",
        Kind::millis_from(0),
        "Time for which a thread without work waits for input.",
    ),
    low(
        "probing.rebalance.interval.ms",
        "600000",
        Kind::millis_from(60_000),
        "Time between the rebalances that ask whether warmed-up instances can take over.",
    ),
    low(
        "receive.buffer.bytes",
        "32768",
        SOCKET_BUFFER,
        "Size of the clients' receive buffers; -1 leaves it to the operating system.",
    )
    .for_clients(),
    low(
        "reconnect.backoff.max.ms",
        "1000",
        millis(0, 3_600_000),
        "The longest pause of the clients before they connect again.",
    )
    .for_clients(),
    low(
        "reconnect.backoff.ms",
        "50",
        millis(0, 3_600_000),
        "The first pause of the clients before they connect again.",
    )
    .for_clients(),
    low(
        "repartition.purge.interval.ms",
        "30000",
        Kind::millis_from(0),
        "Time between deletions of consumed records from repartition topics. They happen at \
         commits, and no more often.",
    ),
    low(
        "request.timeout.ms",
        "40000",
        millis(10, 300_000),
        "Time for which the clients wait for the answer to a request.",
    )
    .for_clients(),
    low(
        "retry.backoff.ms",
        "100",
        millis(1, 300_000),
        "The pause of the clients before they repeat a request that failed.",
    )
    .for_clients(),
    low(
        "send.buffer.bytes",
        "131072",
        SOCKET_BUFFER,
        "Size of the clients' send buffers; -1 leaves it to the operating system.",
    )
    .for_clients(),
    low(
        "state.changelog.corrupt",
        "fail",
        Kind::OneOf { names: ChangelogCorrupt::NAMES, refused: &[] },
        "Response to a row of a changelog that can't be read in a restore: `fail` stops with an \
         error that names it, `skip` leaves it out of the store as if it were deleted, and counts \
         it.",
    ),
    low(
        "state.changelog.lost",
        "fail",
        Kind::OneOf { names: ChangelogLost::NAMES, refused: &[] },
        "Response to local state whose changelog was deleted, or has lost records that the state \
         does not have: `fail` stops with an error, `rewrite` rewrites the changelog from the \
         local state, `restart-empty` drops the local state.",
    ),
    low(
        "state.cleanup.delay.ms",
        "600000",
        Kind::millis_from(0),
        "Time after which the directory of a task that has moved away is deleted.",
    ),
    low(
        "upgrade.from",
        "",
        Kind::OneOf { names: UpgradeFrom::NAMES, refused: &[] },
        "The version of Java Kafka Streams whose instances still run while the application is \
         replaced instance by instance. Not set if none does.",
    )
    .defaulting(DefaultValue::Null),
    low(
        "windowstore.changelog.additional.retention.ms",
        "86400000",
        Kind::millis_from(0),
        "Time added to a window store's retention for its changelog topic, to allow for \
         differences between clocks.",
    ),
];
