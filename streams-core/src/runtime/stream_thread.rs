//! One turn of a stream thread.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;

use super::{
    app::App,
    foreign_rows::ForeignRows,
    metrics::{ThreadMetadata, count},
    rebalance::keeps_as_standby,
    restorer::Restorer,
    standstill::Standstills,
    stored_state::Reporter,
};
use crate::{
    Error, ErrorKind, Result, TaskId, TopicPartition,
    client::{
        Admin, Consumer, ConsumerRole, ConsumerSettings, Membership, Producer, ProducerSettings,
    },
    membership::{TaskAssignment, TaskOffsets},
    task::{ActiveTask, Readiness, TaskDatabases},
    time::duration_ms,
};

/// Records that a task processes in one turn before others get theirs.
const RECORDS_PER_TURN: usize = 1_000;

/// What a turn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Whether anything was done, so that the next turn should follow at once.
    pub(crate) worked: bool,
}

/// A member of the group with its tasks. Driven by [`run_once`](Self::run_once), from a thread of its own
/// or from a simulator.
pub(crate) struct StreamThread {
    pub(super) app: Arc<App>,
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) consumer: Box<dyn Consumer>,
    pub(super) admin: Box<dyn Admin>,
    pub(super) membership: Box<dyn Membership>,
    pub(super) producer: Option<Box<dyn Producer>>,
    pub(super) in_transaction: bool,
    pub(super) restorer: Arc<Mutex<Restorer>>,
    restorer_offsets: TaskOffsets,
    /// Tasks that process.
    pub(super) running: BTreeMap<TaskId, ActiveTask>,
    /// Tasks that the restorer brings up to date, to become active.
    pub(super) restoring: BTreeSet<TaskId>,
    /// Tasks that are restored and wait for their committed offsets.
    pub(super) restored: BTreeMap<TaskId, TaskDatabases>,
    /// Tasks whose state is open and waits for the restorer, or to be let go of.
    pub(super) reopened: BTreeMap<TaskId, TaskDatabases>,
    /// Standby and warm-up tasks, in the restorer.
    pub(super) standby: BTreeSet<TaskId>,
    /// What the coordinator wants.
    pub(super) target: Option<TaskAssignment>,
    stored_state: Reporter,
    pub(super) partition_counts: BTreeMap<String, i32>,
    pub(super) last_commit_ms: i64,
    pub(super) last_purge_ms: i64,
    /// Since when the cluster could not serve what it was asked.
    pub(super) failing_since: Option<i64>,
    /// Whether this turn went on without a call that failed.
    pub(super) passed_over: bool,
    /// When the coordinator was last heard.
    pub(super) heard_ms: i64,
    /// Whether a member of the group asked all instances to close.
    asked_to_close: bool,
    pub(super) standstills: Standstills,
    pub(super) foreign_rows: ForeignRows,
}

impl std::fmt::Debug for StreamThread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StreamThread({}, {:?})", self.name, self.running.keys())
    }
}

impl StreamThread {
    pub(crate) fn new(app: Arc<App>, index: usize) -> Result<Self> {
        let name = format!("{}-StreamThread-{index}", app.client_id());
        let client_id = format!("{name}-consumer");
        let isolation = app.isolation();
        let settings = ConsumerSettings { client_id, isolation, role: ConsumerRole::Main };
        let consumer = app.clients.consumer(&settings)?;
        let admin = app.clients.admin()?;
        let membership = app.clients.membership(app.join_group(index))?;
        let restorer = Arc::new(Mutex::new(Restorer::new(app.clone(), index)?));
        let last_commit_ms = app.clock.now_ms();
        let stored_state = Reporter::new(app.clone(), index);
        Ok(Self {
            app,
            index,
            name,
            consumer,
            admin,
            membership,
            producer: None,
            in_transaction: false,
            restorer,
            restorer_offsets: TaskOffsets::default(),
            running: BTreeMap::new(),
            restoring: BTreeSet::new(),
            restored: BTreeMap::new(),
            reopened: BTreeMap::new(),
            standby: BTreeSet::new(),
            target: None,
            stored_state,
            partition_counts: BTreeMap::new(),
            last_commit_ms,
            last_purge_ms: last_commit_ms,
            failing_since: None,
            passed_over: false,
            heard_ms: last_commit_ms,
            asked_to_close: false,
            standstills: Standstills::default(),
            foreign_rows: ForeignRows::default(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn restorer(&self) -> Arc<Mutex<Restorer>> {
        self.restorer.clone()
    }

    /// Whether a member of the group asked all instances to close.
    pub(crate) fn is_asked_to_close(&self) -> bool {
        self.asked_to_close
    }

    /// Asks all instances to close, once its own tasks are given up: joins the group anew and says so. Returns
    /// whether the group has heard; until then the call is to be repeated.
    pub(crate) fn shut_application_down(&mut self) -> Result<bool> {
        self.membership.shutdown_application();
        let heartbeat =
            self.membership.heartbeat(&TaskAssignment::default(), &TaskOffsets::default())?;
        Ok(heartbeat.shutdown)
    }

    /// Whether the cluster could not serve the last call.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing_since.is_some()
    }

    /// Whether the thread has all tasks that it was told to have, and processes them.
    pub(crate) fn is_running(&self) -> bool {
        let started = |target: &TaskAssignment| {
            target.active.iter().all(|task| self.running.contains_key(task))
        };
        self.target.as_ref().is_some_and(started)
    }

    pub(crate) fn metadata(&self) -> ThreadMetadata {
        let restored = self.restored.keys().copied();
        ThreadMetadata {
            thread_name: self.name.clone(),
            active_tasks: self.running.keys().copied().collect(),
            restoring_tasks: self.restoring.iter().copied().chain(restored).collect(),
            standby_tasks: self.standby.clone(),
        }
    }

    /// One turn: membership, restored tasks, poll, process, punctuate, commit. Waits at most `max_wait`, and
    /// only if there is nothing to do.
    ///
    /// # Errors
    /// What the thread can't go on from: a handler decided to fail, state can't be written, or the cluster was out of
    /// reach for longer than `task.timeout.ms`. Uncommitted work is dropped by then.
    pub(crate) fn run_once(&mut self, now_ms: i64, max_wait: Duration) -> Result<Turn> {
        self.passed_over = false;
        match self.turn(now_ms, max_wait) {
            Ok(turn) => {
                if !self.passed_over && self.failing_since.take().is_some() {
                    tracing::info!(thread = %self.name, "the cluster is in reach again");
                }
                Ok(turn)
            }
            Err(error) => {
                self.recover(error, now_ms)?;
                Ok(Turn { worked: false })
            }
        }
    }

    fn turn(&mut self, now_ms: i64, max_wait: Duration) -> Result<Turn> {
        self.heartbeat(now_ms)?;
        if !self.passed_over {
            // Without an answer the target may be out of date: what was not in the last report may be another's by now.
            self.reconcile(now_ms)?;
        }
        self.start_restored(now_ms)?;
        let ready = !self.app.is_paused() && self.any_ready(now_ms);
        let mut worked = self.poll(ready, now_ms, max_wait)?;
        // Asked anew: what was written after `pause` must not be processed.
        if !self.app.is_paused() {
            worked |= self.process(now_ms)?;
            worked |= self.punctuate(now_ms)?;
        }
        self.commit_if_due(now_ms)?;
        self.report_standstills(now_ms);
        Ok(Turn { worked })
    }

    /// Drops uncommitted work after an error, and decides whether the thread can go on.
    fn recover(&mut self, error: Error, now_ms: i64) -> Result {
        match error.kind() {
            ErrorKind::Fenced => {
                tracing::warn!(thread = %self.name, "this member was replaced, its tasks are given up: {error}");
                self.drop_work();
                Ok(())
            }
            _ if is_transient(&error) => {
                let since = self.failing_since(now_ms, &error);
                if now_ms - since > duration_ms(self.app.config.task_timeout()) {
                    self.drop_work();
                    let text = format!(
                        "no progress for longer than task.timeout.ms ({since} to {now_ms})"
                    );
                    return Err(error.in_context(text));
                }
                self.revive();
                Ok(())
            }
            _ => {
                self.drop_work();
                Err(error)
            }
        }
    }

    /// Since when the cluster has been out of reach; says so once.
    fn failing_since(&mut self, now_ms: i64, error: &Error) -> i64 {
        if self.failing_since.is_none() {
            tracing::warn!(thread = %self.name, "the cluster is out of reach, trying again: {error}");
        }
        *self.failing_since.get_or_insert(now_ms)
    }

    /// Goes on without a call that the cluster did not serve and that leaves the thread's work as it is; fails when
    /// that has lasted longer than `task.timeout.ms`.
    pub(super) fn pass_over<T: Default>(&mut self, called: Result<T>, now_ms: i64) -> Result<T> {
        let error = match called {
            Err(error) if is_transient(&error) => error,
            other => return other,
        };
        let since = self.failing_since(now_ms, &error);
        if now_ms - since > duration_ms(self.app.config.task_timeout()) {
            return Err(error);
        }
        self.passed_over = true;
        Ok(T::default())
    }

    /// Hears from the coordinator. Work goes on without it for as long as the session lasts; who may be a zombie
    /// must not write.
    pub(super) fn heartbeat(&mut self, now_ms: i64) -> Result {
        let owned = self.owned();
        let offsets = self.task_offsets();
        let heartbeat = self.membership.heartbeat(&owned, &offsets);
        if heartbeat.as_ref().is_err_and(|error| error.kind() == ErrorKind::Fenced) {
            // Others have its tasks. Were it to run them until it is told new ones, it would commit as the new member
            // that it joins as, which the coordinator lets pass.
            self.target = None;
        }
        let heartbeat = if heartbeat.is_ok() {
            self.heard_ms = now_ms;
            heartbeat?
        } else if now_ms - self.heard_ms < duration_ms(self.app.config.session_timeout()) {
            self.pass_over(heartbeat, now_ms)?
        } else {
            heartbeat?
        };
        if heartbeat.shutdown && !self.asked_to_close {
            tracing::warn!(thread = %self.name, "a member of the group asks all instances to close");
            self.asked_to_close = true;
        }
        if let Some(assignment) = heartbeat.assignment {
            tracing::info!(thread = %self.name, active = ?assignment.active, standby = ?assignment.standby, warmup = ?assignment.warmup, "assigned");
            self.target = Some(assignment);
            // Topics may have got more partitions since.
            self.partition_counts.clear();
        }
        Ok(())
    }

    /// The tasks that are not given up yet. What waits to become a standby counts as one: it does not process.
    fn owned(&self) -> TaskAssignment {
        let target = self.target.as_ref();
        let is_replica =
            |task: &&TaskId| target.is_some_and(|target| keeps_as_standby(target, **task));
        let is_warmup = |task: &&TaskId| target.is_some_and(|target| target.warmup.contains(*task));
        let (waiting, opened): (Vec<TaskId>, Vec<TaskId>) =
            self.reopened.keys().partition(is_replica);
        let active = self.running.keys().chain(&self.restoring).chain(self.restored.keys());
        let active = active.chain(&opened);
        let (warmup, standby) = self.standby.iter().chain(&waiting).partition(is_warmup);
        TaskAssignment { active: active.copied().collect(), standby, warmup }
    }

    /// What the restorer has is that of a moment ago while it is at work: this thread does not wait for it.
    fn task_offsets(&mut self) -> TaskOffsets {
        let (mut lags, mut offset_sums) = (BTreeMap::new(), self.stored_state.offset_sums());
        let waiting = self.reopened.iter();
        offset_sums.extend(waiting.filter_map(|(task, databases)| {
            Some((*task, self.app.offset_sum(*task, databases, false)?))
        }));
        if !self.standby.is_empty() || !self.restoring.is_empty() {
            if let Some(restorer) = self.restorer.try_lock() {
                self.restorer_offsets = restorer.offsets();
            }
            let known = &self.restorer_offsets;
            for task in self.standby.iter().chain(&self.restoring) {
                lags.extend(known.lags.get(task).map(|lag| (*task, *lag)));
                offset_sums.extend(known.offset_sums.get(task).map(|sum| (*task, *sum)));
            }
        }
        lags.extend(self.restored.keys().map(|task| (*task, 0)));
        lags.extend(self.running.keys().map(|task| (*task, 0)));
        lags.retain(|task, _| self.app.has_stores(*task));
        TaskOffsets { lags, offset_sums }
    }

    fn any_ready(&mut self, now_ms: i64) -> bool {
        let consumer = &self.consumer;
        self.running
            .values_mut()
            .any(|task| task.readiness(now_ms, |place| consumer.lag(place)) == Readiness::Ready)
    }

    /// How long a poll may wait: not at all while there is work, and not past what is due next.
    fn wait(&self, ready: bool, now_ms: i64, max_wait: Duration) -> Duration {
        if ready || !self.restored.is_empty() {
            return Duration::ZERO;
        }
        if !self.restoring.is_empty() || !self.reopened.is_empty() {
            return max_wait.min(Duration::from_millis(10));
        }
        let punctuations = self.running.values().filter_map(ActiveTask::next_punctuation);
        let commit = self.last_commit_ms + duration_ms(self.app.config.commit_interval());
        let due = punctuations.chain([commit]).min().unwrap_or(commit);
        let until_due = u64::try_from(due - now_ms).unwrap_or(0);
        max_wait.min(Duration::from_millis(until_due.max(1)))
    }

    /// Polls the partitions of which not enough is queued.
    fn poll(&mut self, ready: bool, now_ms: i64, max_wait: Duration) -> Result<bool> {
        let wait = self.wait(ready, now_ms, max_wait);
        let enough = self.app.config.buffered_records_per_partition();
        for task in self.running.values() {
            for (place, buffered) in task.buffered_by_input() {
                self.consumer.hold(place, buffered >= enough);
            }
        }
        let batches = self.consumer.poll(self.app.config.max_poll_records(), wait);
        let batches = match batches {
            Err(error) if error.kind() == ErrorKind::InvalidState => {
                // The log was truncated there, or this is a zombie and the next owner has purged what it read.
                tracing::warn!(thread = %self.name, "tasks start over from their committed offsets: {error}");
                self.start_over();
                return Ok(true);
            }
            other => self.pass_over(other, now_ms)?,
        };
        let worked = !batches.is_empty();
        for batch in batches {
            let place = batch.topic_partition();
            let task = self.running.values_mut().find(|task| task.inputs().contains(place));
            if let Some(task) = task {
                task.add_batch(batch);
            }
        }
        Ok(worked)
    }

    fn process(&mut self, now_ms: i64) -> Result<bool> {
        let mut processed = 0;
        let ids: Vec<TaskId> = self.running.keys().copied().collect();
        for id in ids {
            for _ in 0..RECORDS_PER_TURN {
                let consumer = &self.consumer;
                let Some(task) = self.running.get_mut(&id) else { break };
                if task.readiness(now_ms, |place| consumer.lag(place)) != Readiness::Ready {
                    break;
                }
                if !self.in_transaction {
                    self.begin_work()?;
                }
                let Some(task) = self.running.get_mut(&id) else { break };
                if !task.process(now_ms, &mut self.producer)? {
                    break;
                }
                processed += 1;
            }
            self.count_dropped(id);
        }
        count(&self.app.counters.processed, processed);
        Ok(processed > 0)
    }

    fn count_dropped(&mut self, id: TaskId) {
        let dropped = self.running.get_mut(&id).map_or(0, ActiveTask::take_dropped);
        if dropped > 0 {
            count(&self.app.counters.dropped, dropped);
        }
    }

    fn punctuate(&mut self, now_ms: i64) -> Result<bool> {
        let mut worked = false;
        let due = |task: &ActiveTask| task.next_punctuation().is_some_and(|due| due <= now_ms);
        let tasks = self.running.iter().filter(|(_, task)| due(task));
        let tasks: Vec<TaskId> = tasks.map(|(id, _)| *id).collect();
        for id in tasks {
            self.begin_work()?;
            if let Some(task) = self.running.get_mut(&id) {
                worked |= task.punctuate_wall_clock(now_ms, &mut self.producer)?;
            }
            self.count_dropped(id);
        }
        Ok(worked)
    }

    /// Makes sure that there is a producer and, for exactly-once, an open transaction.
    pub(super) fn begin_work(&mut self) -> Result {
        self.ensure_producer()?;
        if self.app.exactly_once()
            && !self.in_transaction
            && let Some(producer) = &mut self.producer
        {
            producer.begin_transaction()?;
            self.in_transaction = true;
        }
        Ok(())
    }

    /// Makes sure that there is a producer. With exactly-once this ends what an earlier one left open.
    pub(super) fn ensure_producer(&mut self) -> Result {
        if self.producer.is_some() {
            return Ok(());
        }
        let app = &self.app;
        let transactional_id = app
            .exactly_once()
            .then(|| format!("{}-{}-{}", app.application_id(), app.process_id, self.index));
        let client_id = format!("{}-producer", self.name);
        let settings =
            ProducerSettings { client_id, transactional_id, lease: self.membership.lease() };
        let mut producer = app.clients.producer(&settings)?;
        if app.exactly_once() {
            producer.init_transactions()?;
        }
        self.producer = Some(producer);
        Ok(())
    }

    /// Partitions of a topic, looked up once.
    pub(super) fn partition_count(&mut self, topic: &str) -> Result<i32> {
        if let Some(count) = self.partition_counts.get(topic) {
            return Ok(*count);
        }
        let described = self.admin.describe_topics(&[topic])?;
        let count = described.get(topic).map(|description| description.partitions);
        let count = count.ok_or_else(|| {
            // The coordinator saw it, or there would be no task: a broker may hear of a new topic a moment later.
            let text = format!("source topic {topic} is not known to the cluster; was it deleted?");
            Error::new(ErrorKind::Unavailable, text)
        })?;
        self.partition_counts.insert(topic.to_owned(), count);
        Ok(count)
    }

    /// The input partitions of a task.
    pub(super) fn inputs(&mut self, task: TaskId) -> Result<Vec<TopicPartition>> {
        let mut inputs = Vec::new();
        for topic in self.app.source_topics(task.subtopology) {
            if task.partition < self.partition_count(&topic)? {
                inputs.push(TopicPartition::new(topic, task.partition));
            }
        }
        Ok(inputs)
    }
}

/// Whether the cluster may serve the same call later.
pub(super) fn is_transient(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout)
}
