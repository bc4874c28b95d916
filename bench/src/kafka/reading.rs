//! Reads of topics, through this project's own client: for comparing outputs, and for measuring a
//! floor.

use std::{collections::BTreeMap, sync::Arc, task::Wake, time::Duration};

use kafka_client::{
    Client, IsolationLevel, TopicPartition,
    consumer::{Consumer, ConsumerConfig, PartitionReader},
};
use tokio::{runtime::Handle, sync::Notify, time::timeout};

use super::Failure;

/// Time after which a read that finds nothing has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Limit on the bytes of a partition in one fetch.
const PARTITION_BYTES_MAX: i32 = 8 << 20;

/// A record that was read. It borrows from the fetched bytes.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Number of its partition.
    pub partition: i32,
    /// Its timestamp, in milliseconds since 1970.
    pub timestamp: i64,
    /// Its key, if it has one.
    pub key: Option<&'a [u8]>,
    /// Its value; a tombstone has none.
    pub value: Option<&'a [u8]>,
}

/// Reads committed records.
#[derive(Debug)]
pub struct Reading {
    consumer: Consumer,
    news: Arc<News>,
}

/// Wakes the reader when something was fetched.
#[derive(Debug, Default)]
struct News(Notify);

impl Wake for News {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

impl Reading {
    /// A reader on its own connections. Call it within a tokio runtime.
    pub fn new(client: &Client) -> Self {
        let mut config = ConsumerConfig::new("bench");
        config.isolation = IsolationLevel::ReadCommitted;
        config.partition_max_bytes = PARTITION_BYTES_MAX;
        let (consumer, news) =
            (Consumer::new(client, &Handle::current(), config), Arc::new(News::default()));
        consumer.wake(&Arc::clone(&news).into());
        Self { consumer, news }
    }

    /// Begins to read a partition at an offset.
    pub fn read(&self, partition: &TopicPartition, offset: i64) -> PartitionReader {
        self.consumer.read(partition, offset)
    }

    /// Passes each record that has arrived to `each`; waits for some if there are none. Returns
    /// their number.
    ///
    /// # Errors
    /// If the cluster refuses a read, nothing comes for a minute, or `each` fails.
    pub async fn next(
        &self,
        readers: &mut [PartitionReader],
        mut each: impl FnMut(Row<'_>) -> Result<(), Failure>,
    ) -> Result<usize, Failure> {
        loop {
            let (mut count, mut moved) = (0, false);
            for reader in &mut *readers {
                let partition = reader.partition().partition;
                let Some(batch) = reader.next_batch()? else { continue };
                moved = true;
                let Some(records) = batch.records() else { continue };
                for entry in batch.entries() {
                    let entry = entry?;
                    let key = entry.key.map(|span| records.slice(span));
                    let value = entry.value.map(|span| records.slice(span));
                    each(Row { partition, timestamp: entry.timestamp, key, value })?;
                    count += 1;
                }
            }
            if moved {
                return Ok(count);
            }
            let news = timeout(PATIENCE, self.news.0.notified()).await;
            news.map_err(|_| "nothing could be read for a minute")?;
        }
    }
}

/// Ends of the partitions of a topic, as offsets of their next records.
///
/// # Errors
/// If there is no such topic, or the cluster can't be asked.
pub async fn ends(client: &Client, topic: &str) -> Result<BTreeMap<TopicPartition, i64>, Failure> {
    let counts = client.partition_counts(&[topic]).await?;
    let count = *counts.get(topic).ok_or_else(|| format!("there is no topic {topic}"))?;
    let partitions: Vec<_> = (0..count).map(|number| TopicPartition::new(topic, number)).collect();
    let found = client.latest_offsets(&partitions, IsolationLevel::ReadUncommitted).await?;
    let mut ends = BTreeMap::new();
    for (partition, end) in found {
        ends.insert(partition, end?);
    }
    Ok(ends)
}

/// Passes all records that a topic has now to `each`, in the order of each partition.
///
/// # Errors
/// If there is no such topic, it can't be read, or `each` fails.
pub async fn read_all(
    client: &Client,
    topic: &str,
    mut each: impl FnMut(Row<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let reading = Reading::new(client);
    let mut left = ends(client, topic).await?;
    left.retain(|_, end| *end > 0);
    let mut readers: Vec<_> = left.keys().map(|partition| reading.read(partition, 0)).collect();
    while !readers.is_empty() {
        reading.next(&mut readers, &mut each).await?;
        readers.retain(|reader| {
            left.get(reader.partition()).is_some_and(|end| reader.position() < *end)
        });
    }
    Ok(())
}
