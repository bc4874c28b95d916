//! A member that the group has expelled, before it learns its tasks as a new one.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use streams_core::{
    Error, ErrorKind, KafkaStreams, Result, TopicPartition,
    client::{
        Admin, Answer, ClientSupplier, Consumer, ConsumerSettings, GroupMetadata, Heartbeat,
        JoinGroup, Membership, OffsetAndMetadata, Producer, ProducerSettings,
        embedded::EmbeddedCluster,
    },
    config::ProcessingGuarantee,
    membership::{TaskAssignment, TaskOffsets},
};

use crate::{
    foreign_rows::another_writes,
    harness::{
        APP, PATIENCE, all_committed, cluster, config, counting_topology, eventually, last_counts,
        processed, produce,
    },
};

/// Clients whose members can be expelled, and are let in again only when the test allows it.
#[derive(Clone, Debug)]
struct Doorkeeper {
    cluster: EmbeddedCluster,
    closed: Arc<AtomicBool>,
    /// Number of heartbeats left without an answer.
    waiting: Arc<AtomicUsize>,
    /// True if the group has expelled the member silently: only a commit reveals it.
    refuses: Arc<AtomicBool>,
    /// The member's state in the last heartbeat.
    told: Arc<Mutex<TaskOffsets>>,
}

impl Doorkeeper {
    fn new(cluster: &EmbeddedCluster) -> Self {
        Self {
            cluster: cluster.clone(),
            closed: Arc::default(),
            waiting: Arc::default(),
            refuses: Arc::default(),
            told: Arc::default(),
        }
    }
}

impl ClientSupplier for Doorkeeper {
    fn consumer(&self, settings: &ConsumerSettings) -> Result<Box<dyn Consumer>> {
        self.cluster.consumer(settings)
    }

    fn producer(&self, settings: &ProducerSettings) -> Result<Box<dyn Producer>> {
        self.cluster.producer(settings)
    }

    fn admin(&self) -> Result<Box<dyn Admin>> {
        self.cluster.admin()
    }

    fn membership(&self, join: JoinGroup) -> Result<Box<dyn Membership>> {
        let inner = self.cluster.membership(join)?;
        Ok(Box::new(Member { inner, door: self.clone(), is_out: false }))
    }
}

#[derive(Debug)]
struct Member {
    inner: Box<dyn Membership>,
    door: Doorkeeper,
    is_out: bool,
}

impl Membership for Member {
    fn heartbeat(&mut self, owned: &TaskAssignment, offsets: &TaskOffsets) -> Result<Heartbeat> {
        *self.door.told.lock().unwrap() = offsets.clone();
        if !self.door.closed.load(Ordering::SeqCst) {
            self.is_out = false;
            return self.inner.heartbeat(owned, offsets);
        }
        if self.is_out {
            self.door.waiting.fetch_add(1, Ordering::SeqCst);
            return Ok(Heartbeat::default());
        }
        self.is_out = true;
        self.inner.leave(false)?;
        Err(Error::new(ErrorKind::Fenced, "the group does not know the member"))
    }

    fn shutdown_application(&mut self) {
        self.inner.shutdown_application();
    }

    fn commit_offsets(&mut self, offsets: &[(TopicPartition, OffsetAndMetadata)]) -> Answer<()> {
        if self.door.refuses.load(Ordering::SeqCst) {
            let error = Error::new(ErrorKind::Fenced, "the group does not know the member");
            return Answer::ready(Err(error));
        }
        self.inner.commit_offsets(offsets)
    }

    fn committed_offsets(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Answer<BTreeMap<TopicPartition, OffsetAndMetadata>> {
        self.inner.committed_offsets(partitions)
    }

    fn group_metadata(&self) -> GroupMetadata {
        self.inner.group_metadata()
    }

    fn leave(&mut self, for_good: bool) -> Result {
        self.inner.leave(for_good)
    }
}

/// It resumed its old tasks until it was told its new ones, and committed them as the new member
/// that it had joined as: records that another had processed came twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_was_given_up_runs_nothing_until_it_is_told_its_tasks_anew() {
    for guarantee in [ProcessingGuarantee::AtLeastOnce, ProcessingGuarantee::ExactlyOnceV2] {
        let cluster = cluster();
        cluster.create_topic("in", 2).unwrap();
        cluster.create_topic("out", 2).unwrap();
        let door = Doorkeeper::new(&cluster);
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path(), guarantee);
        let topology = counting_topology(cfg!(feature = "rocksdb"));
        let streams = KafkaStreams::with_client_supplier(topology, config, door.clone()).unwrap();
        streams.start().await.unwrap();
        produce(&cluster, "in", "a", "v", 1);
        processed(&cluster, &["in"], &[&streams]).await;

        door.closed.store(true, Ordering::SeqCst);
        eventually("the member is out", || door.waiting.load(Ordering::SeqCst) > 0).await;
        let before = cluster.committed(APP);
        produce(&cluster, "in", "a", "v", 2);
        eventually("it has waited", || door.waiting.load(Ordering::SeqCst) > 50).await;
        for thread in streams.metadata_for_local_threads() {
            assert!(thread.active_tasks.is_empty(), "{thread:?}");
            assert!(thread.restoring_tasks.is_empty(), "{thread:?}");
        }
        let told = door.told.lock().unwrap().clone();
        assert_eq!(told.lags, BTreeMap::new());
        // It may get its tasks back at once because of its state on disk. The one record belonged
        // to either task.
        if cfg!(feature = "rocksdb") {
            let tasks: Vec<_> = told.offset_sums.keys().map(ToString::to_string).collect();
            assert_eq!(tasks, ["0_0", "0_1"]);
            assert!(told.offset_sums.values().any(|sum| *sum > 0), "{told:?}");
        }
        assert_eq!(cluster.committed(APP), before);
        assert!(!all_committed(&cluster, &["in"]));

        door.closed.store(false, Ordering::SeqCst);
        processed(&cluster, &["in"], &[&streams]).await;
        streams.close(PATIENCE).await.unwrap();
    }
}

/// To a member that does not know it yet, the rows of its tasks' next owner look like those of a
/// zombie.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_was_given_up_does_not_overwrite_the_rows_of_the_next_owner() {
    let cluster = cluster();
    cluster.create_topic("in", 1).unwrap();
    cluster.create_topic("out", 1).unwrap();
    let door = Doorkeeper::new(&cluster);
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path(), ProcessingGuarantee::AtLeastOnce);
    let topology = counting_topology(cfg!(feature = "rocksdb"));
    let streams = KafkaStreams::with_client_supplier(topology, config, door.clone()).unwrap();
    streams.start().await.unwrap();
    produce(&cluster, "in", "a", "v", 1);
    processed(&cluster, &["in"], &[&streams]).await;

    door.refuses.store(true, Ordering::SeqCst);
    another_writes(&cluster, "a", 5);
    produce(&cluster, "in", "b", "v", 1);
    let logged = || last_counts(&cluster, "app-counts-changelog");
    eventually("it has written a row", || logged().contains_key("b")).await;
    door.closed.store(true, Ordering::SeqCst);
    eventually("the member is out", || door.waiting.load(Ordering::SeqCst) > 50).await;
    assert_eq!(logged().get("a"), Some(&5));
    door.refuses.store(false, Ordering::SeqCst);
    streams.close(PATIENCE).await.unwrap();
}
