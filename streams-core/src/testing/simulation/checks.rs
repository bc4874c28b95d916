//! Invariants of stores, during a simulation and at rest.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    ops::Bound,
};

use state_store::{Direction, Segments, StoreFormat};

use super::{
    compare::bytes,
    instance::{Instance, names},
    versions::Versions,
    world::World,
};
use crate::{
    Result, TaskId, TopicPartition,
    client::embedded::{EmbeddedCluster, StoredRecord},
    membership::InternalTopics,
    runtime::App,
    task::TaskDatabases,
};

pub(super) type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// Records deleted at the beginning of changelogs, where newer rows superseded them.
pub(super) type Truncated = BTreeMap<TopicPartition, Vec<StoredRecord>>;

/// Relation of a store to its changelog's visible records below its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exactness {
    /// The last row of each key, no more and no less.
    LastRows,
    /// Only rows that were written there at some time, also after the offset. With at-least-once
    /// nothing keeps a zombie from writing between the records of a task's owner, who does not read
    /// them.
    AnyRows,
}

/// The rows of a changelog, up to an offset.
struct Replay {
    rows: Rows,
    /// Rows that were deleted at the beginning and that nothing has superseded up to the offset. A
    /// reader that started after them does not have them.
    deleted: Rows,
    /// All rows that ever existed, with their keys; empty unless requested.
    ever: BTreeSet<(Vec<u8>, Vec<u8>)>,
    /// Number of records read; compaction has removed none if it equals the offset.
    records: i64,
    /// Greatest window start seen.
    max_start: Option<i64>,
}

/// Checks each store against its changelog. Returns the violation.
pub(super) fn check_stores(
    (cluster, truncated): (&EmbeddedCluster, &Truncated),
    app: &App,
    task: TaskId,
    databases: &TaskDatabases,
    exactness: Exactness,
) -> Result<Option<String>> {
    for (store, changelog) in app.changelogs(task) {
        let Some(def) = app.topology.stores.get(store) else { continue };
        let Some((database, id)) = databases.of(store) else { continue };
        // Without an offset a restore was interrupted while it loaded rows; the next one starts
        // over.
        let Some(offset) = database.offset(&changelog.topic)? else { continue };
        let format = def.spec.format;
        let mut records = truncated.get(&changelog).cloned().unwrap_or_default();
        let deleted = records.len();
        // Not as a reader sees them: a zombie that continues may open a transaction that hides the
        // next owner's records until it ends. They are committed all the same, and in its store.
        records.extend(cluster.committed_records(&changelog)?);
        let at = format!("store `{}` of task {task} at {changelog}@{offset}", def.spec.name);
        let rows = database.range(id, Bound::Unbounded, Bound::Unbounded, Direction::Forward)?;
        let mut rows = rows.collect::<state_store::Result<Rows>>()?;
        if format.segments().is_some_and(|segments| segments.by_time) {
            // The entries of its index, which no changelog has.
            rows.retain(|key, _| key.first() != Some(&0xff));
        }
        if let Some(segments) = format.versions() {
            let wrong = wrong_versions(rows, &records, segments, (offset, exactness));
            if let Some(wrong) = wrong {
                return Ok(Some(format!("{at} {wrong}")));
            }
            continue;
        }
        let mut replay = replay(&records, deleted, format, (offset, exactness))?;
        keep_live(&mut rows, format, replay.max_start);
        keep_live(&mut replay.rows, format, replay.max_start);
        for (key, value) in replay.deleted {
            // Both are correct.
            if rows.get(&key) == Some(&value) {
                rows.remove(&key);
            }
        }
        if exactness == Exactness::AnyRows {
            let is_compacted = replay.records < offset;
            let stray = rows.into_iter().find(|row| !is_compacted && !replay.ever.contains(row));
            let Some((key, value)) = stray else { continue };
            let (key, value) = (bytes(Some(&key)), bytes(Some(&value)));
            return Ok(Some(format!("{at} has {key} as {value}, the changelog never had it")));
        }
        if let Some(difference) = difference(&rows, &replay.rows) {
            return Ok(Some(format!("{at} {difference}")));
        }
    }
    Ok(None)
}

/// The first key whose row differs between a store and its changelog.
fn difference(rows: &Rows, logged: &Rows) -> Option<String> {
    let keys: BTreeSet<&Vec<u8>> = rows.keys().chain(logged.keys()).collect();
    let key = keys.into_iter().find(|key| rows.get(*key) != logged.get(*key))?;
    let show = |rows: &Rows| bytes(rows.get(key).map(Vec::as_slice));
    let (ours, theirs) = (show(rows), show(logged));
    Some(format!("has {} as {ours}, the changelog as {theirs}", bytes(Some(key))))
}

/// The difference between a store of versions and its changelog, from which a simulation compacts
/// or deletes nothing.
fn wrong_versions(
    mut rows: Rows,
    records: &[StoredRecord],
    segments: Segments,
    (offset, exactness): (i64, Exactness),
) -> Option<String> {
    if exactness == Exactness::AnyRows {
        let (key, value) = Versions::stray(rows, records)?;
        let (key, value) = (bytes(Some(&key)), bytes(Some(&value)));
        return Some(format!("has {key} as {value}, the changelog never had it"));
    }
    let mut versions = Versions::default();
    let below = records.iter().filter(|record| record.offset < offset);
    below.for_each(|record| versions.put(record, segments));
    let mut logged = versions.rows(segments);
    versions.keep_live(&mut logged, segments);
    versions.keep_live(&mut rows, segments);
    difference(&rows, &logged)
}

/// A store whose changelog has visible records at or after its offset.
pub(super) fn behind(
    cluster: &EmbeddedCluster,
    app: &App,
    task: TaskId,
    databases: &TaskDatabases,
) -> Result<Option<String>> {
    for (store, changelog) in app.changelogs(task) {
        let Some((database, _)) = databases.of(store) else { continue };
        if !cluster.topics().contains_key(&*changelog.topic) {
            return Ok(Some(format!("{changelog} is deleted and not there again")));
        }
        let offset = database.offset(&changelog.topic)?.unwrap_or(0);
        let missing = cluster.read_all(&changelog.topic, app.isolation())?.into_iter();
        let missing = missing
            .filter(|record| record.partition == changelog.partition && record.offset >= offset);
        let missing = missing.count();
        if missing > 0 {
            let text =
                format!("of {changelog} {missing} records behind @{offset} are not in task {task}");
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// Replays records up to an offset, of which the first were deleted.
fn replay(
    records: &[StoredRecord],
    deleted: usize,
    format: StoreFormat,
    (end, exactness): (i64, Exactness),
) -> Result<Replay> {
    let mut replay = Replay {
        rows: Rows::new(),
        deleted: Rows::new(),
        ever: BTreeSet::new(),
        records: 0,
        max_start: None,
    };
    let (mut key, mut value) = (Vec::new(), Vec::new());
    for (index, record) in records.iter().enumerate() {
        let is_below = record.offset < end;
        replay.records += i64::from(is_below);
        // If others wrote, the database's offset counts only up to their first record, but it has
        // later rows already.
        if !is_below && exactness != Exactness::AnyRows {
            continue;
        }
        let Some(logged) = &record.key else { continue };
        let (logged, time) = ((logged.as_slice(), record.value.as_deref()), record.timestamp);
        let put = format.from_changelog(logged, time, iter::empty(), &mut key, &mut value)?;
        replay.max_start = replay.max_start.max(format.time_of(&key));
        replay.deleted.remove(&key);
        if put && exactness == Exactness::AnyRows {
            replay.ever.insert((key.clone(), value.clone()));
        } else if put && index < deleted {
            replay.deleted.insert(key.clone(), value.clone());
        } else if put {
            replay.rows.insert(key.clone(), value.clone());
        } else {
            replay.rows.remove(&key);
        }
    }
    Ok(replay)
}

/// Removes windows that may have expired.
fn keep_live(rows: &mut Rows, format: StoreFormat, max_start: Option<i64>) {
    if let (Some(segments), Some(max_start)) = (format.segments(), max_start) {
        let oldest = max_start - segments.retention_ms;
        rows.retain(|key, _| format.time_of(key).is_some_and(|start| start > oldest));
    }
}

/// The reason why the application is not at rest: `None` if each task runs on exactly one thread,
/// everything is committed, and stores have all of their changelogs.
pub(super) fn unrest(world: &World) -> Result<Option<String>> {
    let cluster = &world.cluster;
    let mut running: BTreeSet<TaskId> = BTreeSet::new();
    let mut app = None;
    for (index, machine) in world.machines.iter().enumerate() {
        let Some(instance) = &machine.instance else { continue };
        app = Some(&instance.app);
        if let Some(why) = global_unrest(cluster, instance)? {
            return Ok(Some(format!("instance-{index} {why}")));
        }
        for stepped in &instance.threads {
            if let Some(why) = stepped.thread.unrest() {
                let thread = stepped.thread.name();
                return Ok(Some(format!("{thread} of instance-{index} {why}")));
            }
            for (task, databases) in stepped.open_databases() {
                if let Some(why) = behind(cluster, &instance.app, task, &databases)? {
                    return Ok(Some(format!("on instance-{index} {why}")));
                }
            }
            for (task, _) in stepped.thread.running_tasks() {
                if !running.insert(*task) {
                    return Ok(Some(format!("task {task} runs twice")));
                }
            }
        }
    }
    let Some(app) = app else { return Ok(Some("no instance is up".to_owned())) };
    if let Some(partition) = cluster.open_transaction() {
        // A zombie may have left it open; results that it hides are not read until it times out.
        return Ok(Some(format!("a transaction is open in {partition}")));
    }
    for member in cluster.members(&world.group) {
        let roles = [&member.owned, &member.assigned];
        if roles.into_iter().any(|role| *role != member.target) {
            return Ok(Some(format!("a member does not own what it is to own: {member:?}")));
        }
    }
    if let Some(why) = not_running(cluster, app, &running)? {
        return Ok(Some(why));
    }
    uncommitted(cluster, app)
}

/// The reason why the global stores of an instance are not up to date.
fn global_unrest(cluster: &EmbeddedCluster, instance: &Instance) -> Result<Option<String>> {
    if !instance.is_filled() {
        return Ok(Some("has not filled its global stores".to_owned()));
    }
    let app = &instance.app;
    let Some(databases) = app.shared.global_databases() else { return Ok(None) };
    for (topic, store) in app.topology.global_topics() {
        let Some((database, _)) = databases.of(store) else { continue };
        for record in cluster.read_all(topic, app.isolation())? {
            let partition = TopicPartition::new(topic, record.partition);
            if database.offset(&partition.to_string())?.unwrap_or(0) <= record.offset {
                return Ok(Some(format!("has not read {partition}@{}", record.offset)));
            }
        }
    }
    Ok(None)
}

/// Checks that the global stores of all running instances have the same rows. Returns the
/// difference.
pub(super) fn check_global_stores(world: &World) -> Result<Option<String>> {
    let mut known: BTreeMap<usize, (usize, Rows)> = BTreeMap::new();
    for (index, machine) in world.machines.iter().enumerate() {
        let Some(instance) = &machine.instance else { continue };
        let Some(databases) = instance.app.shared.global_databases() else { continue };
        for store in instance.app.topology.global_stores() {
            let Some((database, id)) = databases.of(store) else { continue };
            let rows =
                database.range(id, Bound::Unbounded, Bound::Unbounded, Direction::Forward)?;
            let rows = rows.collect::<state_store::Result<Rows>>()?;
            let (other, theirs) = known.entry(store).or_insert_with(|| (index, rows.clone()));
            if *theirs != rows {
                let text = format!("instance-{index} and instance-{other} differ in global rows");
                return Ok(Some(text));
            }
        }
    }
    Ok(None)
}

/// The tasks of the application that are not among the running ones.
fn not_running(
    cluster: &EmbeddedCluster,
    app: &App,
    running: &BTreeSet<TaskId>,
) -> Result<Option<String>> {
    let described = cluster.topics().into_iter();
    let counts = described.map(|(name, topic)| (name, topic.partitions)).collect();
    let topology = app.matched_topology(&counts)?;
    let tasks = InternalTopics::derive(&topology, &counts, -1)?.tasks;
    let differ = tasks != *running;
    let (running, all) = (names(running), names(&tasks));
    Ok(differ.then(|| format!("of the tasks {all} only {running} run")))
}

/// A task that has no owner to process it, with the reason: `None` if each has one.
pub(super) fn unowned(world: &World) -> Result<Option<String>> {
    let instances = || world.machines.iter().filter_map(|machine| machine.instance.as_ref());
    let Some(instance) = instances().next() else {
        return Ok(Some("no instance is up".to_owned()));
    };
    let threads = instances().flat_map(|instance| &instance.threads);
    let running = threads.flat_map(|stepped| stepped.thread.running_tasks());
    let running: BTreeSet<TaskId> = running.map(|(task, _)| *task).collect();
    not_running(&world.cluster, &instance.app, &running)
}

/// Input that the group has not committed, as seen by any running instance.
pub(super) fn uncommitted_input(world: &World) -> Result<Option<String>> {
    let instance = world.machines.iter().find_map(|machine| machine.instance.as_ref());
    instance.map_or(Ok(None), |instance| uncommitted(&world.cluster, &instance.app))
}

/// An input partition that the group has not fully committed, of the user or of the application
/// itself.
fn uncommitted(cluster: &EmbeddedCluster, app: &App) -> Result<Option<String>> {
    let committed = cluster.committed(app.application_id());
    let described = cluster.topics().into_iter();
    let counts: BTreeMap<String, i32> =
        described.map(|(name, topic)| (name, topic.partitions)).collect();
    for part in app.matched_topology(&counts)?.subtopologies.values() {
        for topic in part.source_topics.iter().chain(part.repartition_source_topics.keys()) {
            for number in 0..counts.get(topic).copied().unwrap_or(0) {
                let partition = TopicPartition::new(topic.as_str(), number);
                let end = cluster.end_offset(topic, number)?;
                let offset = committed.get(&partition).map_or(0, |committed| committed.offset);
                if offset < end {
                    return Ok(Some(format!("of {partition} {offset} is committed, not {end}")));
                }
            }
        }
    }
    Ok(None)
}
