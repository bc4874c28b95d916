//! A Kafka client: groups by both of Kafka's protocols, committed offsets with a member's epoch,
//! admin calls, fetching and producing.
//!
//! It knows nothing of streams: user data of group members are bytes to it. Invariant: only this
//! crate names the protocol codec. Brokers from Kafka 3.0 on.
#![forbid(unsafe_code)]

mod admin;
#[cfg(test)]
mod broker_tests;
mod cluster;
mod config;
mod connection;
pub mod consumer;
mod error;
pub mod group;
mod offsets;
pub mod producer;
pub mod record_batch;
mod statistics;
mod topic_partition;

pub use self::{
    admin::{CreatedTopics, GroupDescription, NewTopic, PartitionOffsets, TopicDescription},
    cluster::Client,
    config::{
        ClientCertificate, ClientConfig, SaslConfig, Security, SecurityProtocol, TlsConfig,
        TokenProvider,
    },
    error::{Error, ErrorKind, Result, code_name},
    offsets::{GroupMember, OffsetAndMetadata},
    statistics::{Meter, Spread, Statistics},
    topic_partition::{IsolationLevel, TopicPartition},
};
