//! Fetching of records over our own connections.
//!
//! A [`Consumer`] is assigned partitions; it belongs to no group and commits nothing. One task per
//! consumer keeps a fetch session (KIP-227) at each broker: the next request is sent as soon as an
//! answer has come, before anybody has looked at its records, so the broker works while the caller
//! does. If a partition is to be read while the session's request waits for records, it is
//! requested alongside the session, at once. Callers take batches as they are in the answers
//! ([`PartitionReader`]); nothing here touches a record.
//!
//! Invariant: a batch is returned once and in order, and no records fetched before a reader was
//! dropped reach a later one.

mod aborted;
mod answer;
mod config;
mod fetched_batch;
mod fetcher;
mod partition;
mod partition_reader;
mod session;
mod shared;

use std::{sync::Arc, task::Waker};

use tokio::runtime::Handle;

pub use self::{
    config::ConsumerConfig, fetched_batch::FetchedBatch, partition_reader::PartitionReader,
};
use self::{fetcher::Fetcher, partition::Partition, shared::Shared};
use crate::{Client, Error, Meter, TopicPartition};

/// Fetches the partitions assigned to it. Java's `KafkaConsumer` with `assign` and `seek`.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    meter: Arc<Meter>,
    config: Arc<ConsumerConfig>,
}

impl Consumer {
    /// Creates a consumer with nothing to read. Its task runs on `runtime`, over its own
    /// connections with the settings of `client`; `client` itself is used for looking up leaders.
    pub fn new(client: &Client, runtime: &Handle, config: ConsumerConfig) -> Self {
        let (shared, config) = (Arc::new(Shared::default()), Arc::new(config));
        runtime.spawn(Fetcher::new(client, Arc::clone(&shared), Arc::clone(&config)).run());
        Self { shared, meter: Arc::clone(client.meter()), config }
    }

    /// Starts to read a partition at `offset`, and reads it until the reader is dropped. Whether
    /// the partition exists is found out later.
    pub fn read(&self, partition: &TopicPartition, offset: i64) -> PartitionReader {
        let meter = Arc::clone(&self.meter);
        let partition = Arc::new(Partition::new(partition.clone(), offset, meter));
        let (shared, config) = (Arc::clone(&self.shared), Arc::clone(&self.config));
        let reader = PartitionReader::new(Arc::clone(&partition), offset, shared, config);
        // From here on it is fetched.
        self.shared.add(&partition);
        reader
    }

    /// Wakes `waker` whenever a reader has something new, or there is
    /// [trouble](Self::take_trouble).
    pub fn wake(&self, waker: &Waker) {
        self.shared.set_waker(waker);
    }

    /// The reason why nothing could be fetched or looked up lately, if it has not been returned
    /// before. Retries continue meanwhile.
    pub fn take_trouble(&self) -> Option<Error> {
        self.shared.take_trouble()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.shared.close();
    }
}
