//! `KStream`, `KTable` and windows: the high-level language of Kafka Streams for Rust.
//!
//! A [`StreamsBuilder`] hands out streams and tables; their operators write down a plan, which
//! [`StreamsBuilder::build`] lowers to a [`Topology`]: the names of nodes, stores and internal
//! topics are those that Java Kafka Streams would give. Stands on the public Processor API of
//! `streams-core` alone.
//!
//! ```
//! use streams_dsl::prelude::*;
//!
//! let builder = StreamsBuilder::new();
//! let orders = builder.stream::<String, i64>("orders");
//! orders.filter(|_, amount| *amount > 1_000).to("high-value-orders");
//! orders.group_by_key().count().to_stream().to("orders-per-customer");
//! let topology = builder.build()?;
//! assert!(topology.describe().contains("Sink: KSTREAM-SINK-0000000002 (topic: high-value-orders)"));
//! # Ok::<(), streams_dsl::Error>(())
//! ```
#![forbid(unsafe_code)]

mod builder;
mod change;
mod cogroup;
mod foreign_key;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod global_ktable;
mod global_store_handle;
mod group;
mod operators;
mod options;
mod plan;
mod store_handle;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod windows;

/// Turning data into bytes and back, with the serdes of schemas if they are built.
pub mod serde {
    pub use streams_core::serde::*;
    #[cfg(any(feature = "avro", feature = "protobuf", feature = "json-schema"))]
    pub use streams_serdes::*;
}
#[cfg(feature = "testing")]
pub use streams_core::testing;
pub use streams_core::{
    BoxError, Direction, Error, ErrorKind, Headers, KafkaStreams, Record, RecordMetadata, Result,
    Topic, TopicPartition, client,
    config::{self, StreamsConfig},
    handler, processor, runtime, store, time,
    topology::{self, Topology},
};

pub use self::{
    builder::StreamsBuilder,
    change::{Change, ChangedSerde},
    cogroup::CogroupedKStream,
    foreign_key::murmur3_128,
    global_ktable::GlobalKTable,
    global_store_handle::GlobalStoreHandle,
    group::{
        KGroupedStream, KGroupedTable, SessionWindowedKStream, SlidingWindowedKStream,
        TimeWindowedKStream, UnlimitedWindowedKStream, Unwindowed,
    },
    operators::{
        BranchedKStream, FixedKeyContext, FixedKeyProcessor, FixedKeyRecord, Nullable, TableKey,
    },
    options::{
        AsyncOptions, BufferBounds, BufferConfig, Consumed, EagerBufferConfig, EmitStrategy,
        Materialized, Named, Printed, Produced, Repartitioned, StreamJoined, StreamStored,
        StrictBufferConfig, Suppressed, TableJoined,
    },
    store_handle::{ConnectedStores, StoreHandle},
    stream::{KStream, StreamEnd},
    table::KTable,
    windows::{
        JoinWindows, SessionWindowedSerde, SessionWindows, SlidingWindows, TimeWindowedSerde,
        TimeWindows, UnlimitedWindows, Window, Windowed, session_windowed, time_windowed,
    },
};

/// All that a program of streams and tables needs.
pub mod prelude {
    // The functions that make serdes, but not their module: its name is that of a crate which
    // programs derive from.
    #[cfg(feature = "embedded")]
    pub use streams_core::client::embedded::EmbeddedCluster;
    #[cfg(feature = "bincode")]
    pub use streams_core::serde::bincode;
    #[cfg(feature = "json")]
    pub use streams_core::serde::json;
    #[cfg(feature = "testing")]
    pub use streams_core::testing::{
        TestInputTopic, TestOutputTopic, TestRecord, TopologyTestDriver,
    };
    pub use streams_core::{
        BoxError, Direction, Headers, KafkaStreams, Record, Result, Topic,
        config::{
            DeserializationHandlerChoice, ProcessingGuarantee, ProcessingHandlerChoice,
            ProductionHandlerChoice,
        },
        handler::{LogAndContinue, LogAndFail, Retry},
        processor::{Context, Processor, Punctuation, PunctuationType},
        runtime::State,
        serde::{
            Serde, SerdeRef, Written, boolean, bytes, double, float, integer, long, option, short,
            string, unit, unversioned, uuid, versioned,
        },
        store::{
            GlobalStoreRef, KeyValueStore, SessionStore, StoreRef, Stores,
            TimestampedKeyValueStore, TimestampedWindowStore, ValueAndTimestamp,
            VersionedKeyValueStore, WindowStore,
        },
        time::SystemClock,
    };
    #[cfg(feature = "json-schema")]
    pub use streams_serdes::json_schema;
    #[cfg(feature = "protobuf")]
    pub use streams_serdes::protobuf;
    #[cfg(any(feature = "avro", feature = "protobuf", feature = "json-schema"))]
    pub use streams_serdes::{SchemaRegistry, SchemaText, SubjectStrategy};
    #[cfg(feature = "avro")]
    pub use streams_serdes::{avro, avro_value};

    pub use crate::{
        AsyncOptions, BufferConfig, CogroupedKStream, Consumed, EmitStrategy, FixedKeyContext,
        FixedKeyProcessor, FixedKeyRecord, GlobalKTable, GlobalStoreHandle, JoinWindows,
        KGroupedStream, KGroupedTable, KStream, KTable, Materialized, Named, Printed, Produced,
        Repartitioned, SessionWindowedKStream, SessionWindows, SlidingWindowedKStream,
        SlidingWindows, StoreHandle, StreamJoined, StreamStored, StreamsBuilder, StreamsConfig,
        Suppressed, TableJoined, TimeWindowedKStream, TimeWindows, Topology,
        UnlimitedWindowedKStream, UnlimitedWindows, Window, Windowed, session_windowed,
        time_windowed,
    };
}

/// The programs of the README compile and run.
#[cfg(all(doctest, feature = "rocksdb", feature = "rdkafka"))]
#[doc = include_str!("../../README.md")]
pub struct ReadmeDoctests;

/// The programs of the operator's guide compile.
#[cfg(all(doctest, feature = "rdkafka"))]
#[doc = include_str!("../../docs/OPERATIONS.md")]
pub struct OperationsDoctests;

/// The programs of the guide compile, and run where they need no cluster.
#[cfg(doctest)]
mod guide {
    macro_rules! chapters {
        ($($chapter:ident in $file:literal),+ $(,)?) => {
            $(#[doc = include_str!(concat!("../../docs/guide/src/", $file))] pub struct $chapter;)+
        };
    }

    chapters! {
        Calls in "calls.md",
        ComingFromJava in "coming-from-java.md",
        Errors in "errors.md",
        ExactlyOnce in "exactly-once.md",
        FirstTopology in "first-topology.md",
        Introduction in "introduction.md",
        Joins in "joins.md",
        Monitoring in "monitoring.md",
        NamingAndUpgrades in "naming-and-upgrades.md",
        Operators in "operators.md",
        Processors in "processors.md",
        Serdes in "serdes.md",
        State in "state.md",
        Testing in "testing.md",
        TimeAndWindows in "time-and-windows.md",
    }
}
