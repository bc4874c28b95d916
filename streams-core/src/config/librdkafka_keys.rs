//! Settings of librdkafka that may be set by their own names, with their values.
//!
//! Taken from its `CONFIGURATION.md`, without the settings that Kafka Streams decides itself,
//! callbacks and deprecated ones. Settings that begin with `ssl.` or `sasl.` are read elsewhere. A
//! test of librdkafka's clients compares this list with the library that is linked.

use super::kind::{Kind, Unit};

const fn number(min: i64, max: i64) -> Kind {
    Kind::Number { min, max, unit: Unit::Plain }
}

const fn millis(min: i64, max: i64) -> Kind {
    Kind::Number { min, max, unit: Unit::Millis }
}

const fn bytes(min: i64, max: i64) -> Kind {
    Kind::Number { min, max, unit: Unit::Bytes }
}

const fn one_of(names: &'static [&'static str]) -> Kind {
    Kind::OneOf { names, refused: &[] }
}

const DEBUG: &[&str] = &[
    "generic",
    "broker",
    "topic",
    "metadata",
    "feature",
    "queue",
    "msg",
    "protocol",
    "cgrp",
    "security",
    "fetch",
    "interceptor",
    "plugin",
    "consumer",
    "admin",
    "eos",
    "mock",
    "assignor",
    "conf",
    "telemetry",
];

/// Settings of consumers and producers.
pub(super) const BOTH: &[(&str, Kind)] = &[
    ("broker.address.family", one_of(&["any", "v4", "v6"])),
    ("broker.address.ttl", number(0, 86_400_000)),
    ("client.dns.lookup", one_of(&["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"])),
    ("debug", Kind::Set { names: DEBUG, alone: &["all"] }),
    ("enable.random.seed", Kind::Bool),
    ("enable.sasl.oauthbearer.unsecure.jwt", Kind::Bool),
    ("log.connection.close", Kind::Bool),
    ("log.thread.name", Kind::Bool),
    ("log_level", number(0, 7)),
    ("max.in.flight.requests.per.connection", number(1, 1_000_000)),
    ("message.copy.max.bytes", bytes(0, 1_000_000_000)),
    ("message.max.bytes", bytes(1_000, 1_000_000_000)),
    ("metadata.recovery.rebootstrap.trigger.ms", millis(0, 2_147_483_647)),
    ("metadata.recovery.strategy", one_of(&["none", "rebootstrap"])),
    ("receive.message.max.bytes", bytes(1_000, 2_147_483_647)),
    ("reconnect.backoff.max.ms", millis(0, 3_600_000)),
    ("reconnect.backoff.ms", millis(0, 3_600_000)),
    ("retry.backoff.max.ms", millis(1, 300_000)),
    ("retry.backoff.ms", millis(1, 300_000)),
    ("socket.connection.setup.timeout.ms", millis(1_000, 2_147_483_647)),
    ("socket.keepalive.enable", Kind::Bool),
    ("socket.max.fails", number(0, 1_000_000)),
    ("socket.nagle.disable", Kind::Bool),
    ("socket.receive.buffer.bytes", bytes(0, 100_000_000)),
    ("socket.send.buffer.bytes", bytes(0, 100_000_000)),
    ("socket.timeout.ms", millis(10, 300_000)),
    ("statistics.interval.ms", millis(0, 86_400_000)),
    ("topic.metadata.propagation.max.ms", millis(0, 3_600_000)),
    ("topic.metadata.refresh.fast.interval.ms", millis(1, 60_000)),
    ("topic.metadata.refresh.interval.ms", millis(-1, 3_600_000)),
    ("topic.metadata.refresh.sparse", Kind::Bool),
];

/// Settings of consumers.
pub(super) const CONSUMER: &[(&str, Kind)] = &[
    ("check.crcs", Kind::Bool),
    ("coordinator.query.interval.ms", millis(1, 3_600_000)),
    ("fetch.error.backoff.ms", millis(0, 300_000)),
    ("fetch.max.bytes", bytes(0, 2_147_483_135)),
    ("fetch.message.max.bytes", bytes(1, 1_000_000_000)),
    ("fetch.min.bytes", bytes(1, 100_000_000)),
    ("fetch.queue.backoff.ms", millis(0, 300_000)),
    ("fetch.wait.max.ms", millis(0, 300_000)),
    ("isolation.level", one_of(&["read_uncommitted", "read_committed"])),
    ("max.partition.fetch.bytes", bytes(1, 1_000_000_000)),
    ("queued.max.messages.kbytes", number(1, 2_097_151)),
    ("queued.min.messages", number(1, 10_000_000)),
];

/// Settings of producers.
pub(super) const PRODUCER: &[(&str, Kind)] = &[
    ("batch.num.messages", number(1, 1_000_000)),
    ("batch.size", bytes(0, 2_147_483_647)),
    ("compression.codec", one_of(&["none", "gzip", "snappy", "lz4", "zstd"])),
    ("compression.level", number(-1, 12)),
    ("compression.type", one_of(&["none", "gzip", "snappy", "lz4", "zstd"])),
    ("delivery.timeout.ms", millis(1, 2_147_483_647)),
    ("enable.gapless.guarantee", Kind::Bool),
    ("linger.ms", millis(0, 900_000)),
    ("message.send.max.retries", number(0, 2_147_483_647)),
    ("message.timeout.ms", millis(0, 2_147_483_647)),
    ("queue.buffering.backpressure.threshold", number(1, 1_000_000)),
    ("queue.buffering.max.kbytes", number(1, 2_147_483_647)),
    ("queue.buffering.max.messages", number(0, 2_147_483_647)),
    ("queue.buffering.max.ms", millis(0, 900_000)),
    ("queuing.strategy", one_of(&["fifo", "lifo"])),
    ("retries", number(0, 2_147_483_647)),
    ("sticky.partitioning.linger.ms", millis(0, 900_000)),
];
