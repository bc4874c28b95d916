//! The cluster of an example.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use streams_core::{
    Error, ErrorKind, Headers, Result, TopicPartition,
    client::{
        ClientSupplier, ConsumerSettings, IsolationLevel, NewTopic, ProduceRecord,
        ProducerSettings, RecordBatch, embedded::EmbeddedCluster,
    },
    config::StreamsConfig,
    partition_for_key,
    serde::{SerdeRef, Written},
    time::{Clock, SystemClock},
};

const PARTITIONS: i32 = 2;
const POLL_RECORDS: usize = 1_000;
const POLL_WAIT: Duration = Duration::from_millis(200);
/// Longest wait for records that are known to exist.
const PATIENCE_MS: i64 = 30_000;

/// A Kafka cluster, in this process or not. Dropping it removes the local state of the applications
/// that ran on it.
#[derive(Debug)]
pub struct Cluster {
    servers: String,
    clients: Arc<dyn ClientSupplier>,
    state: PathBuf,
}

/// The serdes of a topic's keys and values.
type Serdes<'a, K, V> = (&'a SerdeRef<K>, &'a SerdeRef<V>);

impl Cluster {
    /// The cluster that the command line asks for: one in this process, or that of
    /// `--bootstrap-server SERVERS`.
    ///
    /// # Errors
    /// `Config` for other arguments, and the errors of [`kafka`](Self::kafka).
    pub fn from_args() -> Result<Self> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        match &arguments[..] {
            [] => Ok(Self::embedded()),
            [option, servers] if option == "--bootstrap-server" => Self::kafka(servers),
            _ => {
                let text = "expected no arguments, or --bootstrap-server HOST:PORT";
                Err(Error::new(ErrorKind::Config, text))
            }
        }
    }

    /// Creates a cluster in this process.
    pub fn embedded() -> Self {
        Self::new("embedded:9092", Arc::new(EmbeddedCluster::new(Arc::new(SystemClock))))
    }

    /// The cluster of these servers.
    ///
    /// # Errors
    /// `Config` if `servers` is not a list of hosts and ports.
    #[cfg(feature = "rdkafka")]
    pub fn kafka(servers: &str) -> Result<Self> {
        let config = StreamsConfig::new("examples", servers);
        Ok(Self::new(servers, streams_core::client::clients_for(&config)?))
    }

    /// The cluster of these servers.
    ///
    /// # Errors
    /// `Config`, because this build lacks the feature `rdkafka`.
    #[cfg(not(feature = "rdkafka"))]
    pub fn kafka(servers: &str) -> Result<Self> {
        let text = format!("this build can't reach {servers}: it is without the feature `rdkafka`");
        Err(Error::new(ErrorKind::Config, text))
    }

    fn new(servers: &str, clients: Arc<dyn ClientSupplier>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = format!("kafka-streams-example-{}-{number}", std::process::id());
        let state = std::env::temp_dir().join(directory);
        Self { servers: servers.to_owned(), clients, state }
    }

    /// Makes the clients of instances. `KafkaStreams::new` makes those of `bootstrap.servers` by
    /// itself.
    pub fn clients(&self) -> Arc<dyn ClientSupplier> {
        self.clients.clone()
    }

    /// The configuration of an application here: results come soon, and stores are in memory, so
    /// the examples can be built without RocksDB.
    pub fn config(&self, application_id: &str) -> StreamsConfig {
        StreamsConfig::new(application_id, &self.servers)
            .state_dir(&self.state)
            .commit_interval(Duration::from_millis(100))
            .set("default.dsl.store", "in_memory")
    }

    /// Creates topics of two partitions, unless they exist.
    ///
    /// # Errors
    /// `InvalidTopic` for a name that the cluster refuses, `Unavailable` if it can't be reached.
    pub fn create_topics(&self, names: &[&str]) -> Result {
        // Some examples write records with their own times, which are older than any retention.
        let keeps_all = BTreeMap::from([("retention.ms".to_owned(), "-1".to_owned())]);
        let new = |name: &&str| NewTopic {
            name: (*name).to_owned(),
            partitions: PARTITIONS,
            replication_factor: -1,
            config: keeps_all.clone(),
        };
        let topics: Vec<NewTopic> = names.iter().map(new).collect();
        self.clients.admin()?.create_topics(&topics).wait()
    }

    /// Writes records with the current time.
    ///
    /// # Errors
    /// `Serialization` for a record that can't be written, the cluster's error for one that it
    /// refuses.
    pub fn send<K, V>(
        &self,
        topic: &str,
        serdes: Serdes<'_, K, V>,
        records: impl IntoIterator<Item = (K, V)>,
    ) -> Result {
        let now_ms = SystemClock.now_ms();
        self.send_at(topic, serdes, records.into_iter().map(|(key, value)| (key, value, now_ms)))
    }

    /// Writes records with their own times, in milliseconds since the epoch.
    ///
    /// # Errors
    /// The errors of [`send`](Self::send).
    pub fn send_at<K, V>(
        &self,
        topic: &str,
        (key_serde, value_serde): Serdes<'_, K, V>,
        records: impl IntoIterator<Item = (K, V, i64)>,
    ) -> Result {
        let client_id = "example".to_owned();
        let settings = ProducerSettings { client_id, ..ProducerSettings::default() };
        let mut producer = self.clients.producer(&settings)?;
        for (key, value, timestamp) in records {
            let (key, value) = (bytes(key_serde, topic, &key)?, bytes(value_serde, topic, &value)?);
            let partition = partition_for_key(key.as_deref().unwrap_or_default(), PARTITIONS);
            let (key, value) = (key.as_deref(), value.as_deref());
            let record = ProduceRecord { timestamp, key, value, headers: &Headers::new() };
            producer.append_to(&TopicPartition::new(topic, partition), record)?;
        }
        producer.flush()?.into_iter().try_for_each(|report| report.result.map(drop))
    }

    /// Reads the committed records of a topic; the records of a key come in order.
    ///
    /// # Errors
    /// `InvalidTopic` if it does not exist, `Deserialization` with the partition of a record that
    /// can't be read, `Timeout` if existing records do not arrive.
    pub fn read<K, V>(&self, topic: &str, serdes: Serdes<'_, K, V>) -> Result<Vec<(K, V)>> {
        let mut admin = self.clients.admin()?;
        let partitions: Vec<_> =
            (0..PARTITIONS).map(|partition| TopicPartition::new(topic, partition)).collect();
        let starts = admin.earliest_offsets(&partitions).all().wait()?;
        let ends = admin.latest_offsets(&partitions, IsolationLevel::ReadCommitted).all().wait()?;
        let settings = ConsumerSettings {
            client_id: "example".to_owned(),
            isolation: IsolationLevel::ReadCommitted,
            ..ConsumerSettings::default()
        };
        let mut consumer = self.clients.consumer(&settings)?;
        for (partition, start) in &starts {
            consumer.assign(partition, *start)?;
        }
        let mut records = Vec::new();
        let mut progress_ms = SystemClock.now_ms();
        while ends.iter().any(|(place, end)| consumer.position(place).unwrap_or(0) < *end) {
            let batches = consumer.poll(POLL_RECORDS, POLL_WAIT)?;
            if !batches.is_empty() {
                progress_ms = SystemClock.now_ms();
            } else if SystemClock.now_ms() - progress_ms > PATIENCE_MS {
                let text = format!("records of topic {topic} are there and do not come");
                return Err(Error::new(ErrorKind::Timeout, text));
            }
            batches.iter().try_for_each(|batch| decode(batch, serdes, &mut records))?;
        }
        Ok(records)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // If no application ran there is none, and leftovers are in the system's temporary
        // directory.
        let _ = std::fs::remove_dir_all(&self.state);
    }
}

fn bytes<T>(serde: &SerdeRef<T>, topic: &str, data: &T) -> Result<Option<Vec<u8>>> {
    let mut out = Vec::new();
    let written = serde.serialize(topic, data, &mut out).map_err(|cause| {
        Error::with_source(ErrorKind::Serialization, format!("writing to topic {topic}"), cause)
    })?;
    Ok((written == Written::Bytes).then_some(out))
}

fn decode<K, V>(
    batch: &RecordBatch,
    (key, value): Serdes<'_, K, V>,
    records: &mut Vec<(K, V)>,
) -> Result {
    let from = batch.topic_partition();
    for record in batch.iter() {
        let place = format!("reading {from}@{}", record.offset);
        let fail = |cause| Error::with_source(ErrorKind::Deserialization, place.clone(), cause);
        let key = key.deserialize(&from.topic, record.key).map_err(fail)?;
        let value = value.deserialize(&from.topic, record.value).map_err(fail)?;
        records.push((key, value));
    }
    Ok(())
}
