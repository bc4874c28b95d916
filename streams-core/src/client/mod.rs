//! The runtime's view of a Kafka cluster: four small traits, designed for batches.
//!
//! [`Consumer`], [`Producer`], [`Admin`] and [`Membership`] are a stream thread's whole view of the
//! outside; [`ClientSupplier`] makes them. One suite of contract tests covers every implementation.
//! Invariants: no public type names a client library or a protocol crate; a call returns no later
//! than the wait it is given, so that a simulator can step the runtime. A call that has to wait for
//! the cluster only begins, and its [`Answer`] is taken later.
//!
//! Errors: [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) had no effect and may be
//! retried, [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) may have taken effect,
//! [`ErrorKind::Fenced`](crate::ErrorKind::Fenced) means that this member or producer is a zombie.

mod admin;
pub(crate) mod answer;
mod collector;
mod consumer;
#[cfg(feature = "rdkafka")]
mod data_plane;
#[cfg(feature = "embedded")]
pub mod embedded;
#[cfg(any(feature = "embedded", feature = "rdkafka", test))]
mod fair_share;
mod flow;
mod header_bytes;
#[cfg(any(feature = "fuzzing", feature = "rdkafka", test))]
#[cfg_attr(
    all(feature = "fuzzing", not(feature = "rdkafka")),
    allow(dead_code, unused_imports, reason = "only its decoders are fed")
)]
mod java_protocol;
#[cfg(feature = "rdkafka")]
mod kafka;
mod lease;
mod membership;
#[cfg(feature = "rdkafka")]
pub mod native;
#[cfg(feature = "rdkafka")]
mod oauth;
mod producer;
#[cfg(feature = "rdkafka")]
mod propagation;
#[cfg(feature = "rdkafka")]
pub mod rdkafka;
mod records;
mod refused;
mod slots;
mod statistics;
mod supplier;
#[cfg(feature = "rdkafka")]
mod wake;

#[cfg(feature = "fuzzing")]
pub(crate) use self::java_protocol::feed_group_decoders;
pub use self::{
    admin::{Admin, PartitionOffsets, TopicDescription},
    answer::Answer,
    consumer::Consumer,
    lease::Lease,
    membership::{GroupMetadata, Heartbeat, JoinGroup, Membership, OffsetAndMetadata},
    producer::{Appended, BatchReport, ProduceRecord, Producer},
    records::{RecordBatch, RecordSpans, RecordView, Records},
    refused::{Fingerprint, RefusedRecord},
    slots::{PartitionSlot, ProducerId, Slots},
    statistics::{ClientKind, ClientStatistics},
    supplier::{
        ClientSupplier, ConsumerRole, ConsumerSettings, IsolationLevel, OffsetReset,
        ProducerSettings,
    },
};
pub(crate) use self::{collector::Collector, flow::Flow};
#[cfg(feature = "rdkafka")]
pub use self::{
    data_plane::{clients_for, clients_with_tokens},
    oauth::{OAuthToken, TokenProvider},
};
pub use crate::{assignor::StandbySettings, membership::NewTopic};
