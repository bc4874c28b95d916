//! The client of a cluster: the choice of a broker for each request, and the connections to the
//! brokers.
//!
//! The calls here try once. They do not wait for a leader to be elected or a coordinator to load;
//! operations built on them retry (see `retry`) or leave that to their callers.

mod absence;
mod connections;
mod metadata;
mod node;
mod retry;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use kafka_protocol::{
    messages::{
        FindCoordinatorRequest, MetadataRequest, TopicName, metadata_request::MetadataRequestTopic,
    },
    protocol::{Request, StrBytes},
};
use parking_lot::Mutex;
use tokio::time::Instant;

pub(crate) use self::{absence::Absence, metadata::Place, retry::may_pass};
use self::{
    connections::Connections,
    metadata::{Coordinated, Leaders, Metadata},
    node::Node,
};
use crate::{
    ClientConfig, Error, ErrorKind, Meter, Result, TopicPartition,
    config::Address,
    connection::Connection,
    error::{api_name, check_code},
};

/// A client of one cluster. Cheap to clone; clones share connections and metadata.
///
/// It connects on first use, inside a tokio runtime. Dropping the last clone closes its
/// connections.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    config: ClientConfig,
    connections: Connections,
    metadata: Arc<Mutex<Metadata>>,
    meter: Arc<Meter>,
    /// Spreads requests that any broker can answer.
    turn: AtomicUsize,
}

impl Client {
    /// Creates a client with these settings; they are checked when it first connects, or by
    /// [`ClientConfig::validate`].
    pub fn new(config: ClientConfig) -> Self {
        Self::with(config, Arc::default(), Arc::default())
    }

    /// Creates a client with the same settings and its own connections.
    ///
    /// A broker answers the requests of one connection in sequence. Use a separate client for
    /// requests that the broker holds back, such as those of group members.
    #[must_use]
    pub fn separate(&self) -> Self {
        Self::new(self.0.config.clone())
    }

    /// A client with its own connections under this name, which shares the view of the cluster and
    /// the figures.
    pub(crate) fn on_own_connections(&self, client_id: &str) -> Self {
        let mut config = self.0.config.clone();
        client_id.clone_into(&mut config.client_id);
        Self::with(config, Arc::clone(&self.0.metadata), Arc::clone(&self.0.meter))
    }

    fn with(config: ClientConfig, metadata: Arc<Mutex<Metadata>>, meter: Arc<Meter>) -> Self {
        let connections = Connections::new(Arc::clone(&meter));
        Self(Arc::new(Inner { config, connections, metadata, meter, turn: AtomicUsize::new(0) }))
    }

    /// Its settings.
    pub fn config(&self) -> &ClientConfig {
        &self.0.config
    }

    /// Its figures. Consumers and producers that are made of it count among them.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.0.meter
    }

    /// Asks any broker, in the newest version that both sides know.
    ///
    /// Unreachable brokers are skipped; if none answers, the bootstrap servers are tried.
    pub(crate) async fn call_any<R: Request>(&self, request: R) -> Result<R::Response> {
        self.ask_any(&request, i16::MAX).await
    }

    /// Asks the controller, or a broker that forwards the request to it.
    pub(crate) async fn call_controller<R: Request>(&self, request: R) -> Result<R::Response> {
        self.ask_controller(&request, i16::MAX).await
    }

    /// Asks the broker with this id.
    pub(crate) async fn call_node<R: Request>(
        &self,
        node_id: i32,
        request: R,
    ) -> Result<R::Response> {
        self.ask_node(node_id, &request, i16::MAX).await
    }

    /// Asks the coordinator of a group, in the newest version up to `max_version`; `wait` is the
    /// time for which the broker may hold back the answer in addition to the request time-out.
    ///
    /// The caller handles an error code inside the answer; on `NOT_COORDINATOR` and its like it
    /// must call [`forget_coordinator`](Self::forget_coordinator).
    pub(crate) async fn call_coordinator<R: Request>(
        &self,
        group_id: &str,
        max_version: i16,
        request: R,
        wait: Duration,
    ) -> Result<R::Response> {
        let group = Coordinated::Group(group_id.to_owned());
        self.ask_coordinator(&group, max_version, &request, wait).await
    }

    /// Asks the coordinator of a transactional id, like
    /// [`call_coordinator`](Self::call_coordinator) for a group.
    pub(crate) async fn call_transaction_coordinator<R: Request>(
        &self,
        id: &str,
        max_version: i16,
        request: &R,
    ) -> Result<R::Response> {
        let id = Coordinated::Transactions(id.to_owned());
        self.ask_coordinator(&id, max_version, request, Duration::ZERO).await
    }

    /// Level of the feature `transaction.version` at the coordinator of a transactional id; 0 if it
    /// does not know the feature.
    pub(crate) async fn transaction_version(&self, id: &str) -> Result<i16> {
        let node = self.coordinator(&Coordinated::Transactions(id.to_owned())).await?;
        let connection = self.0.connections.get(&node, &self.0.config).await?;
        Ok(connection.feature_level("transaction.version"))
    }

    async fn ask_coordinator<R: Request>(
        &self,
        of: &Coordinated,
        max_version: i16,
        request: &R,
        wait: Duration,
    ) -> Result<R::Response> {
        let node = self.coordinator(of).await?;
        let answer = self.call(&node, request, max_version, wait).await;
        if let Err(error) = &answer {
            // Its broker may be gone for good, and the coordinator be another one by now.
            if matches!(error.kind(), ErrorKind::Connection | ErrorKind::Timeout) {
                self.0.metadata.lock().forget_coordinator(of);
            }
        }
        answer
    }

    /// Drops the known coordinator of a group, so that the next call looks it up.
    pub(crate) fn forget_coordinator(&self, group_id: &str) {
        self.0.metadata.lock().forget_coordinator(&Coordinated::Group(group_id.to_owned()));
    }

    /// Drops the known coordinator of a transactional id, so that the next call looks it up.
    pub(crate) fn forget_transaction_coordinator(&self, id: &str) {
        self.0.metadata.lock().forget_coordinator(&Coordinated::Transactions(id.to_owned()));
    }

    /// A connection to the broker with this id, opened if needed.
    pub(crate) async fn connection(&self, node_id: i32) -> Result<Arc<Connection>> {
        let node = self.node(node_id).await?;
        self.0.connections.get(&node, &self.0.config).await
    }

    /// Like [`call_node`](Self::call_node), with an upper limit on the version.
    pub(crate) async fn ask_node<R: Request>(
        &self,
        node_id: i32,
        request: &R,
        max_version: i16,
    ) -> Result<R::Response> {
        self.ask_node_waiting(node_id, request, max_version, Duration::ZERO).await
    }

    /// Like [`ask_node`](Self::ask_node), if the broker may hold back the answer for `wait`.
    pub(crate) async fn ask_node_waiting<R: Request>(
        &self,
        node_id: i32,
        request: &R,
        max_version: i16,
        wait: Duration,
    ) -> Result<R::Response> {
        let node = self.node(node_id).await?;
        self.call(&node, request, max_version, wait).await
    }

    /// Like [`call_controller`](Self::call_controller), with an upper limit on the version.
    pub(crate) async fn ask_controller<R: Request>(
        &self,
        request: &R,
        max_version: i16,
    ) -> Result<R::Response> {
        if self.0.metadata.lock().controller().is_none() {
            self.describe_leaders(&[]).await?;
        }
        let controller = self.0.metadata.lock().controller();
        match controller {
            Some(node) => self.call(&node, request, max_version, Duration::ZERO).await,
            None => self.ask_any(request, max_version).await,
        }
    }

    /// Partitions and leaders of topics, looked up now; a missing topic is left out. Creates none.
    pub(crate) async fn describe_leaders(
        &self,
        topics: &[&str],
    ) -> Result<BTreeMap<String, Leaders>> {
        let topic = |name: &&str| {
            let name = TopicName(StrBytes::from_string((*name).to_owned()));
            MetadataRequestTopic::default().with_name(Some(name))
        };
        let request = MetadataRequest::default()
            .with_topics(Some(topics.iter().map(topic).collect()))
            .with_allow_auto_topic_creation(false);
        let answer = self.ask_any(&request, i16::MAX).await?;
        self.0.metadata.lock().update(answer, Instant::now())
    }

    /// All topics that this principal may see, with their numbers of partitions; those of the
    /// cluster itself are left out, and one that is just being created or deleted may be.
    pub(crate) async fn read_topics(&self) -> Result<BTreeMap<String, i32>> {
        let request =
            MetadataRequest::default().with_topics(None).with_allow_auto_topic_creation(false);
        let answer = self.ask_any(&request, i16::MAX).await?;
        check_code(answer.error_code, "Metadata", None)?;
        let whole = answer.topics.into_iter().filter(|topic| topic.error_code == 0);
        let topics = whole.filter(|topic| !topic.is_internal).filter_map(|topic| {
            let partitions = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
            Some((topic.name?.to_string(), partitions))
        });
        Ok(topics.collect())
    }

    /// Partitions by the broker that leads them.
    ///
    /// # Errors
    /// `NotFound` if one does not exist, `Retriable` if one has no leader now.
    pub(crate) async fn by_leader<'a>(
        &self,
        partitions: impl Iterator<Item = &'a TopicPartition> + Clone + Send,
    ) -> Result<BTreeMap<i32, Vec<&'a TopicPartition>>> {
        let mut by_leader: BTreeMap<i32, Vec<_>> = BTreeMap::new();
        for (partition, leader) in self.leaders(partitions).await? {
            by_leader.entry(leader?).or_default().push(partition);
        }
        Ok(by_leader)
    }

    /// The leader of each partition, or the reason why it has none: `NotFound` if it does not
    /// exist, otherwise `Retriable`.
    ///
    /// # Errors
    /// The reason why no broker could be asked.
    pub(crate) async fn leaders<'a>(
        &self,
        partitions: impl Iterator<Item = &'a TopicPartition> + Clone + Send,
    ) -> Result<Vec<(&'a TopicPartition, Result<i32>)>> {
        let stale = self.stale_topics(partitions.clone());
        if !stale.is_empty() {
            self.describe_leaders(&stale).await?;
        }
        let metadata = self.0.metadata.lock();
        Ok(partitions.map(|partition| (partition, metadata.leader(partition))).collect())
    }

    /// The broker and topic id of each partition, or the reason why there is none: see
    /// [`leaders`](Self::leaders).
    ///
    /// # Errors
    /// The reason why no broker could be asked.
    pub(crate) async fn places(&self, partitions: &[TopicPartition]) -> Result<Vec<Result<Place>>> {
        let stale = self.stale_topics(partitions.iter());
        if !stale.is_empty() {
            self.describe_leaders(&stale).await?;
        }
        let metadata = self.0.metadata.lock();
        Ok(partitions.iter().map(|partition| metadata.place(partition)).collect())
    }

    /// Enters the new leader of a partition, as reported by its former leader (KIP-951).
    pub(crate) fn learn_leader(
        &self,
        partition: &TopicPartition,
        leader: i32,
        epoch: i32,
        address: Option<Address>,
    ) {
        self.0.metadata.lock().learn_leader(partition, leader, epoch, address);
    }

    /// The broker and topic id of a partition, as far as currently known.
    pub(crate) fn known_place(&self, partition: &TopicPartition) -> Option<Place> {
        self.0.metadata.lock().place(partition).ok()
    }

    /// Drops the known leaders of a topic, so that the next call looks them up.
    pub(crate) fn forget_topic(&self, topic: &str) {
        self.0.metadata.lock().forget_topic(topic);
    }

    fn stale_topics<'a>(
        &self,
        partitions: impl Iterator<Item = &'a TopicPartition>,
    ) -> Vec<&'a str> {
        let (now, max_age) = (Instant::now(), self.0.config.metadata_max_age);
        let metadata = self.0.metadata.lock();
        let mut stale: Vec<&str> = partitions
            .map(|partition| partition.topic.as_str())
            .filter(|topic| !metadata.is_fresh(topic, now, max_age))
            .collect();
        stale.sort_unstable();
        stale.dedup();
        stale
    }

    /// Drops the known leaders and controller, so that the next call looks them up.
    pub(crate) fn forget_leaders(&self) {
        self.0.metadata.lock().forget_leaders();
    }

    async fn node(&self, node_id: i32) -> Result<Node> {
        let known = self.0.metadata.lock().broker(node_id);
        if let Some(node) = known {
            return Ok(node);
        }
        self.describe_leaders(&[]).await?;
        self.0.metadata.lock().broker(node_id).ok_or_else(|| {
            Error::new(ErrorKind::Retriable, format!("node {node_id} is not in the cluster now"))
        })
    }

    async fn coordinator(&self, of: &Coordinated) -> Result<Node> {
        let known = self.0.metadata.lock().coordinator(of);
        if let Some(node) = known {
            return Ok(node);
        }
        // Kafka's numbers of the kinds.
        let (key, key_type) = match of {
            Coordinated::Group(id) => (id, 0),
            Coordinated::Transactions(id) => (id, 1),
        };
        // From version 4 on the request has another shape.
        let request = FindCoordinatorRequest::default()
            .with_key(StrBytes::from_string(key.clone()))
            .with_key_type(key_type);
        let answer = self.ask_any(&request, 3).await?;
        let message = answer.error_message.as_deref();
        check_code(answer.error_code, format_args!("FindCoordinator of {of}"), message)?;
        let address = Address::from_wire(&answer.host, answer.port)?;
        let node = Node { id: Some(*answer.node_id), address };
        self.0.metadata.lock().set_coordinator(of.clone(), node.clone());
        Ok(node)
    }

    async fn ask_any<R: Request>(&self, request: &R, max_version: i16) -> Result<R::Response> {
        let mut last_error = None;
        for node in self.candidates()? {
            match self.call(&node, request, max_version, Duration::ZERO).await {
                Err(error) if error.kind() == ErrorKind::Connection => last_error = Some(error),
                outcome => return outcome,
            }
        }
        Err(last_error.unwrap_or_else(|| {
            Error::new(ErrorKind::Connection, format!("{}: no broker is known", api_name::<R>()))
        }))
    }

    /// All known brokers, best first, followed by the bootstrap servers.
    fn candidates(&self) -> Result<Vec<Node>> {
        let mut candidates = self.0.metadata.lock().brokers();
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed);
        if !candidates.is_empty() {
            let first = turn % candidates.len();
            candidates.rotate_left(first);
        }
        candidates.sort_by_key(|node| self.0.connections.standing(&node.address));
        for address in self.0.config.addresses()? {
            if candidates.iter().all(|node| node.address != address) {
                candidates.push(Node { id: None, address });
            }
        }
        Ok(candidates)
    }

    async fn call<R: Request>(
        &self,
        node: &Node,
        request: &R,
        max_version: i16,
        wait: Duration,
    ) -> Result<R::Response> {
        let connection = self
            .0
            .connections
            .get(node, &self.0.config)
            .await
            .map_err(|error| error.in_context(api_name::<R>()))?;
        connection
            .call(request, max_version, wait)
            .await
            .map_err(|error| error.in_context(format_args!("{} to {node}", api_name::<R>())))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("bootstrap_servers", &self.0.config.bootstrap_servers)
            .field("client_id", &self.0.config.client_id)
            .finish_non_exhaustive()
    }
}
