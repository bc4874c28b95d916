//! Keys of Java Kafka Streams that cannot be set here, each with the reason and the replacement.
//!
//! Most of them name Java classes. Others only switch something that is always on, or always off,
//! here: of those, the values that agree are accepted, so a Java configuration can be reused.

/// A key of Java that this library does not read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unsupported {
    pub(super) key: &'static str,
    /// Values that agree with the fixed behaviour; any other is refused.
    pub(super) accepts: &'static [&'static str],
    pub(super) why: &'static str,
    pub(super) instead: &'static str,
}

/// The entry of a key, if the key is in the list.
pub(super) fn by_key(key: &str) -> Option<&'static Unsupported> {
    ALL.iter().find(|unsupported| unsupported.key == key)
}

/// A key that has no value to accept.
const fn never(key: &'static str, why: &'static str, instead: &'static str) -> Unsupported {
    Unsupported { key, accepts: &[], why, instead }
}

/// A key that accepts some values only.
const fn only(
    key: &'static str,
    accepts: &'static [&'static str],
    why: &'static str,
    instead: &'static str,
) -> Unsupported {
    Unsupported { key, accepts, why, instead }
}

const CLASS: &str = "it names a Java class";
const SERDE: &str = "register the type's serde with `StreamsBuilder::serde`, or give it to \
                     `Consumed`, `Produced`, `Grouped` or `Materialized`";
const LIST_SERDE: &str = "register the serde of the whole list with `StreamsBuilder::serde`";
const RACK: &str = "tasks are not assigned by the racks of the brokers";
const INTERNAL: &str = "it is an internal switch of the Java implementation";
const REMOVE: &str = "remove it";

/// All unsupported keys, in order.
pub(super) const ALL: &[Unsupported] = &[
    never("__assignment.listener__", CLASS, REMOVE),
    never(
        "__internal.override.topic.prefix__",
        "names of internal topics start with the application id",
        "choose the `application.id` to be the start of the names",
    ),
    only("__processing.threads.enabled__", &["false"], INTERNAL, REMOVE),
    never("__reference.container.instance__", "it is a Java object", REMOVE),
    only("__state.updater.enabled__", &["true"], "stores are always restored in parallel", REMOVE),
    only(
        "allow.os.group.write.access",
        &["false"],
        "the state directory gets the permissions of the process's umask",
        "set the umask, or the permissions of `state.dir`",
    ),
    only("built.in.metrics.version", &["latest"], "there is only the latest version", REMOVE),
    never("default.client.supplier", CLASS, "hand the clients over when the application is built"),
    never("default.key.serde", "it names a Java class; a serde here belongs to a type", SERDE),
    never("default.list.key.serde.inner", CLASS, LIST_SERDE),
    never("default.list.key.serde.type", CLASS, LIST_SERDE),
    never("default.list.value.serde.inner", CLASS, LIST_SERDE),
    never("default.list.value.serde.type", CLASS, LIST_SERDE),
    never("default.value.serde", "it names a Java class; a serde here belongs to a type", SERDE),
    never(
        "dsl.store.suppliers.class",
        CLASS,
        "set `default.dsl.store` to `rocksDB` or `in_memory`, or give a supplier to `Materialized`",
    ),
    only(
        "enable.metrics.push",
        &["false"],
        "metrics are not pushed to the brokers (KIP-714)",
        "set `metrics.listen`, and have Prometheus read them there",
    ),
    only(
        "enable.transactional.statestores",
        &["true"],
        "stores are always transactional: uncommitted writes never reach the disk",
        REMOVE,
    ),
    never(
        "metric.reporters",
        CLASS,
        "set `metrics.listen`, or register `KafkaStreams::metrics_collector`",
    ),
    only(
        "metrics.recording.level",
        &["INFO", "DEBUG", "TRACE"],
        "all metrics are always on, whatever their level is in Java",
        REMOVE,
    ),
    only(
        "processing.exception.handler.global.enabled",
        &["false"],
        "the processing exception handler is not asked about global stores",
        "catch the error in the global store's processor",
    ),
    never(
        "processor.wrapper.class",
        CLASS,
        "give the wrapper in code: `StreamsBuilder::processor_wrapper`, `TopologyBuilder::with_processor_wrapper`",
    ),
    only("rack.aware.assignment.non_overlap_cost", &[""], RACK, REMOVE),
    only("rack.aware.assignment.strategy", &["none"], RACK, "use `none` or remove it"),
    only("rack.aware.assignment.traffic_cost", &[""], RACK, REMOVE),
    never(
        "rocksdb.config.setter",
        "it names a Java class, mostly used to bound RocksDB's memory, which one budget does here",
        "set `state.memory.max.bytes`",
    ),
    only(
        "state.cleanup.dir.max.age.ms",
        &["-1"],
        "stale state directories are not deleted at the start",
        "delete the application's directory beneath `state.dir` before the start",
    ),
    never(
        "statestore.uncommitted.max.bytes",
        "uncommitted writes are part of the stores' one memory budget",
        "set `statestore.cache.max.bytes` and `state.memory.max.bytes`",
    ),
    never("task.assignor.class", CLASS, "remove it: the sticky, lag-aware assignor is built in"),
    only(
        "topology.description.push.enabled",
        &["false"],
        "the topology is not sent to the brokers",
        "print `Topology::describe()`",
    ),
    never(
        "window.size.ms",
        "it configures a Java deserializer",
        "give the window's size to the windowed serde",
    ),
    never(
        "windowed.inner.class.serde",
        CLASS,
        "give the inner serde to the windowed serde in code",
    ),
    never("windowed.inner.serde", CLASS, "give the inner serde to the windowed serde in code"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_says_why_and_what_instead() {
        for entry in ALL {
            assert!(!entry.why.is_empty() && !entry.instead.is_empty(), "{}", entry.key);
            assert!(!entry.why.ends_with('.') && !entry.instead.ends_with('.'), "{}", entry.key);
        }
    }

    #[test]
    fn the_entries_are_in_the_order_of_their_keys() {
        assert!(ALL.is_sorted_by_key(|entry| entry.key));
    }
}
