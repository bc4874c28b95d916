//! Writes to topics, through this project's own client: for making inputs, and for measuring a
//! floor.

use std::time::Duration;

use kafka_client::{
    Client, TopicPartition,
    producer::{Producer, ProducerConfig},
};
use tokio::runtime::Handle;

use super::Failure;

/// Size of a batch: large, as for a producer that catches up.
const BATCH_BYTES: usize = 128 << 10;
/// Pause of a writer whose buffer is full.
const FULL_PAUSE: Duration = Duration::from_millis(1);
/// Number of records between two checks whether the buffer is full.
const RUN: u32 = 256;

/// Writes to one topic.
#[derive(Debug)]
pub struct Writing {
    producer: Producer,
    slots: Vec<usize>,
    appended: u32,
}

impl Writing {
    /// Writes to the partitions of `topic`, on its own connections. Call it within a tokio runtime.
    pub fn new(client: &Client, topic: &str, partitions: i32) -> Self {
        let mut config = ProducerConfig::new("bench");
        config.batch_bytes = BATCH_BYTES;
        let mut producer = Producer::new(client, &Handle::current(), config);
        let slots = (0..partitions)
            .map(|partition| producer.slot(&TopicPartition::new(topic, partition)))
            .collect();
        Self { producer, slots, appended: 0 }
    }

    /// Appends a record to the partition that Java's default partitioner gives its key.
    ///
    /// # Errors
    /// If the cluster refuses earlier records.
    pub async fn append(&mut self, timestamp: i64, key: &str, value: &str) -> Result<(), Failure> {
        let count = i32::try_from(self.slots.len())?;
        let partition = streams_core::partition_for_key(key.as_bytes(), count);
        let slot =
            self.slots.get(usize::try_from(partition)?).ok_or("the topic has no partition")?;
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        while !self.producer.append(*slot, timestamp, key, value, std::iter::empty())? {
            self.producer.open(*slot)?;
        }
        self.appended += 1;
        if self.appended.is_multiple_of(RUN) {
            self.producer.send_due();
            while self.producer.is_full() {
                self.producer.check()?;
                tokio::time::sleep(FULL_PAUSE).await;
            }
        }
        Ok(())
    }

    /// Sends the appended records, without waiting for answers.
    pub fn send(&mut self) {
        self.producer.send_all();
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// If the cluster refuses a batch, or does not answer in time.
    pub async fn flush(&mut self) -> Result<(), Failure> {
        for report in self.producer.flush().await? {
            report.result?;
        }
        Ok(())
    }
}
