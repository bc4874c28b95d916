//! From a restored state to a task that processes.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    super::app::App,
    asked::{ANSWER_MS, Asked},
    hand_over::inputs_of,
    input::Input,
    member::Member,
};
use crate::{
    Error, ErrorKind, Result, TaskId, TopicPartition,
    client::{Admin, IsolationLevel, OffsetAndMetadata, PartitionOffsets},
    membership::TaskAssignment,
    task::{ActiveTask, CommitState, TaskDatabases, TaskState},
    topology::TaskBuilder,
};

/// After what time it is asked again for a partition without a leader, in milliseconds.
const ASK_AGAIN_MS: i64 = 1_000;

/// How often it is said for what a task waits, in milliseconds.
const SAY_INTERVAL_MS: i64 = 60_000;

/// Where a task begins.
pub(super) struct Start {
    pub(super) inputs: Vec<TopicPartition>,
    pub(super) committed: BTreeMap<TopicPartition, OffsetAndMetadata>,
    pub(super) positions: Vec<(TopicPartition, i64)>,
}

/// Committed offsets of some partitions.
pub(super) type Committed = BTreeMap<TopicPartition, OffsetAndMetadata>;

/// How far it is known where a task begins. Each task waits for its own answers, and none for another's.
#[derive(Default)]
pub(super) struct Starting {
    inputs: Vec<TopicPartition>,
    step: Step,
    said_ms: Option<i64>,
    /// When it asks again.
    again_ms: i64,
}

#[derive(Default)]
enum Step {
    #[default]
    New,
    Committed(Asked<Committed>),
    Offsets(Committed, Bounds),
}

/// Where logs begin and end.
#[derive(Default)]
struct Bounds {
    asked: (Asked<PartitionOffsets>, Asked<PartitionOffsets>),
    known: (Option<PartitionOffsets>, Option<PartitionOffsets>),
}

impl Bounds {
    fn ask(admin: &mut dyn Admin, partitions: &[TopicPartition], until_ms: i64) -> Self {
        if partitions.is_empty() {
            return Self {
                known: (Some(BTreeMap::new()), Some(BTreeMap::new())),
                ..Self::default()
            };
        }
        let firsts = admin.earliest_offsets(partitions);
        let ends = admin.latest_offsets(partitions, IsolationLevel::ReadUncommitted);
        let asked = (Asked::new(firsts, until_ms), Asked::new(ends, until_ms));
        Self { asked, known: (None, None) }
    }

    /// Both, once they are answered.
    fn answer(&mut self, now_ms: i64) -> Result<Option<(&PartitionOffsets, &PartitionOffsets)>> {
        if let Some(firsts) = self.asked.0.answer(now_ms) {
            self.known.0 = Some(firsts?);
        }
        if let Some(ends) = self.asked.1.answer(now_ms) {
            self.known.1 = Some(ends?);
        }
        Ok(self.known.0.as_ref().zip(self.known.1.as_ref()))
    }
}

impl Starting {
    /// Takes the next steps. Returns where the task begins once it is known; until then it is to be called again.
    ///
    /// # Errors
    /// `Unavailable` while the cluster does not answer, or a transaction of the former owner is not finished: it begins
    /// with the next call anew. A partition without a leader is no error: the task waits for it, and says so.
    pub(super) fn advance(
        &mut self,
        task: TaskId,
        (member, input, target): (&mut Member, &Input, &TaskAssignment),
        admin: &mut dyn Admin,
        now_ms: i64,
    ) -> Result<Option<Start>> {
        let until_ms = now_ms.saturating_add(ANSWER_MS);
        loop {
            match &mut self.step {
                Step::New if now_ms < self.again_ms => return Ok(None),
                Step::New => {
                    self.inputs = inputs_of(target, task);
                    let committed = member.committed_offsets(&self.inputs);
                    self.step = Step::Committed(Asked::new(committed, until_ms));
                }
                Step::Committed(asked) => {
                    let Some(committed) = asked.answer(now_ms) else { return Ok(None) };
                    self.step = Step::New;
                    let committed = committed?;
                    let partitions = input.to_look_up(task, &self.inputs, &committed);
                    let bounds = Bounds::ask(admin, &partitions, until_ms);
                    self.step = Step::Offsets(committed, bounds);
                }
                Step::Offsets(committed, bounds) => {
                    let answered = bounds.answer(now_ms);
                    if answered.as_ref().is_ok_and(Option::is_none) {
                        return Ok(None);
                    }
                    let positions = answered.and_then(|known| {
                        let known =
                            known.map(|known| input.positions(&self.inputs, committed, known));
                        known.transpose()
                    });
                    let committed = std::mem::take(committed);
                    self.step = Step::New;
                    return match positions {
                        Err(error) if error.kind() == ErrorKind::Unavailable => {
                            self.again_ms = now_ms.saturating_add(ASK_AGAIN_MS);
                            self.say(task, &error, now_ms);
                            Ok(None)
                        }
                        positions => Ok(positions?.map(|positions| {
                            let inputs = std::mem::take(&mut self.inputs);
                            Start { inputs, committed, positions }
                        })),
                    };
                }
            }
        }
    }

    fn say(&mut self, task: TaskId, error: &Error, now_ms: i64) {
        if self.said_ms.is_none_or(|said| now_ms - said >= SAY_INTERVAL_MS) {
            self.said_ms = Some(now_ms);
            tracing::warn!(%task, "it waits until it is known where its inputs begin: {error}");
        }
    }
}

/// Makes the nodes of a task, and opens its stores on the databases.
pub(super) fn build(
    app: &Arc<App>,
    id: TaskId,
    databases: TaskDatabases,
    inputs: Vec<TopicPartition>,
) -> Result<ActiveTask> {
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
        for (partition, input) in inputs.iter().zip(&mut input_sources) {
            if topics.iter().any(|topic| **topic == *partition.topic) {
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
