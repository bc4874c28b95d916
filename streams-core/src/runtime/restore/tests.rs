use std::{collections::BTreeMap, sync::Arc};

use state_store::WriteBatch;

use super::{standstill::STANDSTILL_MS, *};
use crate::{
    BoxError, Headers, KafkaStreams, Record, TaskId,
    client::{
        IsolationLevel, Lease, NewTopic, ProduceRecord,
        embedded::{
            ClusterSettings, EmbeddedCluster, Fault, FaultInjector, Operation, OperationKind,
        },
    },
    config::StreamsConfig,
    processor::Context,
    runtime::{App, test_disk::Disk},
    serde::{long, string},
    store::{KeyValueStore, StoreRef, Stores},
    task::{ChangelogMark, TaskDatabases},
    time::ManualClock,
    topology::{SourceOptions, Topology, TopologyBuilder},
};

const CHANGELOG: &str = "app-counts-changelog";

type Counts = KeyValueStore<String, i64>;

/// A store of numbers by name, which nothing writes.
fn topology() -> Topology {
    let mut builder = TopologyBuilder::new();
    let source = builder.add_source("source", SourceOptions::new(["in"], string(), string()));
    let store: StoreRef<Counts> =
        builder.add_state_store(Stores::key_value("counts", string(), long()));
    let supplier = || {
        |_: Record<'_, String, String>, _: &mut Context<'_, String, String>| Ok::<(), BoxError>(())
    };
    let node = builder.add_processor("node", supplier, &[source]);
    builder.connect(node.id(), store);
    builder.build().unwrap()
}

fn task(partition: i32) -> TaskId {
    TaskId { subtopology: 0, partition }
}

struct World {
    cluster: EmbeddedCluster,
    disk: Disk,
}

impl World {
    /// A cluster with the changelog, of two partitions.
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(1_000));
        let settings = ClusterSettings::for_virtual_time();
        let cluster = EmbeddedCluster::with_settings(clock, settings);
        let world = Self { cluster, disk: Disk::default() };
        world.cluster.create_topic("in", 2).unwrap();
        world.create_changelog("compact");
        world
    }

    fn create_changelog(&self, policy: &str) {
        let config = [("cleanup.policy".to_owned(), policy.to_owned())].into();
        let (name, partitions, replication_factor) = (CHANGELOG.to_owned(), 2, -1);
        let topic = NewTopic { name, partitions, replication_factor, config };
        self.cluster.create_topic_with(topic).unwrap();
    }

    fn app(&self, settings: &[(&str, &str)]) -> Arc<App> {
        let config = StreamsConfig::new("app", "unused:9092");
        let config = settings.iter().fold(config, |config, (key, value)| config.set(*key, *value));
        let builder = KafkaStreams::builder(topology(), config, self.cluster.clone());
        Arc::new(builder.storage(Arc::new(self.disk.clone())).into_app().unwrap())
    }

    fn log(&self, partition: i32, key: &str, value: &[u8]) -> i64 {
        let record = ProduceRecord {
            timestamp: 0,
            key: Some(key.as_bytes()),
            value: Some(value),
            headers: &Headers::new(),
        };
        self.cluster.produce(CHANGELOG, Some(partition), record).unwrap().1
    }

    /// Writes counts from 0 on for the keys of this range, at consecutive offsets.
    fn log_counts(&self, partition: i32, keys: std::ops::Range<i64>) {
        for key in keys {
            self.log(partition, &format!("k{key:05}"), &key.to_be_bytes());
        }
    }

    /// Rows of the changelog in restored form.
    fn logged(&self) -> Vec<(String, i64)> {
        let records = self.cluster.read_all(CHANGELOG, IsolationLevel::ReadCommitted).unwrap();
        let row = |(key, value): (Option<Vec<u8>>, Option<Vec<u8>>)| {
            (String::from_utf8(key.unwrap()).unwrap(), number(&value.unwrap()))
        };
        records.into_iter().map(|record| row((record.key, record.value))).collect()
    }
}

fn number(bytes: &[u8]) -> i64 {
    i64::from_be_bytes(bytes.try_into().unwrap())
}

/// A restorer with the databases of its tasks.
struct Bed {
    app: Arc<App>,
    restorer: Restorer,
}

impl Bed {
    fn new(world: &World, settings: &[(&str, &str)]) -> Self {
        let app = world.app(settings);
        Self { restorer: Restorer::new(app.clone(), 1).unwrap(), app }
    }

    fn add(&mut self, partition: i32, standby: bool) -> Result {
        let databases = self.app.open_databases(task(partition)).unwrap();
        let (latest_times, lease) = (LatestTimes::default(), Lease::unlimited());
        let source_ends = BTreeMap::new();
        let assignment = Assignment { standby, latest_times, source_ends, lease };
        self.restorer.add(task(partition), databases, assignment, 0)
    }

    /// Runs turns until nothing happens any more.
    fn settle(&mut self) -> Result {
        while self.restorer.run_once(0)? {}
        Ok(())
    }

    /// The rows of the only task that is handed over.
    fn restored(&mut self) -> Vec<(String, i64)> {
        let mut restored = self.restorer.take_restored().unwrap();
        assert_eq!(restored.len(), 1);
        rows(&restored.pop().unwrap().1)
    }
}

fn rows(databases: &TaskDatabases) -> Vec<(String, i64)> {
    let (database, id) = databases.of(0).unwrap();
    let all = database.range(id, Bound::Unbounded, Bound::Unbounded, Direction::Forward).unwrap();
    let row = |(key, value): (Vec<u8>, Vec<u8>)| (String::from_utf8(key).unwrap(), number(&value));
    all.map(|entry| row(entry.unwrap())).collect()
}

fn counts(keys: std::ops::Range<i64>) -> Vec<(String, i64)> {
    keys.map(|key| (format!("k{key:05}"), key)).collect()
}

const RESTART_EMPTY: &[(&str, &str)] = &[("state.changelog.lost", "restart-empty")];
const REWRITE: &[(&str, &str)] = &[("state.changelog.lost", "rewrite")];

/// A task was restored and not handed over yet when its changelog was truncated. Its store was
/// emptied, to be restored again, and then handed over in that state.
#[test]
fn a_store_that_is_emptied_is_not_handed_over_before_it_is_restored_again() {
    let world = World::new();
    world.log_counts(0, 0..3);
    let mut bed = Bed::new(&world, RESTART_EMPTY);
    bed.add(0, false).unwrap();
    bed.settle().unwrap();
    world.log_counts(0, 3..6);
    world.cluster.delete_before(CHANGELOG, 0, 4).unwrap();
    assert!(bed.restorer.run_once(0).unwrap(), "it starts over");
    assert!(bed.restorer.take_restored().unwrap().is_empty());
    bed.settle().unwrap();
    assert_eq!(bed.restored(), counts(4..6));
}

/// Lets this many look-ups of offsets pass, then none.
#[derive(Debug)]
struct FailOffsets(usize);

impl FaultInjector for FailOffsets {
    fn before(&mut self, operation: Operation<'_>) -> Fault {
        if operation.kind != OperationKind::ListOffsets {
            return Fault::None;
        }
        match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                Fault::None
            }
            None => Fault::Unavailable,
        }
    }
}

/// The same, with a cluster that goes away when one of two stores is emptied.
#[test]
fn a_store_that_is_emptied_is_not_handed_over_while_the_cluster_is_away() {
    let world = World::new();
    world.log_counts(0, 0..3);
    world.log_counts(1, 0..3);
    let mut bed = Bed::new(&world, RESTART_EMPTY);
    bed.add(0, false).unwrap();
    bed.settle().unwrap();
    bed.add(1, true).unwrap();
    world.log_counts(0, 3..6);
    world.cluster.delete_before(CHANGELOG, 0, 4).unwrap();
    world.cluster.set_faults(Some(Box::new(FailOffsets(2))));
    for _ in 0..3 {
        assert!(bed.restorer.run_once(0).is_err());
        assert!(bed.restorer.take_restored().unwrap().is_empty());
    }
    world.cluster.set_faults(None);
    bed.settle().unwrap();
    assert_eq!(bed.restored(), counts(4..6));
}

/// A deleted changelog was recreated, empty, and took the local state with it, which was the only
/// copy.
#[test]
fn local_state_whose_changelog_was_deleted_is_kept_until_somebody_decides() {
    let world = World::new();
    world.log_counts(0, 0..3);
    let mut bed = Bed::new(&world, &[]);
    bed.add(0, false).unwrap();
    bed.settle().unwrap();
    drop(bed);
    world.cluster.delete_topic(CHANGELOG).unwrap();
    world.create_changelog("compact");
    for standby in [false, true] {
        let error = Bed::new(&world, &[]).add(0, standby).unwrap_err().to_string();
        for part in ["app-counts-changelog-0", "`counts`", "0_0", "state.changelog.lost", "rewrite"]
        {
            assert!(error.contains(part), "{error}");
        }
    }

    let mut bed = Bed::new(&world, REWRITE);
    bed.add(0, false).unwrap();
    bed.settle().unwrap();
    assert_eq!(bed.restored(), counts(0..3));
    assert_eq!(world.logged(), counts(0..3));
    let mut bed = Bed::new(&world, &[]);
    bed.add(0, false).unwrap();
    bed.settle().unwrap();
    assert_eq!(bed.restored(), counts(0..3));
    assert_eq!(bed.app.shared.counters.snapshot().restored, 0);
    drop(bed);

    world.cluster.delete_topic(CHANGELOG).unwrap();
    world.create_changelog("compact");
    let mut bed = Bed::new(&world, RESTART_EMPTY);
    bed.add(0, false).unwrap();
    bed.settle().unwrap();
    assert_eq!(bed.restored(), []);
}

/// Lets this many writes pass, then none.
#[derive(Debug)]
struct FailProduce(usize);

impl FaultInjector for FailProduce {
    fn before(&mut self, operation: Operation<'_>) -> Fault {
        if operation.kind != OperationKind::Produce {
            return Fault::None;
        }
        match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                Fault::None
            }
            None => Fault::Unavailable,
        }
    }
}

/// A changelog that is partly rewritten is longer than the part of the old one that the local state
/// had read: the next start must not mistake it for that.
#[test]
fn a_changelog_that_is_written_anew_in_part_is_written_to_the_end_after_a_crash() {
    let world = World::new();
    world.log_counts(0, 0..6_000);
    world.cluster.compact(CHANGELOG).unwrap();
    let mut bed = Bed::new(&world, &[]);
    bed.add(0, false).unwrap();
    bed.settle().unwrap();
    let (_, databases) = bed.restorer.take_restored().unwrap().pop().unwrap();
    let mut batch = WriteBatch::new();
    batch.set_offset(CHANGELOG, 10);
    databases.of(0).unwrap().0.write(batch).unwrap();
    drop(bed);
    world.cluster.delete_topic(CHANGELOG).unwrap();
    world.create_changelog("compact");

    let mut bed = Bed::new(&world, REWRITE);
    bed.add(0, false).unwrap();
    // A page is a few batches of the producer.
    world.cluster.set_faults(Some(Box::new(FailProduce(1))));
    assert!(bed.settle().is_err());
    assert!(bed.restorer.take_restored().unwrap().is_empty());
    let written = world.logged().len();
    assert!((11..6_000).contains(&written), "{written}");
    drop(bed);
    world.cluster.set_faults(None);

    let mut bed = Bed::new(&world, &[]);
    bed.add(0, false).unwrap();
    bed.settle().unwrap();
    assert_eq!(bed.restored(), counts(0..6_000));
    world.cluster.compact(CHANGELOG).unwrap();
    assert_eq!(world.logged(), counts(0..6_000));
}

/// It waited for good for the end of the log that had been deleted.
#[test]
fn a_restore_whose_changelog_is_made_anew_meanwhile_starts_over() {
    let world = World::new();
    world.log_counts(0, 0..3);
    let mut bed = Bed::new(&world, &[]);
    bed.add(0, false).unwrap();
    world.cluster.delete_topic(CHANGELOG).unwrap();
    world.create_changelog("compact");
    world.log_counts(0, 10..12);
    while bed.restorer.run_once(0).unwrap() {}
    assert!(bed.restorer.take_restored().unwrap().is_empty(), "it was to read three records");
    assert!(bed.restorer.run_once(STANDSTILL_MS).unwrap());
    bed.settle().unwrap();
    assert_eq!(bed.restored(), counts(10..12));
}

/// The task noticed that its changelog had been recreated only when it was longer than before.
#[test]
fn a_changelog_that_is_known_to_be_lost_is_not_taken_for_the_old_one_that_grew() {
    let world = World::new();
    world.log_counts(0, 0..3);
    let mut bed = Bed::new(&world, REWRITE);
    bed.add(0, false).unwrap();
    bed.settle().unwrap();
    let (_, databases) = bed.restorer.take_restored().unwrap().pop().unwrap();
    let mut batch = WriteBatch::new();
    ChangelogMark::Lost.set(&mut batch, CHANGELOG);
    databases.of(0).unwrap().0.write(batch).unwrap();
    world.cluster.delete_topic(CHANGELOG).unwrap();
    world.create_changelog("compact");
    world.log_counts(0, 10..20);
    assert!(Bed::new(&world, &[]).add(0, false).is_err());
    bed.add(0, false).unwrap();
    bed.settle().unwrap();
    let all = [counts(0..3), counts(10..20)].concat();
    assert_eq!(bed.restored(), all);
    assert_eq!(world.logged().split_off(10), all);
}

/// The first reader of such a changelog would miss the deleted rows.
#[test]
fn a_changelog_that_forgets_rows_is_refused() {
    let world = World::new();
    world.cluster.delete_topic(CHANGELOG).unwrap();
    world.create_changelog("delete");
    let error = Bed::new(&world, &[]).add(0, false).unwrap_err().to_string();
    assert!(error.contains("task 0_0") && error.contains("cleanup.policy=delete"), "{error}");
}

/// A row that can't be read was noticed by the first record of its key, as
/// `a value of store counts can't be read`.
#[test]
fn a_row_that_can_not_be_read_is_named_or_left_out() {
    let world = World::new();
    world.log_counts(0, 0..3);
    let offset = world.log(0, "k00001", b"bad");
    let mut bed = Bed::new(&world, &[]);
    bed.add(0, false).unwrap();
    let error = bed.settle().unwrap_err();
    let at = format!("app-counts-changelog-0@{offset}");
    for part in [&*at, "`counts`", "task 0_0", "\"k00001\"", "state.changelog.corrupt"] {
        assert!(error.to_string().contains(part), "{error}");
    }

    let mut bed = Bed::new(&world, &[("state.changelog.corrupt", "skip")]);
    bed.add(0, false).unwrap();
    bed.settle().unwrap();
    assert_eq!(bed.restored(), [counts(0..1), counts(2..3)].concat());
    assert_eq!(bed.app.shared.counters.snapshot().corrupt_rows, 1);
}

/// Each store had a buffer of eight megabytes, in which only keys and values were counted.
#[test]
fn stores_share_the_memory_that_their_restores_may_take() {
    let world = World::new();
    for partition in [0, 1] {
        world.log_counts(partition, 0..3_000);
    }
    let settings = [("state.memory.max.bytes", "1048576"), ("statestore.cache.max.bytes", "0")];
    let mut bed = Bed::new(&world, &settings);
    bed.add(0, false).unwrap();
    bed.add(1, false).unwrap();
    let (mut most, mut turns) = (0, 0);
    let budget = bed.app.settings.budget.clone();
    while bed.restorer.run_once(0).unwrap() {
        most = most.max(budget.overlay_used());
        turns += 1;
    }
    assert!(turns > 2 && most > 0, "{turns} turns");
    assert!(most <= budget.overlay_limit() / 2, "{most} bytes");
    assert_eq!(bed.restorer.take_restored().unwrap().len(), 2);
    assert_eq!(budget.overlay_used(), 0);
}
