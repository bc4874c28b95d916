//! The tasks of a stream thread: opening, starting, giving up.

use std::collections::BTreeMap;

use super::{metrics::count, stream_thread::StreamThread};
use crate::{
    Error, ErrorKind, Result, TaskId, TopicPartition,
    client::{IsolationLevel, OffsetAndMetadata, OffsetReset},
    store::StoreContext,
    task::{ActiveTask, CommitState, TaskDatabases, TaskState},
    topology::{TaskBuilder, changelog_topic},
};

impl StreamThread {
    /// Opens the databases of a task, unless another thread of this process still has them: then the next
    /// turn tries again.
    pub(super) fn open(&mut self, task: TaskId) -> Result<Option<TaskDatabases>> {
        if !self.app.lock_task(task) {
            return Ok(None);
        }
        match self.app.open_databases(task) {
            Ok(databases) => {
                self.state_on_disk.remove(&task);
                Ok(Some(databases))
            }
            Err(error) => {
                self.unlock(task);
                Err(error)
            }
        }
    }

    pub(super) fn unlock(&self, task: TaskId) {
        self.app.unlock_task(task);
    }

    /// Starts the tasks that are restored. One whose committed offsets can't be had yet waits.
    pub(super) fn start_restored(&mut self, now_ms: i64) -> Result {
        if !self.restoring.is_empty() {
            let restored = self.restorer.lock().take_restored()?;
            for (task, databases) in restored {
                self.restoring.remove(&task);
                self.restored.insert(task, databases);
            }
        }
        let ready: Vec<TaskId> = self.restored.keys().copied().collect();
        for task in ready {
            self.start(task, now_ms)?;
        }
        Ok(())
    }

    fn start(&mut self, id: TaskId, now_ms: i64) -> Result {
        let inputs = self.inputs(id)?;
        let committed = match self.membership.committed_offsets(&inputs) {
            Ok(committed) => committed,
            // A transaction of the former owner is not finished.
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                tracing::debug!(task = %id, "waits for its committed offsets: {error}");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let positions = self.positions(&inputs, &committed)?;
        let Some(databases) = self.restored.get(&id).cloned() else { return Ok(()) };
        self.begin_work()?;
        let mut task = self.build(id, databases, inputs)?;
        task.init(&committed, now_ms, &mut self.producer)?;
        for (place, offset) in &positions {
            self.consumer.assign(place, *offset)?;
        }
        self.restored.remove(&id);
        self.running.insert(id, task);
        Ok(())
    }

    /// Where to begin each input: at the committed offset, else where the source says.
    fn positions(
        &mut self,
        inputs: &[TopicPartition],
        committed: &BTreeMap<TopicPartition, OffsetAndMetadata>,
    ) -> Result<Vec<(TopicPartition, i64)>> {
        let mut positions = Vec::new();
        for place in inputs {
            let one = std::slice::from_ref(place);
            let offset = match (committed.get(place), self.app.offset_reset(&place.topic)) {
                (Some(committed), _) => Some(committed.offset),
                (None, OffsetReset::Earliest) => {
                    self.admin.earliest_offsets(one)?.get(place).copied()
                }
                (None, OffsetReset::Latest) => {
                    let isolation = IsolationLevel::ReadUncommitted;
                    self.admin.latest_offsets(one, isolation)?.get(place).copied()
                }
                (None, OffsetReset::None) => None,
            };
            let offset = offset.ok_or_else(|| {
                let text = format!(
                    "{place} has no committed offset, and its source says to reset to none; commit \
                     one or choose earliest or latest"
                );
                Error::new(ErrorKind::InvalidState, text)
            })?;
            positions.push((place.clone(), offset));
        }
        Ok(positions)
    }

    fn build(
        &self,
        id: TaskId,
        databases: TaskDatabases,
        inputs: Vec<TopicPartition>,
    ) -> Result<ActiveTask> {
        let app = &self.app;
        let mut stores: Vec<_> = app.topology.stores.iter().map(|_| None).collect();
        let mut flushes = Vec::new();
        for index in app.topology.stores_of(id.subtopology) {
            let Some(def) = app.topology.stores.get(index) else { continue };
            let Some((database, store_id)) = databases.of(index) else { continue };
            let mut store = (def.make)(&def.spec);
            store.open(StoreContext {
                database: database.clone(),
                id: store_id,
                budget: app.settings.budget.clone(),
                topic: changelog_topic(app.application_id(), &def.spec.name).into(),
                caching: def.spec.caching && app.settings.caching,
            })?;
            if let Some(slot) = stores.get_mut(index) {
                *slot = Some(store);
            }
            flushes.extend(def.flushed_by);
        }
        let nodes = TaskBuilder::build(&app.topology, app.application_id(), id.subtopology)?;
        let mut sources = Vec::new();
        let mut input_sources = vec![0; inputs.len()];
        for (at, (source, topics)) in nodes.sources.into_iter().enumerate() {
            for (place, input) in inputs.iter().zip(&mut input_sources) {
                if topics.iter().any(|topic| **topic == *place.topic) {
                    *input = at;
                }
            }
            sources.push(source);
        }
        let mut state = TaskState::new(id, app.settings.clone(), stores, inputs);
        state.shared = nodes.shared;
        let changelogs = app.changelogs(id);
        let changelogs = changelogs.into_iter().filter(|(index, _)| {
            let def = app.topology.stores.get(*index);
            def.is_some_and(|def| def.source_changelog.is_none())
        });
        let commit = CommitState::new(databases, changelogs.collect(), flushes);
        Ok(ActiveTask::new(state, sources, input_sources, commit))
    }

    /// Ends a task that has committed everything.
    pub(super) fn close_task(&mut self, id: TaskId) -> Result<Option<TaskDatabases>> {
        let Some(mut task) = self.running.remove(&id) else { return Ok(None) };
        for place in task.inputs().to_vec() {
            self.consumer.unassign(&place);
        }
        task.close()?;
        count(&self.app.counters.dropped, task.take_dropped());
        Ok(Some(task.databases().clone()))
    }

    /// Lets go of a task's state: makes it durable and unlocks it for others of this process.
    pub(super) fn release(&self, task: TaskId, databases: TaskDatabases) -> Result {
        databases.flush()?;
        drop(databases);
        self.unlock(task);
        Ok(())
    }

    /// Drops uncommitted work and starts the tasks over, from their last commit and the changelogs behind it.
    pub(super) fn revive(&mut self, now_ms: i64) {
        let running: Vec<TaskId> = self.running.keys().copied().collect();
        let uncommitted =
            running.iter().any(|id| self.running.get(id).is_some_and(ActiveTask::commit_needed));
        if !uncommitted && !self.in_transaction {
            return;
        }
        self.abandon_producer();
        for id in running {
            let Some(task) = self.running.remove(&id) else { continue };
            for place in task.inputs() {
                self.consumer.unassign(place);
            }
            // From here on it is like any restored task; its stores are behind their changelogs.
            self.reopened.insert(id, task.databases().clone());
        }
        self.restore_reopened(now_ms);
    }

    /// Hands tasks whose work was dropped to the restorer; those that the cluster can't serve now stay for
    /// the next turn.
    pub(super) fn restore_reopened(&mut self, now_ms: i64) {
        for (id, databases) in std::mem::take(&mut self.reopened) {
            match self.restore(id, databases.clone(), false, now_ms) {
                Ok(()) => {}
                Err(error) => {
                    tracing::debug!(task = %id, "is restored later: {error}");
                    self.reopened.insert(id, databases);
                }
            }
        }
    }

    /// Brings a task's stores up to date: for good as a standby, or until it can become active.
    pub(super) fn restore(
        &mut self,
        task: TaskId,
        databases: TaskDatabases,
        standby: bool,
        now_ms: i64,
    ) -> Result {
        if self.app.changelogs(task).is_empty() {
            if !standby {
                self.restored.insert(task, databases);
            }
            return Ok(());
        }
        self.restorer.lock().add(task, databases, standby, now_ms)?;
        if standby {
            self.standby.insert(task);
        } else {
            self.restoring.insert(task);
        }
        Ok(())
    }

    /// Drops what the producer has not committed. Its records must never come out: a transaction is aborted, and
    /// a producer whose state is in doubt is replaced.
    pub(super) fn abandon_producer(&mut self) {
        let aborted = match (&mut self.producer, self.in_transaction) {
            (Some(producer), true) => producer.abort_transaction().is_ok(),
            // Without transactions open batches would go out with the next flush.
            _ => self.app.exactly_once(),
        };
        if !aborted {
            self.producer = None;
        }
        self.in_transaction = false;
    }

    /// Takes the producer back from a task that panicked; where that task was.
    pub(crate) fn after_panic(&mut self) -> Option<String> {
        let (place, producer) = self.running.values_mut().find_map(ActiveTask::interrupted)?;
        self.producer = Some(producer);
        Some(place)
    }

    /// Gives all tasks up without committing: the member is a zombie, or the thread ends with an error.
    pub(super) fn lose_all(&mut self) {
        self.drop_work();
        self.target = None;
    }

    /// Drops uncommitted work and closes all tasks; what is on disk stays at the last commit.
    pub(super) fn drop_work(&mut self) {
        self.abandon_producer();
        self.producer = None;
        self.restorer.lock().abandon();
        let running = std::mem::take(&mut self.running);
        let mut ids: Vec<TaskId> = running.keys().copied().collect();
        for task in running.values() {
            for place in task.inputs() {
                self.consumer.unassign(place);
            }
        }
        drop(running);
        ids.extend(std::mem::take(&mut self.restoring));
        ids.extend(std::mem::take(&mut self.standby));
        ids.extend(std::mem::take(&mut self.restored).into_keys());
        ids.extend(std::mem::take(&mut self.reopened).into_keys());
        for id in ids {
            self.unlock(id);
        }
    }

    /// Commits, gives up all tasks and leaves the group.
    pub(crate) fn close(&mut self, now_ms: i64) -> Result {
        if let Err(error) = self.commit(now_ms) {
            self.lose_all();
            let _ = self.leave_group(); // The session timeout does it otherwise.
            return Err(error.in_context("the last commit before closing failed"));
        }
        let ids: Vec<TaskId> = self.running.keys().copied().collect();
        for id in ids {
            if let Some(databases) = self.close_task(id)? {
                self.release(id, databases)?;
            }
        }
        let in_restorer = self.restoring.iter().chain(&self.standby).copied();
        for id in in_restorer.collect::<Vec<_>>() {
            let databases = self.restorer.lock().remove(id)?;
            if let Some(databases) = databases {
                self.release(id, databases)?;
            }
        }
        self.restoring.clear();
        self.standby.clear();
        let mut opened = std::mem::take(&mut self.restored);
        opened.append(&mut self.reopened);
        for (id, databases) in opened {
            self.release(id, databases)?;
        }
        self.producer = None;
        self.leave_group()
    }

    /// Leaves the group, unless the member is static: then its tasks wait for it until the session times out.
    pub(crate) fn leave_group(&mut self) -> Result {
        self.target = None;
        if self.app.config.group_instance_id().is_some() {
            return Ok(());
        }
        self.membership.leave()
    }
}
