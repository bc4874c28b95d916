//! Translation of single keys.

use crate::config::ClientRole;

/// Translation of a key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Translation {
    /// Settings of librdkafka.
    Settings(Vec<(String, String)>),
    /// It is read elsewhere: by the runtime, the supplier, or the security settings. Or the
    /// configuration permits only the value that holds anyway.
    Elsewhere,
    /// It has no effect here, for this reason.
    NoEffect(&'static str),
}

/// Translates a Java client's key for a client of librdkafka.
pub(crate) fn translate(role: ClientRole, key: &str, value: &str) -> Translation {
    if key.starts_with("ssl.") || key.starts_with("sasl.") || is_security(key) {
        return Translation::Elsewhere;
    }
    match role {
        ClientRole::Producer => producer(key, value),
        _ => consumer(key, value),
    }
    .or_else(|| both(key, value))
    .unwrap_or_else(|| renamed(key, value))
}

fn is_security(key: &str) -> bool {
    matches!(key, "security.protocol" | "enable.ssl.certificate.verification")
}

fn renamed(key: &str, value: impl Into<String>) -> Translation {
    Translation::Settings(vec![(key.to_owned(), value.into())])
}

/// A size or duration for which Java writes "none" as -1 and librdkafka as 0.
fn none_is_zero(key: &str, value: &str) -> Translation {
    renamed(key, if value == "-1" { "0" } else { value })
}

fn consumer(key: &str, value: &str) -> Option<Translation> {
    Some(match key {
        "fetch.max.wait.ms" => renamed("fetch.wait.max.ms", value),
        "request.timeout.ms" => renamed("socket.timeout.ms", value),
        // The group is not this client's business.
        "allow.auto.create.topics"
        | "auto.commit.enable"
        | "auto.offset.reset"
        | "enable.auto.commit"
        | "enable.auto.offset.store"
        | "enable.partition.eof"
        | "group.instance.id"
        | "group.protocol"
        | "heartbeat.interval.ms"
        | "max.poll.interval.ms"
        | "max.poll.records"
        | "session.timeout.ms" => Translation::Elsewhere,
        "auto.commit.interval.ms" => {
            Translation::NoEffect("offsets are committed together with the state")
        }
        "exclude.internal.topics" | "share.acknowledgement.mode" | "group.remote.assignor" => {
            Translation::NoEffect("the consumer is told its partitions")
        }
        _ => return None,
    })
}

fn producer(key: &str, value: &str) -> Option<Translation> {
    Some(match key {
        "buffer.memory" => {
            let kbytes = value.parse::<u64>().ok().map(|bytes| (bytes / 1_024).max(1).to_string());
            // A value that is no number is refused by librdkafka.
            renamed("queue.buffering.max.kbytes", kbytes.unwrap_or_else(|| value.to_owned()))
        }
        "max.request.size" => renamed("message.max.bytes", value),
        // Java's 0 turns batches off.
        "batch.size" => renamed("batch.size", if value == "0" { "1" } else { value }),
        "compression.gzip.level" | "compression.lz4.level" | "compression.zstd.level" => {
            renamed("compression.level", value)
        }
        // Both the broker's timeout and the connection's.
        "request.timeout.ms" => Translation::Settings(vec![
            ("request.timeout.ms".to_owned(), value.to_owned()),
            ("socket.timeout.ms".to_owned(), value.to_owned()),
        ]),
        "acks"
        | "delivery.report.only.error"
        | "enable.idempotence"
        | "max.block.ms"
        | "request.required.acks"
        | "transaction.timeout.ms"
        | "transaction.two.phase.commit.enable" => Translation::Elsewhere,
        "metadata.max.idle.ms" => {
            Translation::NoEffect("`topic.metadata.refresh.interval.ms` is what librdkafka has")
        }
        "partitioner.adaptive.partitioning.enable"
        | "partitioner.availability.timeout.ms"
        | "partitioner.ignore.keys" => {
            Translation::NoEffect("Kafka Streams chooses the partition of each record")
        }
        _ => return None,
    })
}

fn both(key: &str, value: &str) -> Option<Translation> {
    Some(match key {
        "receive.buffer.bytes" => none_is_zero("socket.receive.buffer.bytes", value),
        "send.buffer.bytes" => none_is_zero("socket.send.buffer.bytes", value),
        "connections.max.idle.ms" => none_is_zero("connections.max.idle.ms", value),
        "metadata.max.age.ms" => {
            // librdkafka refreshes at least once an hour.
            let age = value
                .parse::<i64>()
                .map_or_else(|_| value.to_owned(), |age| age.clamp(10, 3_600_000).to_string());
            renamed("topic.metadata.refresh.interval.ms", age)
        }
        "client.id" => Translation::NoEffect(
            "clients are named for their threads; set `client.id` without a prefix",
        ),
        "default.api.timeout.ms" => Translation::NoEffect("it is twice `request.timeout.ms`"),
        "socket.connection.setup.timeout.max.ms" => {
            Translation::NoEffect("`socket.connection.setup.timeout.ms` is the limit")
        }
        "metadata.recovery.rebootstrap.trigger.ms" => renamed(key, value),
        "enable.metrics.push"
        | "metrics.num.samples"
        | "metrics.recording.level"
        | "metrics.sample.window.ms"
        | "metric.reporters" => Translation::NoEffect("the clients keep no metrics of their own"),
        "security.providers" => Translation::NoEffect("it names Java classes"),
        "bootstrap.controllers" => Translation::Elsewhere,
        _ => return None,
    })
}
