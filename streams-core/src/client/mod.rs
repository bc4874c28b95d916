//! What the runtime asks of a Kafka cluster: four small traits, shaped for batches.
//!
//! [`Consumer`], [`Producer`], [`Admin`] and [`Membership`] are all that a stream thread knows of
//! the outside; [`ClientSupplier`] makes them. One suite of contract tests holds for every
//! implementation. Invariants: no public type names a client library or a protocol crate; a call
//! returns no later than the wait it is given, so that a simulator can step the runtime. What has to wait for the
//! cluster begins, and its [`Answer`] is asked for later.
//!
//! Errors: [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) had no effect and may be
//! repeated, [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) may have had its effect,
//! [`ErrorKind::Fenced`](crate::ErrorKind::Fenced) means that this member or producer is a zombie.

mod admin;
pub(crate) mod answer;
mod collector;
mod consumer;
#[cfg(feature = "embedded")]
pub mod embedded;
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
mod producer;
#[cfg(feature = "rdkafka")]
pub mod rdkafka;
mod records;
mod refused;
mod slots;
mod supplier;

pub(crate) use self::collector::Collector;
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
    supplier::{
        ClientSupplier, ConsumerRole, ConsumerSettings, IsolationLevel, OffsetReset,
        ProducerSettings,
    },
};
pub use crate::{assignor::StandbySettings, membership::NewTopic};
