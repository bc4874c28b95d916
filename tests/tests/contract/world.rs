//! The clusters, and common actions of tests on them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use streams_core::{
    Error, Headers, TopicPartition,
    client::{
        Admin, ClientSupplier, Consumer, ConsumerRole, ConsumerSettings, IsolationLevel, JoinGroup,
        Membership, NewTopic, ProduceRecord, Producer, ProducerSettings, RecordBatch,
        embedded::EmbeddedCluster,
    },
    time::{Clock, SystemClock},
};

/// Time for which a test waits for an expected event.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time for which a test watches that nothing happens.
pub(crate) const A_WHILE: Duration = Duration::from_millis(300);

/// Adds partitions to a topic.
type Grow = Box<dyn Fn(&str, i32) + Sync>;

/// A cluster under test.
pub(crate) struct World {
    name: &'static str,
    clients: Arc<dyn ClientSupplier>,
    grow: Grow,
}

/// Runs a test on the broker, if there is one, with the clients of each data plane: for their
/// behaviour beyond the cluster's.
pub(crate) fn on_the_broker(test: impl Fn(&World)) {
    for broker in broker() {
        // Shown if the test fails: which data plane it failed on.
        eprintln!("on {}", broker.name);
        test(&broker);
    }
}

/// Runs a test on every available cluster.
pub(crate) fn everywhere(test: impl Fn(&World)) {
    let embedded = EmbeddedCluster::new(Arc::new(SystemClock));
    let clients = Arc::new(embedded.clone());
    let grow = Box::new(move |topic: &str, total| {
        embedded.create_partitions(topic, total).unwrap();
    });
    test(&World { name: "embedded", clients, grow });
    on_the_broker(test);
}

#[cfg(feature = "rdkafka")]
fn broker() -> Vec<World> {
    use streams_core::config::DataPlane;

    let Ok(bootstrap) = std::env::var("KAFKA_STREAMS_TEST_BOOTSTRAP") else {
        eprintln!("skipped on a broker: KAFKA_STREAMS_TEST_BOOTSTRAP names none");
        return Vec::new();
    };
    let planes = [("rdkafka", DataPlane::RdKafka), ("native", DataPlane::Native)];
    planes.into_iter().map(|(name, plane)| broker_by(name, plane, &bootstrap)).collect()
}

#[cfg(feature = "rdkafka")]
fn broker_by(name: &'static str, plane: streams_core::config::DataPlane, bootstrap: &str) -> World {
    use streams_core::{client::clients_for, config::StreamsConfig};

    // A leader soon notices that a topic has grown; its consumer must read the new partition
    // without a look-up of its own.
    let config = StreamsConfig::new("contract", bootstrap)
        .data_plane(plane)
        .set("metadata.max.age.ms", 1_000)
        .set("consumer.topic.metadata.refresh.interval.ms", 300_000)
        .set("restore.consumer.max.partition.fetch.bytes", 1_000);
    let grow = Box::new(|topic: &str, total: i32| {
        let total = total.to_string();
        let alter = ["topics", "--alter", "--topic", topic, "--partitions", &total];
        tests::broker::tool(&alter).unwrap();
    });
    World { name, clients: clients_for(&config).unwrap(), grow }
}

#[cfg(not(feature = "rdkafka"))]
fn broker() -> Vec<World> {
    eprintln!("skipped on a broker: there are no clients for one in this build");
    Vec::new()
}

impl World {
    /// A name that nobody else uses, on this cluster or in an earlier run.
    pub(crate) fn unique(&self, what: &str) -> String {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        format!("{what}-{}-{}-{}-{number}", self.name, std::process::id(), SystemClock.now_ms())
    }

    pub(crate) fn admin(&self) -> Box<dyn Admin> {
        self.clients.admin().unwrap()
    }

    /// Creates a topic and returns its name.
    pub(crate) fn topic(&self, partitions: i32) -> String {
        let name = self.unique("topic");
        self.admin().create_topics(&[new_topic(&name, partitions)]).wait().unwrap();
        name
    }

    /// Returns whether the cluster has the protocol of streams groups (KIP-1071), which brokers
    /// have from 4.2 on.
    pub(crate) fn has_streams_groups(&self) -> bool {
        self.name == "embedded" || tests::broker::is_from(4, 2)
    }

    /// Adds partitions to a topic, up to `total`.
    pub(crate) fn grow(&self, topic: &str, total: i32) {
        (self.grow)(topic, total);
    }

    /// Creates a topic with one partition.
    pub(crate) fn partition(&self) -> TopicPartition {
        TopicPartition::new(self.topic(1), 0)
    }

    pub(crate) fn membership(&self, join: JoinGroup) -> Box<dyn Membership> {
        self.clients.membership(join).unwrap()
    }

    pub(crate) fn consumer(&self, isolation: IsolationLevel) -> Box<dyn Consumer> {
        let client_id = format!("{}-consumer", self.name);
        let settings = ConsumerSettings { client_id, isolation, ..ConsumerSettings::default() };
        self.clients.consumer(&settings).unwrap()
    }

    /// A consumer that fetches a thousand bytes of a partition, or one batch.
    pub(crate) fn consumer_of_small_fetches(&self) -> Box<dyn Consumer> {
        let (client_id, role) = (format!("{}-consumer", self.name), ConsumerRole::Restore);
        let settings = ConsumerSettings { client_id, role, ..ConsumerSettings::default() };
        self.clients.consumer(&settings).unwrap()
    }

    pub(crate) fn producer(&self) -> Box<dyn Producer> {
        let client_id = format!("{}-producer", self.name);
        let settings = ProducerSettings { client_id, ..ProducerSettings::default() };
        self.clients.producer(&settings).unwrap()
    }

    pub(crate) fn producer_with(&self, settings: &ProducerSettings) -> Box<dyn Producer> {
        self.clients.producer(settings).unwrap()
    }

    /// Returns whether the cluster is a broker's, not the embedded one.
    pub(crate) fn is_a_broker(&self) -> bool {
        self.name != "embedded"
    }

    /// A transactional producer that is not initialised.
    pub(crate) fn uninitialised(&self, transactional_id: &str) -> Box<dyn Producer> {
        let client_id = format!("{}-producer", self.name);
        let transactional_id = Some(transactional_id.to_owned());
        self.clients
            .producer(&ProducerSettings {
                client_id,
                transactional_id,
                ..ProducerSettings::default()
            })
            .unwrap()
    }

    /// A transactional producer that is ready to begin.
    pub(crate) fn transactional(&self, transactional_id: &str) -> Box<dyn Producer> {
        let mut producer = self.uninitialised(transactional_id);
        producer.init_transactions().unwrap();
        producer
    }

    /// Writes values outside transactions.
    pub(crate) fn write(&self, to: &TopicPartition, values: &[&str]) {
        let mut producer = self.producer();
        append(&mut *producer, to, values);
        for report in producer.flush().unwrap() {
            report.result.unwrap();
        }
    }

    /// Writes values in their own transaction.
    pub(crate) fn write_in_transaction(&self, to: &TopicPartition, values: &[&str], commit: bool) {
        let mut producer = self.transactional(&self.unique("transaction"));
        producer.begin_transaction().unwrap();
        append(&mut *producer, to, values);
        producer.flush().unwrap();
        if commit {
            producer.commit_transaction().unwrap();
        } else {
            producer.abort_transaction().unwrap();
        }
    }
}

pub(crate) fn new_topic(name: &str, partitions: i32) -> NewTopic {
    NewTopic { name: name.to_owned(), partitions, replication_factor: -1, config: BTreeMap::new() }
}

/// Appends values without keys.
pub(crate) fn append(producer: &mut dyn Producer, to: &TopicPartition, values: &[&str]) {
    for value in values {
        producer.append_to(to, record(value, &Headers::new())).unwrap();
    }
}

pub(crate) fn record<'a>(value: &'a str, headers: &'a Headers) -> ProduceRecord<'a> {
    ProduceRecord { timestamp: 1_000, key: None, value: Some(value.as_bytes()), headers }
}

/// Repeats `attempt` until it returns something.
pub(crate) fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline_ms = SystemClock.now_ms() + i64::try_from(PATIENCE.as_millis()).unwrap();
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(SystemClock.now_ms() < deadline_ms, "{what} did not happen");
    }
}

/// Polls until `enough` accepts the values so far.
pub(crate) fn poll_until(
    consumer: &mut dyn Consumer,
    enough: impl Fn(&dyn Consumer, &[RecordBatch]) -> bool,
) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    eventually("what is polled for", || {
        if enough(consumer, &batches) {
            return Some(std::mem::take(&mut batches));
        }
        batches.extend(consumer.poll(1_000, Duration::from_millis(20)).unwrap());
        None
    })
}

/// Reads until this many records have arrived, and returns their values.
pub(crate) fn read(consumer: &mut dyn Consumer, records: usize) -> Vec<String> {
    let count = |batches: &[RecordBatch]| batches.iter().map(RecordBatch::len).sum::<usize>();
    values(&poll_until(consumer, |_, batches| count(batches) >= records))
}

/// Reads up to the position, and returns the values on the way.
pub(crate) fn read_to(
    consumer: &mut dyn Consumer,
    partition: &TopicPartition,
    position: i64,
) -> Vec<String> {
    let batches =
        poll_until(consumer, |consumer, _| consumer.position(partition) >= Some(position));
    assert_eq!(consumer.position(partition), Some(position));
    values(&batches)
}

/// Reads for a while, and returns the values.
pub(crate) fn read_for_a_while(consumer: &mut dyn Consumer) -> Vec<String> {
    let end_ms = SystemClock.now_ms() + i64::try_from(A_WHILE.as_millis()).unwrap();
    values(&poll_until(consumer, |_, _| SystemClock.now_ms() >= end_ms))
}

pub(crate) fn values(batches: &[RecordBatch]) -> Vec<String> {
    let records = batches.iter().flat_map(RecordBatch::iter);
    records.map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap()).collect()
}

/// Polls until it fails.
pub(crate) fn poll_error(consumer: &mut dyn Consumer) -> Error {
    eventually("an error", || consumer.poll(1_000, Duration::from_millis(20)).err())
}
