//! The cluster as its clients see it.

mod compaction;
mod faults;
mod full;
mod groups;
mod growth;
mod hand_over;
mod logs;
mod offsets;
mod transactions;
mod waiting;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use uuid::Uuid;

use super::{ClusterSettings, EmbeddedCluster};
use crate::{
    Headers, TopicPartition,
    client::{
        ClientSupplier, Consumer, ConsumerSettings, IsolationLevel, JoinGroup, Membership,
        NewTopic, OffsetAndMetadata, ProduceRecord, Producer, ProducerSettings, RecordBatch,
        StandbySettings,
    },
    config::GroupProtocol,
    membership::{GroupTopology, InternalTopic, Subtopology, TaskAssignment, TaskOffsets},
    time::ManualClock,
};

fn cluster() -> (EmbeddedCluster, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(1_000_000));
    let settings = ClusterSettings::for_virtual_time();
    (EmbeddedCluster::with_settings(Arc::<ManualClock>::clone(&clock), settings), clock)
}

fn partition(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(topic, partition)
}

fn record<'a>(key: &'a str, value: &'a str, headers: &'a Headers) -> ProduceRecord<'a> {
    let (key, value) = (key.as_bytes(), value.as_bytes());
    ProduceRecord { timestamp: 7, key: Some(key), value: Some(value), headers }
}

fn append(producer: &mut dyn Producer, topic: &str, values: &[&str]) {
    let headers = Headers::new();
    for value in values {
        producer.append_to(&partition(topic, 0), record("k", value, &headers)).unwrap();
    }
}

fn write(cluster: &EmbeddedCluster, topic: &str, key: &str, value: Option<&str>) {
    let headers = Headers::new();
    let value = value.map(str::as_bytes);
    let record =
        ProduceRecord { timestamp: 7, key: Some(key.as_bytes()), value, headers: &headers };
    cluster.produce(topic, None, record).unwrap();
}

fn producer(cluster: &EmbeddedCluster, transactional_id: Option<&str>) -> Box<dyn Producer> {
    let transactional_id = transactional_id.map(str::to_owned);
    let settings = ProducerSettings {
        client_id: "writer".to_owned(),
        transactional_id,
        ..ProducerSettings::default()
    };
    cluster.producer(&settings).unwrap()
}

fn transactional(cluster: &EmbeddedCluster, id: &str) -> Box<dyn Producer> {
    let mut producer = producer(cluster, Some(id));
    producer.init_transactions().unwrap();
    producer
}

fn consumer(cluster: &EmbeddedCluster, isolation: IsolationLevel) -> Box<dyn Consumer> {
    let client_id = "reader".to_owned();
    let settings = ConsumerSettings { client_id, isolation, ..ConsumerSettings::default() };
    cluster.consumer(&settings).unwrap()
}

/// All values of one poll.
fn poll(consumer: &mut dyn Consumer, most: usize) -> Vec<String> {
    let batches = consumer.poll(most, Duration::from_secs(1)).unwrap();
    let records = batches.iter().flat_map(RecordBatch::iter);
    records.map(|record| text(record.value.unwrap_or_default())).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn values(cluster: &EmbeddedCluster, topic: &str, isolation: IsolationLevel) -> Vec<String> {
    let records = cluster.read_all(topic, isolation).unwrap();
    records.iter().map(|record| text(record.value.as_deref().unwrap_or_default())).collect()
}

fn at(offset: i64) -> OffsetAndMetadata {
    OffsetAndMetadata { offset, ..OffsetAndMetadata::default() }
}

/// One sub-topology that reads `topic`; if stateful, it has one changelog topic.
fn topology(topic: &str, stateful: bool) -> GroupTopology {
    let changelog = ("app-store-changelog".to_owned(), InternalTopic::default());
    let subtopology = Subtopology {
        source_topics: [topic.to_owned()].into(),
        changelog_topics: stateful.then_some(changelog).into_iter().collect(),
        stateful,
        ..Subtopology::default()
    };
    GroupTopology { subtopologies: BTreeMap::from([(0, subtopology)]) }
}

fn join(client: &str, topology: GroupTopology, standbys: usize) -> JoinGroup {
    JoinGroup {
        group_id: "app".to_owned(),
        client_id: client.to_owned(),
        process_id: Uuid::from_u128(client.bytes().map(u128::from).sum()),
        group_instance_id: None,
        client_tags: BTreeMap::new(),
        group_protocol: GroupProtocol::Classic,
        application_server: None,
        session_timeout: Duration::from_secs(45),
        heartbeat_interval: Duration::from_secs(3),
        max_poll_interval: Duration::from_secs(300),
        topology: Arc::new(topology),
        standby: StandbySettings {
            num_standby_replicas: standbys,
            acceptable_recovery_lag: 100,
            max_warmup_replicas: 2,
            probing_rebalance_interval: Duration::from_secs(90),
            replication_factor: -1,
        },
    }
}

/// A member that follows its assignments, one step per heartbeat.
struct Worker {
    member: Box<dyn Membership>,
    owned: TaskAssignment,
    offsets: TaskOffsets,
}

impl Worker {
    fn new(cluster: &EmbeddedCluster, join: JoinGroup) -> Self {
        let member = cluster.membership(join).unwrap();
        Self { member, owned: TaskAssignment::default(), offsets: TaskOffsets::default() }
    }

    /// Sends a heartbeat and returns a new assignment, if there is one. The worker adopts it at
    /// once, but reports it only with its next heartbeat.
    fn beat(&mut self) -> Option<TaskAssignment> {
        let heartbeat = self.member.heartbeat(&self.owned, &self.offsets).unwrap();
        if let Some(assignment) = &heartbeat.assignment {
            self.owned = assignment.clone();
        }
        heartbeat.assignment
    }

    fn active(&self) -> Vec<String> {
        self.owned.active.iter().map(ToString::to_string).collect()
    }

    fn standby(&self) -> Vec<String> {
        self.owned.standby.iter().map(ToString::to_string).collect()
    }

    fn epoch(&self) -> i32 {
        self.member.group_metadata().member_epoch
    }
}

fn topic_with(name: &str, config: &[(&str, &str)]) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions: 1,
        replication_factor: -1,
        config: config.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
    }
}
