use std::convert::Infallible;

use super::*;
use crate::{
    BoxError, Headers, KafkaStreams, Record,
    client::{
        ClientSupplier, ProduceRecord,
        embedded::{
            ClusterSettings, EmbeddedCluster, Fault, FaultInjector, Operation, OperationKind,
        },
    },
    config::StreamsConfig,
    processor::Context,
    runtime::test_disk::Disk,
    serde::string,
    store::{KeyValueStore, StoreRef, Stores},
    time::ManualClock,
    topology::{SourceOptions, Topology, TopologyBuilder},
};

type Names = KeyValueStore<String, String>;
type Nothing<'a> = Context<'a, Infallible, Infallible>;

/// The store `names`, filled from `topic`: an empty value deletes.
fn topology(topic: &str, reset: Option<OffsetReset>) -> Topology {
    let mut builder = TopologyBuilder::new();
    let source = SourceOptions::new([topic], string(), string());
    let source = reset.into_iter().fold(source, SourceOptions::with_offset_reset);
    let store = Stores::key_value("names", string(), string());
    builder.add_global_store("source", source, "keep", store, |names: StoreRef<Names>| {
        move |record: Record<'_, String, String>, context: &mut Nothing<'_>| {
            let value = (!record.value.is_empty()).then(|| record.value.clone());
            context.store(names)?.put(record.key, value).map_err(BoxError::from)
        }
    });
    builder.build().unwrap()
}

struct World {
    cluster: EmbeddedCluster,
    clock: Arc<ManualClock>,
    disk: Disk,
}

impl World {
    /// A cluster with topic `tab` of two partitions.
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(1_000));
        let settings = ClusterSettings::for_virtual_time();
        let cluster = EmbeddedCluster::with_settings(Arc::<ManualClock>::clone(&clock), settings);
        cluster.create_topic("tab", 2).unwrap();
        Self { cluster, clock, disk: Disk::default() }
    }

    fn thread_of(&self, topology: Topology) -> Result<GlobalThread> {
        let config = StreamsConfig::new("app", "unused:9092").set("task.timeout.ms", 10_000);
        self.thread_with(topology, config)
    }

    fn thread_with(&self, topology: Topology, config: StreamsConfig) -> Result<GlobalThread> {
        let builder = KafkaStreams::builder(topology, config, self.cluster.clone());
        let builder = builder.clock(Arc::<ManualClock>::clone(&self.clock));
        GlobalThread::new(Arc::new(builder.storage(Arc::new(self.disk.clone())).into_app()?))
    }

    fn thread(&self) -> GlobalThread {
        self.thread_of(topology("tab", None)).unwrap()
    }

    fn turn(&self, thread: &mut GlobalThread) -> Result<Turn> {
        use crate::time::Clock;
        thread.run_once(self.clock.now_ms(), Duration::ZERO)
    }

    /// Runs turns until it is filled.
    fn fill(&self, thread: &mut GlobalThread) {
        for _ in 0..100 {
            self.turn(thread).unwrap();
            if thread.is_filled() {
                return;
            }
        }
        panic!("it is not filled");
    }

    fn write_to(&self, topic: &str, partition: i32, key: &str, value: &str) {
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        let record = ProduceRecord { timestamp: 0, key, value, headers: &Headers::new() };
        self.cluster.produce(topic, Some(partition), record).unwrap();
    }

    fn write(&self, partition: i32, key: &str, value: &str) {
        self.write_to("tab", partition, key, value);
    }

    fn delete_before(&self, partition: i32, offset: i64) {
        let place = TopicPartition::new("tab", partition);
        self.cluster.admin().unwrap().delete_records(&[(place, offset)]).wait().unwrap();
    }
}

/// All rows, as another task sees them.
fn rows(thread: &GlobalThread) -> Vec<String> {
    let mut stores = vec![None];
    thread.app.add_global_stores(&mut stores).unwrap();
    let store: &mut dyn std::any::Any = &mut **stores[0].as_mut().unwrap();
    let store: &mut Names = store.downcast_mut().unwrap();
    let rows = store.all(crate::Direction::Forward).unwrap();
    rows.map(|row| row.map(|(key, value)| format!("{key}={value}")).unwrap()).collect()
}

fn processed(thread: &GlobalThread) -> u64 {
    thread.app.shared.counters.snapshot().processed
}

#[test]
fn a_restart_goes_on_behind_what_is_stored() {
    let world = World::new();
    world.write(0, "a", "1");
    world.write(1, "b", "1");
    let mut first = world.thread();
    world.fill(&mut first);
    assert_eq!(rows(&first), ["a=1", "b=1"]);
    first.close().unwrap();
    drop(first);

    world.write(1, "b", "2");
    let mut second = world.thread();
    world.fill(&mut second);
    assert_eq!(rows(&second), ["a=1", "b=2"]);
    assert_eq!(processed(&second), 1);
}

#[test]
fn what_is_written_later_is_seen_at_the_next_turn() {
    let world = World::new();
    let mut thread = world.thread();
    world.fill(&mut thread);
    assert!(rows(&thread).is_empty());
    world.write(0, "a", "1");
    world.turn(&mut thread).unwrap();
    assert_eq!(rows(&thread), ["a=1"]);
    world.write(0, "a", "");
    world.turn(&mut thread).unwrap();
    assert!(rows(&thread).is_empty());
}

#[test]
fn partitions_that_were_added_are_read_after_the_next_start() {
    let world = World::new();
    let mut first = world.thread();
    world.fill(&mut first);
    world.cluster.create_partitions("tab", 3).unwrap();
    world.write(2, "c", "1");
    world.turn(&mut first).unwrap();
    assert!(rows(&first).is_empty());
    drop(first);
    let mut second = world.thread();
    world.fill(&mut second);
    assert_eq!(rows(&second), ["c=1"]);
}

/// Records after the position are deleted: one of them may have been a tombstone.
#[test]
fn a_store_whose_position_is_not_in_the_log_any_more_is_filled_anew() {
    let world = World::new();
    world.write(0, "a", "1");
    world.write(1, "b", "1");
    let mut first = world.thread();
    world.fill(&mut first);
    drop(first);
    world.write(0, "a", "");
    world.write(0, "c", "1");
    world.delete_before(0, 2);

    let mut second = world.thread();
    world.fill(&mut second);
    assert_eq!(rows(&second), ["b=1", "c=1"]);
    assert_eq!(processed(&second), 2);
}

#[test]
fn a_store_is_filled_anew_if_its_log_is_cut_while_it_runs() {
    let world = World::new();
    world.write(0, "a", "1");
    let mut thread = world.thread();
    world.fill(&mut thread);
    world.write(0, "a", "");
    world.write(0, "c", "1");
    world.delete_before(0, 2);
    world.turn(&mut thread).unwrap();
    assert!(!thread.is_filled());
    world.fill(&mut thread);
    assert_eq!(rows(&thread), ["c=1"]);
}

#[test]
fn a_lost_position_is_an_error_if_the_source_resets_to_none() {
    let world = World::new();
    let thread = || world.thread_of(topology("tab", Some(OffsetReset::None))).unwrap();
    world.write(0, "a", "1");
    let mut first = thread();
    // If nothing is stored yet, it starts at the beginning nevertheless.
    world.fill(&mut first);
    drop(first);
    world.write(0, "b", "1");
    world.delete_before(0, 2);
    let mut second = thread();
    let error = world.turn(&mut second).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidState);
    assert!(error.to_string().contains("tab-0@1"), "{error}");
    assert_eq!(rows(&second), ["a=1"]);
}

#[test]
fn rows_of_another_topic_do_not_stay() {
    let world = World::new();
    world.cluster.create_topic("other", 1).unwrap();
    world.write(0, "a", "1");
    let mut first = world.thread();
    world.fill(&mut first);
    drop(first);
    world.write_to("other", 0, "b", "1");
    let mut second = world.thread_of(topology("other", None)).unwrap();
    world.fill(&mut second);
    assert_eq!(rows(&second), ["b=1"]);
}

#[test]
fn the_stores_are_open_once() {
    let world = World::new();
    let first = world.thread();
    let error = world.thread_of(topology("tab", None)).unwrap_err();
    assert!(error.to_string().contains("open already"), "{error}");
    drop(first);
    world.thread();
}

/// Ten calls fail, then ten succeed, and so on.
#[derive(Debug, Default)]
struct Seldom(u32);

impl FaultInjector for Seldom {
    fn before(&mut self, _: Operation<'_>) -> Fault {
        self.0 += 1;
        if self.0 % 20 < 10 { Fault::Unavailable } else { Fault::None }
    }
}

#[test]
fn calls_that_fail_for_a_while_are_repeated() {
    let world = World::new();
    let mut thread = world.thread();
    world.cluster.set_faults(Some(Box::<Seldom>::default()));
    for key in 0..50 {
        world.write(key % 2, &format!("k{key:02}"), "1");
        for _ in 0..3 {
            world.turn(&mut thread).unwrap();
        }
    }
    world.cluster.set_faults(None);
    world.fill(&mut thread);
    let expected: Vec<String> = (0..50).map(|key| format!("k{key:02}=1")).collect();
    assert_eq!(rows(&thread), expected);
    // Records that were not written when a call failed are read again; no others are.
    assert_eq!(processed(&thread), 50);
}

/// Makes the first batch of a producer fail.
#[derive(Debug, Default)]
struct FirstProduce(bool);

impl FaultInjector for FirstProduce {
    fn before(&mut self, operation: Operation<'_>) -> Fault {
        let fails = operation.kind == OperationKind::Produce && !self.0;
        self.0 |= fails;
        if fails { Fault::Unavailable } else { Fault::None }
    }
}

#[test]
fn a_dead_letter_that_is_not_written_is_written_with_the_next_attempt() {
    let world = World::new();
    world.cluster.create_topic("dead-letters", 1).unwrap();
    let unreadable = ProduceRecord {
        timestamp: 0,
        key: Some(b"a"),
        value: Some(b"\xff"),
        headers: &Headers::new(),
    };
    world.cluster.produce("tab", Some(0), unreadable).unwrap();
    world.write(0, "b", "1");
    world.cluster.set_faults(Some(Box::<FirstProduce>::default()));
    let config = StreamsConfig::new("app", "unused:9092")
        .set("errors.dead.letter.queue.topic.name", "dead-letters")
        .set("deserialization.exception.handler", "LogAndContinueExceptionHandler");
    let mut thread = world.thread_with(topology("tab", None), config).unwrap();
    world.turn(&mut thread).unwrap();
    assert!(thread.is_failing());
    assert!(rows(&thread).is_empty());
    world.fill(&mut thread);
    assert_eq!(rows(&thread), ["b=1"]);
    let letters = world.cluster.read_all("dead-letters", IsolationLevel::ReadCommitted).unwrap();
    assert_eq!(letters.len(), 1);
}

#[test]
fn a_cluster_that_stays_away_is_given_up_after_task_timeout_ms() {
    let world = World::new();
    let mut thread = world.thread();
    world.fill(&mut thread);
    world.cluster.broker_down(true);
    world.turn(&mut thread).unwrap();
    assert!(thread.is_failing());
    world.clock.advance(Duration::from_secs(10));
    world.turn(&mut thread).unwrap();
    world.clock.advance(Duration::from_millis(1));
    let error = world.turn(&mut thread).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("task.timeout.ms (10.001s since 1000)"), "{error}");
}
