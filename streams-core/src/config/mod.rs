//! The configuration of an application, in Java Kafka Streams' keys.
//!
//! [`StreamsConfig`] collects settings and never fails; [`StreamsConfig::validate`] checks all of
//! them at once and returns either a [`ValidConfig`] with typed getters, or a [`ConfigError`] that
//! lists every problem and its remedy. Settings are data: anything that needs code (an exception
//! handler of your own, a timestamp extractor, a serde) is passed in code instead.
//!
//! Not here: the effects of a setting. This module names no other module of the crate.
//!
//! Invariant: every key is one entry of `table`, or one of `unsupported`, or a key of the Kafka
//! clients in `client_keys`. A `ValidConfig` exists only for settings without a problem, so its
//! getters cannot fail.

mod check;
mod choice;
mod client_keys;
mod documentation;
mod entry;
mod error;
mod groups;
mod java_keys;
mod kind;
mod librdkafka_keys;
mod settings;
mod streams_config;
mod suggest;
mod table;
mod unsupported;
mod upgrade_from;
mod valid;

#[cfg(test)]
mod tests;

pub use self::choice::{
    AutoOffsetReset, ChangelogCorrupt, ChangelogLost, DataPlane, DeserializationHandlerChoice,
    DslStore, DslStoreFormat, GroupProtocol, ProcessingGuarantee, ProcessingHandlerChoice,
    ProductionHandlerChoice, TimestampAheadPolicy, TimestampExtractorChoice, TopologyOptimization,
};
pub use self::client_keys::ClientRole;
pub use self::error::{ConfigError, ConfigProblem, ConfigProblemKind};
pub use self::streams_config::StreamsConfig;
pub use self::upgrade_from::UpgradeFrom;
pub use self::valid::ValidConfig;
