//! Restores the tasks of one stream thread: its state, and how tasks come and go.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    super::{app::App, listener::StateRestoreListener, thread::Reading},
    beginning::{Beginning, Local, Log},
    changelog::{Changelog, Plan},
    latest_times::LatestTimes,
    memory::Memory,
    policy::check_policy,
    progress::Progress,
    standstill::Standstill,
};
use crate::{
    Error, ErrorKind, Result, TaskId, TopicPartition,
    client::{Admin, Consumer, ConsumerRole, ConsumerSettings, IsolationLevel, Lease},
    membership::TaskOffsets,
    planted::{PlantedBug, is_planted},
    task::TaskDatabases,
};

/// Restores the tasks of one stream thread.
pub(crate) struct Restorer {
    pub(super) app: Arc<App>,
    pub(super) client_id: String,
    pub(super) consumer: Box<dyn Consumer>,
    pub(super) admin: Box<dyn Admin>,
    pub(super) tasks: BTreeMap<TaskId, RestoringTask>,
    pub(super) finished: Vec<TaskId>,
    /// True if rows that were read are lost: nothing may be written until everything is abandoned.
    pub(super) failed: bool,
    /// True if all restores must start again.
    pub(super) restart: bool,
    pub(super) progress: Progress,
    pub(super) standstill: Standstill,
    /// Number of records read for active tasks.
    pub(super) records: u64,
    pub(super) memory: Memory,
    /// Changelog topics whose settings were checked.
    checked: BTreeSet<String>,
}

impl std::fmt::Debug for Restorer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Restorer({:?})", self.tasks.keys())
    }
}

/// Purpose of a restore.
#[derive(Clone)]
pub(crate) struct Assignment {
    /// Standby and warm-up tasks never finish.
    pub(crate) standby: bool,
    /// Records later than these times will be processed again.
    pub(crate) latest_times: LatestTimes,
    /// Positions at which an active task starts to read the topics that fill its stores: it
    /// processes the records after them.
    pub(crate) source_ends: BTreeMap<TopicPartition, i64>,
    /// Lease under which a lost changelog is rewritten.
    pub(crate) lease: Lease,
}

/// A task whose stores are being filled.
pub(super) struct RestoringTask {
    pub(super) databases: TaskDatabases,
    pub(super) assignment: Assignment,
    pub(super) changelogs: Vec<Changelog>,
}

impl RestoringTask {
    pub(super) fn is_standby(&self) -> bool {
        self.assignment.standby
    }
}

/// The offset of a requested partition.
fn known(offsets: &BTreeMap<TopicPartition, i64>, partition: &TopicPartition) -> Result<i64> {
    offsets.get(partition).copied().ok_or_else(|| {
        let text = format!("the cluster did not say where changelog {partition} begins and ends");
        Error::new(ErrorKind::Unavailable, text)
    })
}

/// Adds the possible remedies for a missing changelog.
fn is_gone(error: Error, task: TaskId) -> Error {
    if error.kind() != ErrorKind::InvalidTopic {
        return error;
    }
    error.in_context(format!(
        "a changelog of task {task} is gone, its local state is kept; it is made anew when the application starts \
         again, and state.changelog.lost says what becomes of the state then"
    ))
}

impl Restorer {
    pub(crate) fn new(app: Arc<App>, thread: usize) -> Result<Self> {
        let client_id = format!("{}-StreamThread-{thread}-restore", app.client_id());
        let settings = ConsumerSettings {
            client_id: format!("{client_id}-consumer"),
            role: ConsumerRole::Restore,
            isolation: if is_planted(PlantedBug::RestoreUncommitted) {
                IsolationLevel::ReadUncommitted
            } else {
                app.isolation()
            },
        };
        let consumer = app.clients.consumer(&settings)?;
        let admin = app.clients.admin()?;
        let memory = Memory::new(&app.settings.budget, app.config.num_stream_threads());
        Ok(Self {
            app,
            client_id,
            consumer,
            admin,
            tasks: BTreeMap::new(),
            finished: Vec::new(),
            failed: false,
            restart: false,
            progress: Progress::default(),
            standstill: Standstill::default(),
            records: 0,
            memory,
            checked: BTreeSet::new(),
        })
    }

    pub(super) fn listener(&self) -> Option<Arc<dyn StateRestoreListener>> {
        self.app.shared.restore_listener()
    }

    /// Begins to restore a task, from the offsets in its databases.
    ///
    /// # Errors
    /// `InvalidState` if a changelog is not the one from which the local state was restored and the
    /// operator must decide, `InvalidTopic` if it is gone or would lose rows, `Unavailable` if the
    /// cluster can't be asked, and errors of the databases.
    pub(crate) fn add(
        &mut self,
        task: TaskId,
        databases: TaskDatabases,
        assignment: Assignment,
        now_ms: i64,
    ) -> Result {
        let mut partitions = self.app.changelogs(task);
        self.check_topics(task, &partitions)?;
        if !assignment.standby {
            // A standby does not know the committed offsets, so it leaves those to the member that
            // takes over.
            partitions.extend(self.app.filling_sources(task));
        }
        let all: Vec<TopicPartition> = partitions.values().cloned().collect();
        let earliest = self.admin.earliest_offsets(&all).all();
        // The end of the log, not of its stable part: a restore waits for the transactions of a
        // crashed writer.
        let isolation = if is_planted(PlantedBug::RestoreStablePart) {
            self.app.isolation()
        } else {
            IsolationLevel::ReadUncommitted
        };
        let latest = self.admin.latest_offsets(&all, isolation).all();
        let earliest = earliest.wait().map_err(|error| is_gone(error, task))?;
        let latest = latest.wait().map_err(|error| is_gone(error, task))?;
        let app = self.app.clone();
        let mut changelogs = Vec::new();
        for (store, partition) in partitions {
            let (Some(def), Some((database, id))) =
                (app.topology.stores.get(store), databases.of(store))
            else {
                continue;
            };
            let mut log =
                Log { first: known(&earliest, &partition)?, end: known(&latest, &partition)? };
            let spec = &def.spec;
            let local = Local { task, spec, partition: &partition, database: &**database, id };
            let is_source = def.source_changelog.is_some();
            let Beginning { from, rewrite } = if is_source {
                let committed = assignment.source_ends.get(&partition).copied();
                log.end = committed.unwrap_or(log.first).clamp(log.first, log.end.max(log.first));
                local.begin_source(log)?
            } else {
                local.begin(log, &app)?
            };
            self.consumer.assign(&partition, from)?;
            let rewrite = rewrite && !assignment.standby;
            let latest_time = assignment.latest_times.of(store);
            let limit = is_source.then_some(log.end);
            let plan = Plan { from, end: log.end, limit, rewrite, latest_time, now_ms };
            changelogs.push(Changelog::new((store, def), partition, &databases, plan)?);
        }
        if !assignment.standby
            && let Some(listener) = self.listener()
        {
            for changelog in &changelogs {
                listener.on_restore_start(&changelog.progress(task, now_ms));
            }
        }
        self.tasks.insert(task, RestoringTask { databases, assignment, changelogs });
        Ok(())
    }

    /// Checks, once per topic, whether changelogs keep the rows that their stores need.
    fn check_topics(
        &mut self,
        task: TaskId,
        partitions: &BTreeMap<usize, TopicPartition>,
    ) -> Result {
        let names = partitions.values().map(|partition| &*partition.topic);
        let names: Vec<&str> = names.filter(|name| !self.checked.contains(*name)).collect();
        if names.is_empty() {
            return Ok(());
        }
        let described = match self.admin.describe_topics(&names).wait() {
            // A member that may not see a topic's settings can still read it.
            Err(error) if error.kind() == ErrorKind::Fatal => BTreeMap::new(),
            other => other?,
        };
        for (store, partition) in partitions {
            let found = described.get(&*partition.topic);
            let def = self.app.topology.stores.get(*store);
            if let (Some(found), Some(def)) = (found, def) {
                let checked = check_policy(&partition.topic, found, &def.spec);
                let warning = checked.map_err(|error| error.in_context(format!("task {task}")))?;
                if let Some(warning) = warning {
                    tracing::warn!(%task, "{warning}");
                }
            }
        }
        self.checked.extend(names.into_iter().map(str::to_owned));
        Ok(())
    }

    /// Gives a task up; its databases have everything that was read from the changelogs.
    pub(crate) fn remove(&mut self, task: TaskId) -> Result<Option<TaskDatabases>> {
        let Some(mut restoring) = self.tasks.remove(&task) else { return Ok(None) };
        self.finished.retain(|finished| *finished != task);
        for changelog in &mut restoring.changelogs {
            self.consumer.unassign(changelog.partition());
            if changelog.is_ahead() && !self.failed {
                changelog.apply(&restoring.databases)?;
            }
        }
        self.count_memory();
        Ok(Some(restoring.databases))
    }

    /// Gives up all tasks without further writes: the databases stay at their last offsets.
    pub(crate) fn abandon(&mut self) -> BTreeMap<TaskId, TaskDatabases> {
        let abandoned = std::mem::take(&mut self.tasks);
        for changelog in abandoned.values().flat_map(|task| &task.changelogs) {
            self.consumer.unassign(changelog.partition());
        }
        self.finished.clear();
        self.failed = false;
        self.restart = false;
        self.count_memory();
        abandoned.into_iter().map(|(id, task)| (id, task.databases)).collect()
    }

    /// Returns the active tasks that are completely restored, with their databases.
    pub(crate) fn take_restored(&mut self) -> Result<Vec<(TaskId, TaskDatabases)>> {
        let mut restored = Vec::new();
        for task in std::mem::take(&mut self.finished) {
            if let Some(databases) = self.remove(task)? {
                restored.push((task, databases));
            }
        }
        Ok(restored)
    }

    /// Progress of each task, over all its stores.
    pub(crate) fn offsets(&self) -> TaskOffsets {
        let lag = |task: &RestoringTask| {
            let lags = task.changelogs.iter().map(|changelog| {
                self.consumer.lag(changelog.partition()).unwrap_or_else(|| changelog.remaining())
            });
            lags.sum()
        };
        let sum = |task: &RestoringTask| {
            let offsets = task.changelogs.iter().map(Changelog::next_offset);
            offsets.fold(0, i64::saturating_add)
        };
        TaskOffsets {
            lags: self.tasks.iter().map(|(id, task)| (*id, lag(task))).collect(),
            offset_sums: self.tasks.iter().map(|(id, task)| (*id, sum(task))).collect(),
        }
    }

    /// Progress of each restore of an active task.
    pub(in crate::runtime) fn readings(&self) -> Vec<Reading> {
        let restoring = self.tasks.values().filter(|task| !task.is_standby());
        let changelogs = restoring.flat_map(|task| &task.changelogs);
        let unfinished = changelogs.filter(|changelog| !changelog.is_done());
        unfinished
            .map(|changelog| Reading {
                partition: changelog.partition().clone(),
                position: changelog.next_offset(),
                waiting: changelog.remaining(),
            })
            .collect()
    }

    /// Returns whether it has tasks.
    pub(crate) fn has_tasks(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// Its tasks.
    pub(crate) fn tasks(&self) -> Vec<TaskId> {
        self.tasks.keys().copied().collect()
    }

    /// The databases of one of its tasks.
    pub(crate) fn databases(&self, task: TaskId) -> Option<TaskDatabases> {
        self.tasks.get(&task).map(|task| task.databases.clone())
    }
}
