//! Settings with a few named values, each an enum whose names are the table's values.

use std::fmt;

/// An enum that is the value of a setting.
pub(super) trait Choice: Copy + Default + 'static {
    /// The value with this name; `None` if there is none. For classes, Java's full name counts too.
    fn from_name(name: &str) -> Option<Self>;
}

/// Defines an enum whose variants have names, so that each name is written once: the table's
/// validator, the reader and `Display` all take them from here.
macro_rules! choices {
    ($(
        $(#[$meta:meta])*
        $name:ident in $package:literal {
            $( $(#[$variant_meta:meta])* $variant:ident = $text:literal, )+
        }
    )+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub enum $name {
            $( $(#[$variant_meta])* $variant, )+
        }

        impl $name {
            /// The names of all values, in the order of the variants.
            pub(super) const NAMES: &'static [&'static str] = &[$($text),+];

            /// Java's package of the classes with these names; empty if they are no classes.
            pub(super) const PACKAGE: &'static str = $package;

            /// The value's name in a configuration.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )+ }
            }
        }

        impl Choice for $name {
            fn from_name(name: &str) -> Option<Self> {
                match name.strip_prefix(Self::PACKAGE).unwrap_or(name) {
                    $( $text => Some(Self::$variant), )+
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}

choices! {
    /// Guarantee for the effects of a record after a failure: `processing.guarantee`.
    ProcessingGuarantee in "" {
        /// Every record is processed; after a failure some are processed again.
        #[default]
        AtLeastOnce = "at_least_once",
        /// The effects of each record on state and output topics appear once: results, changelog
        /// and offsets are committed in one transaction per thread (KIP-447).
        ExactlyOnceV2 = "exactly_once_v2",
    }

    /// Protocol by which instances agree on their tasks: `group.protocol`.
    GroupProtocol in "" {
        /// One of the instances decides, by the protocol that all brokers and Java's instances
        /// speak.
        #[default]
        Classic = "classic",
        /// The broker decides (KIP-1071). It needs Kafka 4.2 or later, and all instances must speak
        /// it.
        Streams = "streams",
    }

    /// The client that carries the records: `client.data.plane`. Java has no such setting.
    DataPlane in "" {
        /// This library's own consumers and producers.
        #[default]
        Native = "native",
        /// librdkafka's consumers and producers.
        RdKafka = "rdkafka",
    }

    /// Response to a record that cannot be deserialized: `deserialization.exception.handler`.
    DeserializationHandlerChoice in "org.apache.kafka.streams.errors." {
        /// Log it and stop the thread.
        #[default]
        LogAndFail = "LogAndFailExceptionHandler",
        /// Log it and drop the record.
        LogAndContinue = "LogAndContinueExceptionHandler",
    }

    /// Response to a processor that fails: `processing.exception.handler`.
    ProcessingHandlerChoice in "org.apache.kafka.streams.errors." {
        /// Log it and stop the thread.
        #[default]
        LogAndFail = "LogAndFailProcessingExceptionHandler",
        /// Log it and drop the record.
        LogAndContinue = "LogAndContinueProcessingExceptionHandler",
    }

    /// Response to a record that cannot be written: `production.exception.handler`.
    ProductionHandlerChoice in "org.apache.kafka.streams.errors." {
        /// Retry errors that may pass, fail on the rest.
        #[default]
        Default = "DefaultProductionExceptionHandler",
    }

    /// Origin of a record's timestamp unless its source says otherwise:
    /// `default.timestamp.extractor`.
    TimestampExtractorChoice in "org.apache.kafka.streams.processor." {
        /// The record's own timestamp; a negative one is an error.
        #[default]
        FailOnInvalidTimestamp = "FailOnInvalidTimestamp",
        /// The record's own timestamp; a record with a negative one is dropped.
        LogAndSkipOnInvalidTimestamp = "LogAndSkipOnInvalidTimestamp",
        /// The record's own timestamp, or the partition's time if that is negative.
        UsePartitionTimeOnInvalidTimestamp = "UsePartitionTimeOnInvalidTimestamp",
        /// The time at which the record is read.
        WallclockTimestampExtractor = "WallclockTimestampExtractor",
    }

    /// Response to a record of a source topic whose timestamp is further ahead of the wall clock
    /// than `timestamp.max.ahead.ms`: `timestamp.ahead.policy`. Java has no such setting.
    TimestampAheadPolicy in "" {
        /// The thread ends with an error that names the record.
        #[default]
        Fail = "fail",
        /// The record is processed as if its timestamp were the latest one permitted.
        Clamp = "clamp",
        /// The record is dropped, logged and counted, and sent as a dead letter where a topic for
        /// them is configured.
        Drop = "drop",
    }

    /// A rewriting of the topology: an item of `topology.optimization`.
    TopologyOptimization in "" {
        /// A table reads its source topic back instead of keeping a changelog of its own.
        #[default]
        ReuseKTableSourceTopics = "reuse.ktable.source.topics",
        /// Repartition topics that would carry the same records become one.
        MergeRepartitionTopics = "merge.repartition.topics",
        /// A stream joined with itself keeps one store instead of two.
        SingleStoreSelfJoin = "single.store.self.join",
    }

    /// Kind of the stores of DSL operators, unless an operator names its own: `default.dsl.store`.
    DslStore in "" {
        /// RocksDB, on disk.
        #[default]
        RocksDb = "rocksDB",
        /// Memory.
        InMemory = "in_memory",
    }

    /// Data that stores of DSL operators keep besides a value: `dsl.store.format` (KIP-1285).
    DslStoreFormat in "" {
        /// Its timestamp.
        #[default]
        Default = "DEFAULT",
        /// Its timestamp and its headers.
        Headers = "HEADERS",
    }

    /// Response to local state whose changelog is gone: `state.changelog.lost`. Java has no such
    /// setting: there the state starts empty.
    ChangelogLost in "" {
        /// Stop with an error. The state stays on disk.
        #[default]
        Fail = "fail",
        /// Rewrite the changelog from the local state.
        Rewrite = "rewrite",
        /// Drop the local state, and begin with the contents of the changelog.
        RestartEmpty = "restart-empty",
    }

    /// Response to a row of a changelog that can't be read: `state.changelog.corrupt`. Java has no
    /// such setting.
    ChangelogCorrupt in "" {
        /// Stop with an error that names the row.
        #[default]
        Fail = "fail",
        /// Leave the row out of the store, as if it were deleted, with a line in the log.
        Skip = "skip",
    }

    /// Start position of the main consumer in a partition without a committed offset, unless the
    /// source says otherwise: the consumer's `auto.offset.reset`.
    AutoOffsetReset in "" {
        /// At the oldest record; the default in Kafka Streams.
        #[default]
        Earliest = "earliest",
        /// At the end.
        Latest = "latest",
        /// Nowhere: it is an error.
        None = "none",
    }
}

impl TopologyOptimization {
    /// Every optimization: the meaning of the value `all`.
    pub const ALL: [Self; 3] =
        [Self::ReuseKTableSourceTopics, Self::MergeRepartitionTopics, Self::SingleStoreSelfJoin];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_as_the_value_that_prints_it() {
        for name in ProcessingGuarantee::NAMES {
            let value = ProcessingGuarantee::from_name(name).map(ProcessingGuarantee::as_str);
            assert_eq!(value, Some(*name));
        }
    }

    #[test]
    fn the_full_class_name_of_java_reads_as_the_short_one() {
        assert_eq!(
            TimestampExtractorChoice::from_name(
                "org.apache.kafka.streams.processor.WallclockTimestampExtractor"
            ),
            Some(TimestampExtractorChoice::WallclockTimestampExtractor)
        );
        assert_eq!(DeserializationHandlerChoice::from_name("com.example.Mine"), None);
    }

    #[test]
    fn all_optimizations_are_all_the_names() {
        assert_eq!(
            TopologyOptimization::ALL.map(TopologyOptimization::as_str),
            TopologyOptimization::NAMES
        );
    }
}
