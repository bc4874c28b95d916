//! A client's view of its cluster: brokers, controller, leaders, coordinators.
//!
//! A cache: everything in it may be out of date, and a caller that finds a stale entry removes it
//! and asks again.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    time::Duration,
};

use kafka_protocol::messages::{MetadataResponse, metadata_response::MetadataResponseTopic};
use tokio::time::Instant;
use uuid::Uuid;

use super::node::Node;
use crate::{Error, ErrorKind, Result, TopicPartition, config::Address, error::check_code};

/// Kafka's `UNKNOWN_TOPIC_OR_PARTITION`.
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;

/// Leaders of a topic's partitions; `None` for a partition without one.
pub(crate) type Leaders = BTreeMap<i32, Option<i32>>;

/// An entity with a coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Coordinated {
    /// A group, by its id.
    Group(String),
    /// A transactional id.
    Transactions(String),
}

impl fmt::Display for Coordinated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(id) => write!(f, "group {id}"),
            Self::Transactions(id) => write!(f, "transactional id {id}"),
        }
    }
}

/// The broker and topic id for reading and writing a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The broker that leads it.
    pub(crate) leader: i32,
    /// The leader's epoch; `None` if the brokers don't report it.
    pub(crate) leader_epoch: Option<i32>,
    /// The topic's id; nil if the brokers don't report it.
    pub(crate) topic_id: Uuid,
}

#[derive(Debug, Default)]
pub(super) struct Metadata {
    brokers: BTreeMap<i32, Address>,
    controller: Option<i32>,
    topics: HashMap<String, KnownTopic>,
    coordinators: HashMap<Coordinated, Node>,
}

#[derive(Debug)]
struct KnownTopic {
    id: Uuid,
    leaders: Leaders,
    /// Epochs of the known leaders.
    epochs: BTreeMap<i32, i32>,
    at: Instant,
}

impl Metadata {
    /// Enters an answer. Returns the topics in it that exist.
    ///
    /// # Errors
    /// The error of a topic whose leaders the broker can't or won't name.
    pub(super) fn update(
        &mut self,
        answer: MetadataResponse,
        now: Instant,
    ) -> Result<BTreeMap<String, Leaders>> {
        check_code(answer.error_code, "Metadata", None)?;
        let brokers = answer.brokers.iter().map(|broker| {
            Address::from_wire(&broker.host, broker.port).map(|address| (*broker.node_id, address))
        });
        let brokers = brokers.collect::<Result<BTreeMap<_, _>>>()?;
        // A broker that is just starting may know no brokers: the previous list is better.
        if !brokers.is_empty() {
            self.brokers = brokers;
            self.controller = Some(*answer.controller_id).filter(|id| *id >= 0);
        }
        let mut found = BTreeMap::new();
        for topic in answer.topics {
            let Some((name, known)) = read_topic(topic, now)? else { continue };
            found.insert(name.clone(), known.leaders.clone());
            self.topics.insert(name, known);
        }
        Ok(found)
    }

    pub(super) fn brokers(&self) -> Vec<Node> {
        let node =
            |(id, address): (&i32, &Address)| Node { id: Some(*id), address: address.clone() };
        self.brokers.iter().map(node).collect()
    }

    pub(super) fn broker(&self, id: i32) -> Option<Node> {
        self.brokers.get(&id).map(|address| Node { id: Some(id), address: address.clone() })
    }

    pub(super) fn controller(&self) -> Option<Node> {
        self.controller.and_then(|id| self.broker(id))
    }

    /// Returns whether the leaders of this topic were learned less than `max_age` ago.
    pub(super) fn is_fresh(&self, topic: &str, now: Instant, max_age: Duration) -> bool {
        self.topics.get(topic).is_some_and(|known| now.duration_since(known.at) < max_age)
    }

    /// The leader of a partition.
    ///
    /// # Errors
    /// `NotFound` if the topic or the partition does not exist, `Retriable` if it has no leader
    /// now.
    pub(super) fn leader(&self, partition: &TopicPartition) -> Result<i32> {
        let leaders = self.topics.get(&partition.topic).map(|known| &known.leaders);
        match leaders.and_then(|leaders| leaders.get(&partition.partition)) {
            None => Err(Error::from_code(UNKNOWN_TOPIC_OR_PARTITION, partition, None)),
            Some(None) => {
                Err(Error::new(ErrorKind::Retriable, format!("{partition} has no leader now")))
            }
            Some(Some(leader)) => Ok(*leader),
        }
    }

    /// The leader of a partition, with its epoch and the topic id.
    ///
    /// # Errors
    /// The errors of [`leader`](Self::leader).
    pub(super) fn place(&self, partition: &TopicPartition) -> Result<Place> {
        let leader = self.leader(partition)?;
        let known = self.topics.get(&partition.topic);
        let leader_epoch = known.and_then(|known| known.epochs.get(&partition.partition)).copied();
        Ok(Place { leader, leader_epoch, topic_id: known.map_or(Uuid::nil(), |known| known.id) })
    }

    /// Enters the new leader of a partition, as reported by its former leader (KIP-951). Old news
    /// is ignored.
    pub(super) fn learn_leader(
        &mut self,
        partition: &TopicPartition,
        leader: i32,
        epoch: i32,
        address: Option<Address>,
    ) {
        let Some(known) = self.topics.get_mut(&partition.topic) else { return };
        if known.epochs.get(&partition.partition).is_some_and(|current| *current >= epoch) {
            return;
        }
        if let Some(address) = address {
            self.brokers.insert(leader, address);
        }
        if self.brokers.contains_key(&leader) {
            known.leaders.insert(partition.partition, Some(leader));
            known.epochs.insert(partition.partition, epoch);
        }
    }

    /// Removes the leaders of a topic.
    pub(super) fn forget_topic(&mut self, topic: &str) {
        self.topics.remove(topic);
    }

    pub(super) fn coordinator(&self, of: &Coordinated) -> Option<Node> {
        self.coordinators.get(of).cloned()
    }

    pub(super) fn set_coordinator(&mut self, of: Coordinated, node: Node) {
        self.coordinators.insert(of, node);
    }

    pub(super) fn forget_coordinator(&mut self, of: &Coordinated) {
        self.coordinators.remove(of);
    }

    /// Removes leaders and controller; addresses of brokers stay.
    pub(super) fn forget_leaders(&mut self) {
        self.topics.clear();
        self.controller = None;
    }
}

/// Name of a topic and its data; `None` if it does not exist.
fn read_topic(topic: MetadataResponseTopic, now: Instant) -> Result<Option<(String, KnownTopic)>> {
    let Some(name) = topic.name.map(|name| name.to_string()) else {
        return Err(Error::new(ErrorKind::Protocol, "Metadata tells of a topic without a name"));
    };
    if topic.error_code == UNKNOWN_TOPIC_OR_PARTITION {
        return Ok(None);
    }
    check_code(topic.error_code, format_args!("Metadata of topic {name}"), None)?;
    let (mut leaders, mut epochs) = (Leaders::new(), BTreeMap::new());
    for partition in topic.partitions {
        let (index, leader) = (partition.partition_index, *partition.leader_id);
        leaders.insert(index, Some(leader).filter(|id| *id >= 0));
        if partition.leader_epoch >= 0 {
            epochs.insert(index, partition.leader_epoch);
        }
    }
    Ok(Some((name, KnownTopic { id: topic.topic_id, leaders, epochs, at: now })))
}

#[cfg(test)]
mod tests {
    use kafka_protocol::{
        messages::{
            BrokerId, TopicName,
            metadata_response::{MetadataResponseBroker, MetadataResponsePartition},
        },
        protocol::StrBytes,
    };

    use super::*;

    fn topic(name: &'static str, code: i16, leaders: &[i32]) -> MetadataResponseTopic {
        let partitions = leaders.iter().zip(0..).map(|(leader, index)| {
            MetadataResponsePartition::default()
                .with_partition_index(index)
                .with_leader_id(BrokerId(*leader))
        });
        MetadataResponseTopic::default()
            .with_name(Some(TopicName(StrBytes::from_static_str(name))))
            .with_error_code(code)
            .with_partitions(partitions.collect())
    }

    fn answer(topics: Vec<MetadataResponseTopic>) -> MetadataResponse {
        let broker = MetadataResponseBroker::default()
            .with_node_id(BrokerId(7))
            .with_host(StrBytes::from_static_str("b7"))
            .with_port(9092);
        MetadataResponse::default()
            .with_brokers(vec![broker])
            .with_controller_id(BrokerId(7))
            .with_topics(topics)
    }

    #[tokio::test(start_paused = true)]
    async fn leaders_are_remembered_until_they_are_old_or_forgotten() {
        let mut metadata = Metadata::default();
        let now = Instant::now();
        let topics = vec![topic("orders", 0, &[7, -1]), topic("missing", 3, &[])];
        let found = metadata.update(answer(topics), now).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["orders"]);
        assert_eq!(metadata.leader(&TopicPartition::new("orders", 0)).unwrap(), 7);
        assert_eq!(metadata.controller().unwrap().to_string(), "node 7 at b7:9092");
        for (name, partition, kind) in [
            ("orders", 1, ErrorKind::Retriable),
            ("orders", 2, ErrorKind::NotFound),
            ("missing", 0, ErrorKind::NotFound),
        ] {
            let error = metadata.leader(&TopicPartition::new(name, partition)).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
        }
        let age = Duration::from_secs(300);
        assert!(metadata.is_fresh("orders", now, age));
        assert!(!metadata.is_fresh("orders", now + age, age));
        metadata.forget_leaders();
        assert!(!metadata.is_fresh("orders", now, age));
        assert!(metadata.controller().is_none() && metadata.broker(7).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_broker_s_hint_moves_a_partition_unless_it_is_old_news() {
        let mut metadata = Metadata::default();
        let mut orders = topic("orders", 0, &[7]);
        orders.partitions[0].leader_epoch = 4;
        metadata.update(answer(vec![orders]), Instant::now()).unwrap();
        let partition = TopicPartition::new("orders", 0);
        let at = |metadata: &Metadata| {
            let place = metadata.place(&partition).unwrap();
            (place.leader, place.leader_epoch)
        };
        let address = Address { host: "b8".into(), port: 9092 };
        metadata.learn_leader(&partition, 8, 4, Some(address.clone()));
        assert_eq!(at(&metadata), (7, Some(4)));
        metadata.learn_leader(&partition, 8, 5, None);
        assert_eq!(at(&metadata), (7, Some(4)), "nobody knows where it is");
        metadata.learn_leader(&partition, 8, 5, Some(address));
        assert_eq!(at(&metadata), (8, Some(5)));
        assert_eq!(metadata.broker(8).unwrap().to_string(), "node 8 at b8:9092");
    }

    #[tokio::test(start_paused = true)]
    async fn a_topic_that_may_not_be_seen_is_an_error() {
        let topics = vec![topic("secret", 29, &[])];
        let error = Metadata::default().update(answer(topics), Instant::now()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Authorization);
        assert_eq!(error.to_string(), "Metadata of topic secret: TOPIC_AUTHORIZATION_FAILED (29)");
    }
}
