//! Fetching records over connections of our own.
//!
//! A [`Consumer`] is handed partitions; it belongs to no group and commits nothing. One task per consumer keeps a fetch
//! session (KIP-227) at each broker: the next request goes out as soon as an answer has come, before anybody has looked at
//! its records, so that the broker works while the caller does. A partition that is to be read while the session's request
//! waits for records is asked for beside the session, at once. Callers take batches as they lie in the answers
//! ([`PartitionReader`]); nothing here touches a record.
//!
//! Invariant: a batch is handed out once and in order, and what was fetched before a reader was dropped reaches no later one.

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
use crate::{Client, Error, TopicPartition};

/// Fetches the partitions that it was handed. Java's `KafkaConsumer` with `assign` and `seek`.
#[derive(Debug)]
pub struct Consumer {
    shared: Arc<Shared>,
    config: Arc<ConsumerConfig>,
}

impl Consumer {
    /// A consumer with nothing to read. Its task runs on `runtime`, over connections that it opens for itself as `client`
    /// would; `client` serves for looking up leaders.
    pub fn new(client: &Client, runtime: &Handle, config: ConsumerConfig) -> Self {
        let (shared, config) = (Arc::new(Shared::default()), Arc::new(config));
        runtime.spawn(Fetcher::new(client, Arc::clone(&shared), Arc::clone(&config)).run());
        Self { shared, config }
    }

    /// Starts to read a partition at `offset`, and reads it until the reader is dropped. That the partition exists is
    /// found out later.
    pub fn read(&self, partition: &TopicPartition, offset: i64) -> PartitionReader {
        let partition = Arc::new(Partition::new(partition.clone(), offset));
        self.shared.add(&partition);
        PartitionReader::new(partition, Arc::clone(&self.shared), Arc::clone(&self.config))
    }

    /// Has `waker` woken whenever a reader has something new, or there is [trouble](Self::take_trouble).
    pub fn wake(&self, waker: &Waker) {
        self.shared.set_waker(waker);
    }

    /// Why nothing could be fetched or looked up lately, if that has not been told before. It is tried again all the while.
    pub fn take_trouble(&self) -> Option<Error> {
        self.shared.take_trouble()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.shared.close();
    }
}
