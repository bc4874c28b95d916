//! The tasks of a stream thread: opening, starting, giving up.

use std::collections::{BTreeMap, HashMap};

use super::{foreign_rows::ForeignRows, metrics::count, stream_thread::StreamThread};
use crate::{
    Error, ErrorKind, Result, TaskId, TopicPartition,
    client::{IsolationLevel, OffsetAndMetadata, OffsetReset},
    planted::{PlantedBug, is_planted},
    task::{ActiveTask, CommitState, TaskDatabases, TaskState},
    topology::TaskBuilder,
};

/// Inputs, committed offsets, and positions to begin at.
type Start =
    (Vec<TopicPartition>, BTreeMap<TopicPartition, OffsetAndMetadata>, Vec<(TopicPartition, i64)>);

/// Commits before a thread closes, if each finds rows of others in changelogs.
const LAST_COMMITS: usize = 3;

impl StreamThread {
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
        // A transaction of the former owner may not be finished.
        let found = self.find_start(id);
        let Some((inputs, committed, positions)) = self.pass_over(found.map(Some), now_ms)? else {
            return Ok(());
        };
        let Some(databases) = self.restored.get(&id).cloned() else { return Ok(()) };
        self.begin_work()?;
        let mut task = self.build(id, databases, inputs)?;
        task.init(&committed, now_ms, &mut self.producer)?;
        for (place, offset) in &positions {
            self.consumer.assign(place, *offset)?;
        }
        task.starts_at(&positions);
        if !self.app.exactly_once() {
            for (changelog, end) in task.changelogs()? {
                self.foreign_rows.track(changelog, end);
            }
        }
        self.restored.remove(&id);
        self.running.insert(id, task);
        Ok(())
    }

    /// The inputs of a task, what is committed of them, and where each begins.
    fn find_start(&mut self, id: TaskId) -> Result<Start> {
        let inputs = self.inputs(id)?;
        let committed = self.membership.committed_offsets(&inputs)?;
        let positions = self.positions(&inputs, &committed)?;
        Ok((inputs, committed, positions))
    }

    /// Where to begin each input: at the committed offset, else where the source says, also if the log has no such
    /// offset any more.
    fn positions(
        &mut self,
        inputs: &[TopicPartition],
        committed: &BTreeMap<TopicPartition, OffsetAndMetadata>,
    ) -> Result<Vec<(TopicPartition, i64)>> {
        let firsts = self.admin.earliest_offsets(inputs)?;
        let ends = self.admin.latest_offsets(inputs, IsolationLevel::ReadUncommitted)?;
        let mut positions = Vec::new();
        for place in inputs {
            let (first, end) = (firsts.get(place).copied(), ends.get(place).copied());
            let known = committed.get(place).map(|committed| committed.offset);
            let lost = known.filter(|known| first > Some(*known) || end < Some(*known));
            if let Some(lost) = lost {
                tracing::warn!(
                    "{place} has no offset {lost} any more: it is read from where its source resets to"
                );
            }
            let offset =
                match (known.filter(|_| lost.is_none()), self.app.offset_reset(&place.topic)) {
                    (Some(known), _) => Some(known),
                    (None, OffsetReset::Earliest) => first,
                    (None, OffsetReset::Latest) => end,
                    (None, OffsetReset::None) => None,
                };
            let offset = offset.ok_or_else(|| {
                let text = format!(
                    "{place} has no committed offset that is still in its log, and its source says to reset to \
                     none; commit one or choose earliest or latest"
                );
                Error::new(ErrorKind::InvalidState, text)
            })?;
            let skips = is_planted(PlantedBug::SkipFirstRecord)
                && known.is_some_and(|known| end > Some(known));
            positions.push((place.clone(), offset + i64::from(skips)));
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
            let store = databases.open_store(index, def, &app.settings)?;
            if let Some(slot) = stores.get_mut(index) {
                *slot = Some(store);
            }
            flushes.extend(def.flushed_by);
        }
        app.add_global_stores(&mut stores)?;
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

    /// Ends a task that has committed everything; its state waits for what comes next.
    pub(super) fn close_task(&mut self, id: TaskId) -> Result {
        let Some(mut task) = self.running.remove(&id) else { return Ok(()) };
        for place in task.inputs() {
            self.consumer.unassign(place);
        }
        self.reopened.insert(id, task.databases().clone());
        for changelog in self.app.changelogs(id).values() {
            self.foreign_rows.forget(changelog);
        }
        task.close()?;
        count(&self.app.counters.dropped, task.take_dropped());
        Ok(())
    }

    /// Lets go of a task's state: makes it durable and unlocks it for others of this process.
    pub(super) fn release(&self, task: TaskId, databases: TaskDatabases) -> Result {
        let flushed = databases.flush();
        self.app.close_task(task, databases);
        flushed
    }

    /// Drops uncommitted work and starts the tasks over, from their last commit and the changelogs behind it.
    pub(super) fn revive(&mut self) {
        let uncommitted = self.running.values().any(ActiveTask::commit_needed);
        if uncommitted || self.in_transaction {
            self.start_over();
        }
    }

    /// Drops uncommitted work and has all tasks wait; their stores may be behind their changelogs, so the next turn
    /// has them restored.
    pub(super) fn start_over(&mut self) {
        self.abandon_producer();
        self.foreign_rows.start_over();
        for (id, mut task) in std::mem::take(&mut self.running) {
            for place in task.inputs() {
                self.consumer.unassign(place);
            }
            self.reopened.insert(id, task.databases().clone());
            if is_planted(PlantedBug::KeepOverlayAfterAbort) {
                // The databases of a simulation don't fail.
                let _ = task.apply_commit(&HashMap::new());
            }
        }
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

    /// Gives all tasks up without committing: drops uncommitted work and closes them; what is on disk stays at the
    /// last commit. The target stays, unless the membership is lost: one whose producer alone was fenced still owns its
    /// tasks.
    pub(crate) fn drop_work(&mut self) {
        self.abandon_producer();
        self.foreign_rows = ForeignRows::default();
        self.producer = None;
        let mut opened = std::mem::take(&mut self.restored);
        opened.append(&mut self.reopened);
        opened.append(&mut self.restorer.lock().abandon());
        let mut locked = std::mem::take(&mut self.restoring);
        locked.append(&mut self.standby);
        let running = std::mem::take(&mut self.running);
        for (id, task) in &running {
            for place in task.inputs() {
                self.consumer.unassign(place);
            }
            opened.insert(*id, task.databases().clone());
        }
        drop(running);
        // What the restorer failed to hand over is open no more.
        locked.retain(|id| !opened.contains_key(id));
        for id in locked {
            self.app.unlock_task(id);
        }
        for (id, databases) in opened {
            self.app.close_task(id, databases);
        }
    }

    /// Commits, gives up all tasks and leaves the group.
    pub(crate) fn close(&mut self, now_ms: i64) -> Result {
        let committed = self.commit_before_closing(now_ms);
        if let Err(error) = committed {
            self.drop_work();
            let _ = self.leave_group(); // The session timeout does it otherwise.
            return Err(error.in_context("the last commit before closing failed"));
        }
        let ids: Vec<TaskId> = self.running.keys().copied().collect();
        ids.into_iter().try_for_each(|id| self.close_task(id))?;
        let in_restorer = self.restoring.iter().chain(&self.standby).copied();
        for id in in_restorer.collect::<Vec<_>>() {
            self.take_from_restorer(id)?;
        }
        self.reopened.append(&mut self.restored);
        while let Some((id, databases)) = self.reopened.pop_first() {
            self.release(id, databases)?;
        }
        self.producer = None;
        if let Err(error) = self.leave_group() {
            // Everything is committed.
            tracing::info!(thread = %self.name, "the session timeout will give the tasks to others: {error}");
        }
        Ok(())
    }

    fn commit_before_closing(&mut self, now_ms: i64) -> Result {
        self.look_for_foreign_rows(now_ms);
        for _ in 0..LAST_COMMITS {
            // A zombie must hear that it is one before it writes. Without work it has nothing to write.
            if !self.has_work() {
                return Ok(());
            }
            self.heartbeat(now_ms)?;
            self.commit(now_ms)?;
        }
        for id in self.running.keys().filter(|id| self.has_foreign_rows(**id)) {
            tracing::warn!(thread = %self.name, task = %id, "its changelogs end with rows of another writer, from which its next owner will go on");
        }
        Ok(())
    }

    /// Leaves the group, unless the member is static: then its tasks wait for it until the session times out.
    pub(crate) fn leave_group(&mut self) -> Result {
        if self.app.config.group_instance_id().is_some() {
            return Ok(());
        }
        self.target = None;
        self.membership.leave()
    }
}
