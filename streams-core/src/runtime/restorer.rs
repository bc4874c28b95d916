//! Filling local state from changelogs: restore of active tasks, and standby tasks.
//!
//! A restorer has a consumer of its own and works on bytes: it needs no types and no nodes. An active task
//! is restored up to the end of its changelogs and then handed over; a standby is kept up to date for
//! good. All share one consumer. Invariant: after an error nothing more is written, for rows that were read may
//! be lost; the stream thread hears of it, abandons the restore, and the databases' offsets say where to go on.

use std::{collections::BTreeMap, ops::Bound, sync::Arc, time::Duration};

use state_store::{Database, Direction, Restorer as StoreRestorer, StoreId, WriteBatch};

use super::{
    app::App,
    listener::{RestoreProgress, StateRestoreListener},
    metrics::count,
    thread::Reading,
};
use crate::{
    Error, ErrorKind, Result, TaskId, TopicPartition,
    client::{Admin, Consumer, ConsumerRole, ConsumerSettings, IsolationLevel, RecordBatch},
    membership::TaskOffsets,
    planted::{PlantedBug, is_planted},
    store::{StoreSpec, stream_time_entry},
    task::TaskDatabases,
};

/// Records of one poll.
const POLL_RECORDS: usize = 20_000;
/// Bytes collected of a store before they are written.
const APPLY_BYTES: usize = 8 * 1024 * 1024;

/// Restores the tasks of one stream thread.
pub(crate) struct Restorer {
    app: Arc<App>,
    consumer: Box<dyn Consumer>,
    admin: Box<dyn Admin>,
    tasks: BTreeMap<TaskId, RestoringTask>,
    finished: Vec<TaskId>,
    /// Rows that were read are lost: nothing may be written until all is abandoned.
    failed: bool,
    /// All restores are to begin anew.
    restart: bool,
}

impl std::fmt::Debug for Restorer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Restorer({:?})", self.tasks.keys())
    }
}

struct RestoringTask {
    databases: TaskDatabases,
    /// Standby and warm-up tasks never finish.
    standby: bool,
    latest_time: i64,
    changelogs: Vec<Changelog>,
}

struct Changelog {
    store: usize,
    store_name: String,
    partition: TopicPartition,
    rows: StoreRestorer,
    next_offset: i64,
    /// The position that the database knows.
    applied: i64,
    /// Where an active task's restore ends.
    end: i64,
    restored: u64,
    started_ms: i64,
    done: bool,
}

impl Changelog {
    fn progress(&self, task: TaskId, now_ms: i64) -> RestoreProgress {
        let elapsed_ms = u64::try_from(now_ms - self.started_ms).unwrap_or(0).max(1);
        RestoreProgress {
            task,
            store: self.store_name.clone(),
            changelog: self.partition.clone(),
            restored: self.restored,
            remaining: u64::try_from(self.end - self.next_offset).unwrap_or(0),
            rate: self.restored.saturating_mul(1_000) / elapsed_ms,
        }
    }

    /// Writes what was collected, with the position behind it.
    fn apply(&mut self, databases: &TaskDatabases) -> Result {
        let Some((database, id)) = databases.of(self.store) else { return Ok(()) };
        if let Some(start) = self.rows.max_window_start() {
            // First the stream time: with it but without the rows a crash does no harm.
            let entry = stream_time_entry(&self.store_name);
            let known = database.offset(&entry)?.unwrap_or(-1);
            let mut batch = WriteBatch::new();
            batch.set_mark(&entry, known.max(start));
            database.write(batch)?;
        }
        let ahead = i64::from(is_planted(PlantedBug::RestoreOffsetAhead));
        self.rows.apply(&**database, id, &self.partition.topic, self.next_offset + ahead)?;
        self.applied = self.next_offset;
        Ok(())
    }
}

/// Whether there is anything in a store.
pub(super) fn has_rows(database: &dyn Database, id: StoreId) -> Result<bool> {
    let (from, to) = (Bound::Unbounded, Bound::Unbounded);
    let first = database.range(id, from, to, Direction::Forward)?.next();
    Ok(first.transpose()?.is_some())
}

/// Empties a store whose changelog begins at `first`, in one step: rows that are gone must leave neither their
/// offset nor their stream time behind.
fn clear(
    database: &dyn Database,
    id: StoreId,
    store: &StoreSpec,
    changelog: &str,
    first: i64,
) -> Result {
    let mut batch = WriteBatch::new();
    batch.delete_all(id);
    batch.set_offset(changelog, first);
    if store.retention_ms.is_some() {
        batch.set_mark(&stream_time_entry(&store.name), -1);
    }
    Ok(database.write(batch)?)
}

/// The offset of a partition that was asked for.
fn known(offsets: &BTreeMap<TopicPartition, i64>, partition: &TopicPartition) -> Result<i64> {
    offsets.get(partition).copied().ok_or_else(|| {
        let text = format!("the cluster did not say where changelog {partition} begins and ends");
        Error::new(ErrorKind::Unavailable, text)
    })
}

impl Restorer {
    pub(crate) fn new(app: Arc<App>, thread: usize) -> Result<Self> {
        let settings = ConsumerSettings {
            client_id: format!("{}-StreamThread-{thread}-restore-consumer", app.client_id()),
            role: ConsumerRole::Restore,
            isolation: if is_planted(PlantedBug::RestoreUncommitted) {
                IsolationLevel::ReadUncommitted
            } else {
                app.isolation()
            },
        };
        let consumer = app.clients.consumer(&settings)?;
        let admin = app.clients.admin()?;
        let (tasks, finished) = (BTreeMap::new(), Vec::new());
        Ok(Self { app, consumer, admin, tasks, finished, failed: false, restart: false })
    }

    fn listener(&self) -> Option<Arc<dyn StateRestoreListener>> {
        self.app.shared.restore_listener()
    }

    /// Begins to restore a task, from the offsets that its databases know. A changelog whose beginning
    /// was deleted beyond such an offset makes the store start over. Records later than `latest_time` will be processed
    /// once more.
    pub(crate) fn add(
        &mut self,
        task: TaskId,
        databases: TaskDatabases,
        standby: bool,
        latest_time: i64,
        now_ms: i64,
    ) -> Result {
        let partitions = self.app.changelogs(task);
        let all: Vec<TopicPartition> = partitions.values().cloned().collect();
        let earliest = self.admin.earliest_offsets(&all).all().wait()?;
        // The log's end, not the stable part: a restore waits for the transactions of a crashed writer.
        let isolation = if is_planted(PlantedBug::RestoreStablePart) {
            self.app.isolation()
        } else {
            IsolationLevel::ReadUncommitted
        };
        let latest = self.admin.latest_offsets(&all, isolation).all().wait()?;
        let app = self.app.clone();
        let mut changelogs = Vec::new();
        for (store, partition) in partitions {
            let (Some(def), Some((database, id))) =
                (app.topology.stores.get(store), databases.of(store))
            else {
                continue;
            };
            let (first, end) = (known(&earliest, &partition)?, known(&latest, &partition)?);
            let stored = database.offset(&partition.topic)?;
            if stored.is_none() && has_rows(&**database, id)? {
                // A restore that was interrupted while it loaded rows left them without an offset. Some may be
                // deleted meanwhile, and their tombstones compacted away.
                clear(&**database, id, &def.spec, &partition.topic, first)?;
            }
            let mut from = stored.unwrap_or(first);
            if from < first || from > end {
                let store = &def.spec.name;
                tracing::warn!(%task, %store, "{partition} has no offset {from} any more: the store is restored from the start");
                clear(&**database, id, &def.spec, &partition.topic, first)?;
                from = first;
            }
            self.consumer.assign(&partition, from)?;
            changelogs.push(Changelog {
                store,
                store_name: def.spec.name.to_string(),
                partition,
                rows: StoreRestorer::new(def.spec.format).with_latest_time(latest_time),
                next_offset: from,
                applied: from,
                end,
                restored: 0,
                started_ms: now_ms,
                done: false,
            });
        }
        if !standby && let Some(listener) = self.listener() {
            for changelog in &changelogs {
                listener.on_restore_start(&changelog.progress(task, now_ms));
            }
        }
        let restoring = RestoringTask { databases, standby, latest_time, changelogs };
        self.tasks.insert(task, restoring);
        Ok(())
    }

    /// Gives a task up; its databases hold all that was read of the changelogs.
    pub(crate) fn remove(&mut self, task: TaskId) -> Result<Option<TaskDatabases>> {
        let Some(mut restoring) = self.tasks.remove(&task) else { return Ok(None) };
        self.finished.retain(|finished| *finished != task);
        for changelog in &mut restoring.changelogs {
            self.consumer.unassign(&changelog.partition);
            if changelog.next_offset > changelog.applied && !self.failed {
                changelog.apply(&restoring.databases)?;
            }
        }
        Ok(Some(restoring.databases))
    }

    /// Gives up all tasks without writing anything more: the databases stay at their last offsets.
    pub(crate) fn abandon(&mut self) -> BTreeMap<TaskId, TaskDatabases> {
        let abandoned = std::mem::take(&mut self.tasks);
        for changelog in abandoned.values().flat_map(|task| &task.changelogs) {
            self.consumer.unassign(&changelog.partition);
        }
        self.finished.clear();
        self.failed = false;
        self.restart = false;
        abandoned.into_iter().map(|(id, task)| (id, task.databases)).collect()
    }

    /// Active tasks that are restored to the end, handed over with their databases.
    pub(crate) fn take_restored(&mut self) -> Result<Vec<(TaskId, TaskDatabases)>> {
        let mut restored = Vec::new();
        for task in std::mem::take(&mut self.finished) {
            if let Some(databases) = self.remove(task)? {
                restored.push((task, databases));
            }
        }
        Ok(restored)
    }

    /// How far each task has come, over all its stores.
    pub(crate) fn offsets(&self) -> TaskOffsets {
        let lag = |task: &RestoringTask| {
            let lags = task.changelogs.iter().map(|changelog| {
                self.consumer
                    .lag(&changelog.partition)
                    .unwrap_or((changelog.end - changelog.next_offset).max(0))
            });
            lags.sum()
        };
        let sum = |task: &RestoringTask| {
            let offsets = task.changelogs.iter().map(|changelog| changelog.next_offset);
            offsets.fold(0, i64::saturating_add)
        };
        TaskOffsets {
            lags: self.tasks.iter().map(|(id, task)| (*id, lag(task))).collect(),
            offset_sums: self.tasks.iter().map(|(id, task)| (*id, sum(task))).collect(),
        }
    }

    /// How far each restore of an active task has come.
    pub(super) fn readings(&self) -> Vec<Reading> {
        let restoring = self.tasks.values().filter(|task| !task.standby);
        let changelogs = restoring.flat_map(|task| &task.changelogs);
        let unfinished = changelogs.filter(|changelog| !changelog.done);
        unfinished
            .map(|changelog| Reading {
                partition: changelog.partition.clone(),
                position: changelog.next_offset,
                waiting: (changelog.end - changelog.next_offset).max(0),
            })
            .collect()
    }

    /// Whether it has tasks.
    pub(crate) fn has_tasks(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// The tasks that it has.
    pub(crate) fn tasks(&self) -> Vec<TaskId> {
        self.tasks.keys().copied().collect()
    }

    /// The databases of a task that it has.
    pub(crate) fn databases(&self, task: TaskId) -> Option<TaskDatabases> {
        self.tasks.get(&task).map(|task| task.databases.clone())
    }

    /// Reads and applies what there is. Returns whether anything happened.
    pub(crate) fn run_once(&mut self, now_ms: i64) -> Result<bool> {
        if self.tasks.is_empty() || self.failed || self.app.is_paused() {
            return Ok(false);
        }
        if self.restart {
            self.start_over(now_ms)?;
        }
        let batches = match self.consumer.poll(POLL_RECORDS, Duration::ZERO) {
            Err(error) if error.kind() == ErrorKind::InvalidState => {
                tracing::warn!("restore starts over: {error}");
                self.start_over(now_ms)?;
                return Ok(true);
            }
            other => other?,
        };
        let written = self.write(&batches, now_ms);
        self.failed = written.is_err();
        written?;
        Ok(!batches.is_empty())
    }

    fn write(&mut self, batches: &[RecordBatch], now_ms: i64) -> Result {
        batches.iter().try_for_each(|batch| self.collect(batch))?;
        self.apply_and_finish(now_ms, !batches.is_empty())
    }

    /// Begins all restores anew, from what the databases have: a changelog was truncated behind the position.
    fn start_over(&mut self, now_ms: i64) -> Result {
        // Stays so until all have begun: one that has not must not go on behind what it forgets here.
        self.restart = true;
        for task in self.tasks.values_mut() {
            for changelog in &mut task.changelogs {
                let format =
                    self.app.topology.stores.get(changelog.store).map(|def| def.spec.format);
                if let Some(format) = format {
                    changelog.rows = StoreRestorer::new(format);
                }
                changelog.next_offset = changelog.applied;
            }
        }
        let tasks = self.tasks.iter();
        let tasks: Vec<_> = tasks
            .map(|(id, task)| (*id, task.databases.clone(), task.standby, task.latest_time))
            .collect();
        for (id, databases, standby, latest_time) in tasks {
            self.add(id, databases, standby, latest_time, now_ms)?;
        }
        self.restart = false;
        Ok(())
    }

    fn collect(&mut self, batch: &RecordBatch) -> Result {
        let place = batch.topic_partition();
        for task in self.tasks.values_mut() {
            let find = |changelog: &&mut Changelog| changelog.partition == *place;
            let Some(changelog) = task.changelogs.iter_mut().find(find) else { continue };
            for record in batch.iter() {
                // Java skips records without a key, too.
                let Some(key) = record.key else { continue };
                changelog.rows.push(key, record.value, record.timestamp).map_err(|cause| {
                    let text = format!("restoring {place}@{}", record.offset);
                    Error::from(cause).in_context(text)
                })?;
            }
            changelog.next_offset = batch.next_offset();
            let records = u64::try_from(batch.len()).unwrap_or(0);
            changelog.restored += records;
            let counters = &self.app.shared.counters;
            count(
                if task.standby { &counters.standby_updates } else { &counters.restored },
                records,
            );
            if changelog.rows.bytes() > APPLY_BYTES {
                changelog.apply(&task.databases)?;
            }
            return Ok(());
        }
        Ok(())
    }

    /// Writes what is complete: a store that reached its end, and standbys when nothing more comes.
    fn apply_and_finish(&mut self, now_ms: i64, progress: bool) -> Result {
        let listener = self.listener();
        let mut failed = None;
        for (id, task) in &mut self.tasks {
            for changelog in &mut task.changelogs {
                let position = self.consumer.position(&changelog.partition);
                changelog.next_offset = position.unwrap_or(changelog.next_offset);
                let short = i64::from(is_planted(PlantedBug::RestoreShortOfEnd));
                let at_end = changelog.next_offset >= changelog.end - short;
                let apply = if task.standby { !progress } else { at_end && !changelog.done };
                if apply && (!changelog.rows.is_empty() || !task.standby) {
                    if let Err(error) = changelog.apply(&task.databases) {
                        failed = Some(error);
                        break;
                    }
                    if let Some(listener) = listener.as_ref().filter(|_| !task.standby) {
                        listener.on_batch_restored(&changelog.progress(*id, now_ms));
                    }
                }
                if !task.standby && at_end && !changelog.done {
                    changelog.done = true;
                    tracing::info!(task = %id, store = %changelog.store_name, records = changelog.restored, "restored");
                    if let Some(listener) = &listener {
                        listener.on_restore_end(&changelog.progress(*id, now_ms));
                    }
                }
            }
            task.databases.flush_older(now_ms, &self.app.settings);
            let done = task.changelogs.iter().all(|changelog| changelog.done);
            if !task.standby && done && !self.finished.contains(id) {
                self.finished.push(*id);
            }
        }
        failed.map_or(Ok(()), Err)
    }
}
