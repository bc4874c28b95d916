//! One turn of the thread that fills the global stores of an instance.
//!
//! It reads all partitions of their topics, in no group, first to the ends that they had when it
//! began and then for good. Rows and positions are written together, once per turn, and other tasks
//! read them from the database. Invariant: unwritten records are dropped with the task, which
//! starts again from the positions in the database.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    app::App,
    dead_letters::DeadLetterProducer,
    listener::{RestoreProgress, StateRestoreListener},
    metrics::count,
    restore::has_rows,
    thread::{Turn, is_transient},
};
use crate::{
    Error, ErrorKind, Result, TaskId, TopicPartition,
    client::{
        Admin, Collector, Consumer, ConsumerRole, ConsumerSettings, IsolationLevel, OffsetReset,
        RecordBatch,
    },
    task::{GlobalTask, TaskDatabases},
    time::{Span, duration_ms},
};

/// Fills the global stores of an instance. Driven by [`run_once`](Self::run_once).
pub(crate) struct GlobalThread {
    app: Arc<App>,
    name: String,
    consumer: Box<dyn Consumer>,
    admin: Box<dyn Admin>,
    databases: TaskDatabases,
    /// `None` until it has begun, and after a failure from which it recovers.
    task: Option<GlobalTask>,
    /// Partitions that have not been read to the ends that they had at the beginning.
    filling: Vec<Filling>,
    /// The output of dead letters.
    collector: Option<Box<Collector>>,
    /// Start of the current outage, if there is one.
    failing_since: Option<i64>,
}

/// Progress of one partition.
struct Filling {
    partition: TopicPartition,
    store: String,
    position: i64,
    end: i64,
    records: u64,
    started_ms: i64,
}

impl Filling {
    fn progress(&self, now_ms: i64) -> RestoreProgress {
        let elapsed_ms = u64::try_from(now_ms - self.started_ms).unwrap_or(0).max(1);
        RestoreProgress {
            task: TaskId::GLOBAL,
            store: self.store.clone(),
            changelog: self.partition.clone(),
            restored: self.records,
            remaining: u64::try_from(self.end - self.position).unwrap_or(0),
            rate: self.records.saturating_mul(1_000) / elapsed_ms,
        }
    }
}

/// The logs of the partitions on the cluster: start, end of the log, and end for a reader.
struct Logs {
    firsts: BTreeMap<TopicPartition, i64>,
    ends: BTreeMap<TopicPartition, i64>,
    visible_ends: BTreeMap<TopicPartition, i64>,
}

impl std::fmt::Debug for GlobalThread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GlobalThread({}, {:?})", self.name, self.task)
    }
}

impl GlobalThread {
    /// Creates the thread of an instance whose topology has global stores. It locks and opens their
    /// databases.
    pub(crate) fn new(app: Arc<App>) -> Result<Self> {
        let name = format!("{}-GlobalStreamThread", app.client_id());
        let client_id = format!("{}-global-consumer", app.client_id());
        let isolation = app.isolation();
        let settings = ConsumerSettings { client_id, isolation, role: ConsumerRole::Global };
        let consumer = app.clients.consumer(&settings)?;
        let admin = app.clients.admin()?;
        let databases = app.open_global()?;
        let collector = Some(dead_letters(&app));
        Ok(Self {
            app,
            name,
            consumer,
            admin,
            databases,
            task: None,
            filling: Vec::new(),
            collector,
            failing_since: None,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether the stores have everything that their topics had when it began.
    pub(crate) fn is_filled(&self) -> bool {
        self.task.is_some() && self.filling.is_empty()
    }

    /// Returns whether the cluster could not serve the last call.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing_since.is_some()
    }

    /// One turn: poll, process, write. Waits at most `max_wait`, and only if there is no work.
    ///
    /// # Errors
    /// Errors from which the thread can't recover: a missing topic, a handler that decided to fail,
    /// an error of a processor, state that can't be written, or a cluster that was out of reach for
    /// longer than `task.timeout.ms`.
    pub(crate) fn run_once(&mut self, now_ms: i64, max_wait: Duration) -> Result<Turn> {
        match self.turn(now_ms, max_wait) {
            Ok(turn) => {
                if self.failing_since.take().is_some() {
                    tracing::info!(thread = %self.name, "the cluster serves this thread again");
                }
                Ok(turn)
            }
            Err(error) if is_transient(&error) => {
                self.try_again(error, now_ms)?;
                Ok(Turn { worked: false })
            }
            Err(error) => Err(error),
        }
    }

    /// Continues without a call that the cluster did not serve, unless it has been out of reach for
    /// too long.
    fn try_again(&mut self, error: Error, now_ms: i64) -> Result {
        if self.failing_since.is_none() {
            tracing::warn!(thread = %self.name, "the cluster does not serve this thread, trying again: {error}");
        }
        let since = *self.failing_since.get_or_insert(now_ms);
        // The failed call may have taken all the remaining time.
        let now_ms = self.app.clock.now_ms().max(now_ms);
        if now_ms - since > duration_ms(self.app.config.task_timeout()) {
            let span = Span(since, now_ms);
            let text =
                format!("global stores made no progress for longer than task.timeout.ms ({span})");
            return Err(error.in_context(text));
        }
        Ok(())
    }

    fn drop_task(&mut self) {
        if let Some(task) = self.task.take() {
            for partition in task.inputs() {
                self.consumer.unassign(partition);
            }
        }
    }

    fn turn(&mut self, now_ms: i64, max_wait: Duration) -> Result<Turn> {
        if self.task.is_none() {
            self.begin(now_ms)?;
        }
        let due = self.task.as_ref().and_then(GlobalTask::next_punctuation);
        let until_due =
            due.map(|due| Duration::from_millis(u64::try_from(due - now_ms).unwrap_or(0)));
        let wait = until_due.map_or(max_wait, |until_due| max_wait.min(until_due));
        let batches = match self.consumer.poll(self.app.config.max_poll_records(), wait) {
            Err(error) if error.kind() == ErrorKind::InvalidState => {
                // A truncated or deleted log is examined when the task starts again.
                tracing::warn!(thread = %self.name, "global stores begin anew from their positions: {error}");
                self.drop_task();
                return Ok(Turn { worked: true });
            }
            other => other?,
        };
        let worked = !batches.is_empty();
        for filling in &mut self.filling {
            let own = batches.iter().filter(|batch| *batch.topic_partition() == filling.partition);
            let records: usize = own.map(RecordBatch::len).sum();
            filling.records += u64::try_from(records).unwrap_or(0);
        }
        if let Err(error) = self.process(batches, now_ms) {
            // The processed records are not written, and must not be; nor the dead letters that are
            // still to be sent.
            self.drop_task();
            self.collector = Some(dead_letters(&self.app));
            return Err(error);
        }
        self.report(now_ms);
        Ok(Turn { worked })
    }

    /// Processes the polled records and writes the results, with the new positions.
    fn process(&mut self, batches: Vec<RecordBatch>, now_ms: i64) -> Result {
        let Some(task) = &mut self.task else { return Ok(()) };
        for batch in batches {
            task.add_batch(batch);
        }
        let processed = task.process(now_ms, &mut self.collector);
        self.app.shared.counters.add(task.take_counted());
        let processed = processed?;
        if let Some(collector) = &mut self.collector {
            // A position after a record means that its dead letter is written.
            collector.flush()?.into_iter().try_for_each(|report| report.result.map(drop))?;
        }
        task.commit(&mut self.collector)?;
        count(&self.app.shared.counters.processed, processed);
        Ok(())
    }

    /// Makes the task, finds the start of its partitions, and assigns them to the consumer.
    fn begin(&mut self, now_ms: i64) -> Result {
        let partitions = self.partitions()?;
        let app = self.app.clone();
        let mut task =
            GlobalTask::new(&app.topology, &app.settings, self.databases.clone(), |topic| {
                partitions.get(topic).copied().ok_or_else(|| missing(topic))
            })?;
        let logs = self.logs(task.inputs())?;
        let positions = self.positions(&task, &logs)?;
        self.filling.clear();
        for (partition, position) in &positions {
            self.consumer.assign(partition, *position)?;
            let end = *logs.visible_ends.get(partition).unwrap_or(position);
            if *position < end {
                let store =
                    task.filled_by(partition).and_then(|store| app.topology.stores.get(store));
                self.filling.push(Filling {
                    partition: partition.clone(),
                    store: store.map(|store| store.spec.name.to_string()).unwrap_or_default(),
                    position: *position,
                    end,
                    records: 0,
                    started_ms: now_ms,
                });
            }
        }
        task.start(&positions, now_ms, &mut self.collector)?;
        if let Some(listener) = self.listener() {
            self.filling
                .iter()
                .for_each(|filling| listener.on_restore_start(&filling.progress(now_ms)));
        }
        self.task = Some(task);
        Ok(())
    }

    /// The number of partitions of each topic.
    fn partitions(&mut self) -> Result<BTreeMap<String, i32>> {
        let topics = self.app.topology.global_topics().into_iter();
        let topics: Vec<String> = topics.map(|(topic, _)| self.app.topic_name(topic)).collect();
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let described = self.admin.describe_topics(&names).wait()?;
        if let Some(topic) = topics.iter().find(|topic| !described.contains_key(*topic)) {
            return Err(missing(topic));
        }
        Ok(described.into_iter().map(|(topic, found)| (topic, found.partitions)).collect())
    }

    fn logs(&mut self, inputs: &[TopicPartition]) -> Result<Logs> {
        let admin = &mut self.admin;
        let firsts = admin.earliest_offsets(inputs).all().wait()?;
        let ends = admin.latest_offsets(inputs, IsolationLevel::ReadUncommitted).all().wait()?;
        let visible_ends = match self.app.isolation() {
            IsolationLevel::ReadUncommitted => ends.clone(),
            isolation @ IsolationLevel::ReadCommitted => {
                admin.latest_offsets(inputs, isolation).all().wait()?
            }
        };
        Ok(Logs { firsts, ends, visible_ends })
    }

    /// Start of each partition: the position in the database, otherwise the first record. If the
    /// log no longer has a position, its store is emptied first: the missing records may have
    /// deleted rows of it.
    fn positions(&self, task: &GlobalTask, logs: &Logs) -> Result<Vec<(TopicPartition, i64)>> {
        let mut positions = Vec::new();
        let mut lost = BTreeSet::new();
        let mut known = BTreeSet::new();
        for partition in task.inputs() {
            let (Some(first), Some(end)) = (logs.firsts.get(partition), logs.ends.get(partition))
            else {
                let text = format!("the cluster did not say where {partition} begins and ends");
                return Err(Error::new(ErrorKind::Unavailable, text));
            };
            let stored = task.stored_position(partition)?;
            let store = task.filled_by(partition);
            known.extend(store.filter(|_| stored.is_some()));
            if let Some(gone) = stored.filter(|stored| stored < first || stored > end) {
                self.check_reset(partition, gone)?;
                lost.extend(store);
            }
            positions.push((partition.clone(), stored.unwrap_or(*first)));
        }
        for (store, def) in
            self.app.topology.stores.iter().enumerate().filter(|(_, def)| def.global)
        {
            let of_another_topic = !known.contains(&store) && self.has_rows(store)?;
            if of_another_topic {
                let name = &def.spec.name;
                tracing::warn!(store = %name, "the rows of the global store come from another topic: it is emptied");
            }
            if !of_another_topic && !lost.contains(&store) {
                continue;
            }
            for (partition, position) in &mut positions {
                if task.filled_by(partition) == Some(store) {
                    *position = logs.firsts.get(partition).copied().unwrap_or(*position);
                }
            }
            let own: Vec<_> = positions
                .iter()
                .filter(|(partition, _)| task.filled_by(partition) == Some(store))
                .cloned()
                .collect();
            task.clear(store, &own)?;
        }
        Ok(positions)
    }

    fn has_rows(&self, store: usize) -> Result<bool> {
        let database = self.databases.of(store);
        database.map_or(Ok(false), |(database, id)| has_rows(&**database, id))
    }

    /// Checks whether a position that the log no longer has may be reset.
    fn check_reset(&self, partition: &TopicPartition, gone: i64) -> Result {
        if self.app.offset_reset(&partition.topic) == OffsetReset::None {
            let text = format!(
                "{partition}@{gone}, where its global store was, is not in the log any more, and its source says to reset \
                 to none; choose earliest, or remove the local state"
            );
            return Err(Error::new(ErrorKind::InvalidState, text));
        }
        tracing::warn!(
            thread = %self.name,
            "{partition} has no offset {gone} any more: its global store is emptied and filled again"
        );
        Ok(())
    }

    /// Checks which partitions have reached their ends, and tells the listener.
    fn report(&mut self, now_ms: i64) {
        if self.filling.is_empty() {
            return;
        }
        let listener = self.listener();
        for filling in &mut self.filling {
            let position = self.consumer.position(&filling.partition).unwrap_or(filling.position);
            let moved = std::mem::replace(&mut filling.position, position) != position;
            let Some(listener) = listener.as_ref().filter(|_| moved) else { continue };
            listener.on_batch_restored(&filling.progress(now_ms));
            if filling.position >= filling.end {
                listener.on_restore_end(&filling.progress(now_ms));
            }
        }
        self.filling.retain(|filling| filling.position < filling.end);
        if self.filling.is_empty() {
            tracing::info!(thread = %self.name, "the global stores are filled");
        }
    }

    fn listener(&self) -> Option<Arc<dyn StateRestoreListener>> {
        self.app.shared.restore_listener()
    }

    /// The node and record of the task at a panic of user code.
    pub(crate) fn after_panic(&mut self) -> Option<String> {
        let (whereabouts, collector) = self.task.as_mut()?.interrupted()?;
        self.collector = Some(collector);
        Some(whereabouts)
    }

    /// Closes the processors and makes the state on disk durable. Everything is already written.
    pub(crate) fn close(&mut self) -> Result {
        let Some(mut task) = self.task.take() else { return Ok(()) };
        let closed = task.close();
        task.flush()?;
        closed
    }
}

impl Drop for GlobalThread {
    fn drop(&mut self) {
        self.app.release_global();
    }
}

fn dead_letters(app: &Arc<App>) -> Box<Collector> {
    let client_id = format!("{}-global-producer", app.client_id());
    Box::new(Collector::new(Box::new(DeadLetterProducer::new(app.clone(), client_id))))
}

fn missing(topic: &str) -> Error {
    let text = format!("topic {topic} of a global store does not exist; create it and start again");
    Error::new(ErrorKind::MissingSourceTopic, text)
}

#[cfg(test)]
mod tests;
