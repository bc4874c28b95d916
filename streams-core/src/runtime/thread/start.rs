//! From a restored state to a task that processes.

use std::{collections::BTreeMap, sync::Arc};

use super::{super::app::App, input::Input, member::Member};
use crate::{
    Result, TaskId, TopicPartition,
    client::OffsetAndMetadata,
    task::{ActiveTask, CommitState, TaskDatabases, TaskState},
    topology::TaskBuilder,
};

/// Where a task begins.
pub(super) struct Start {
    pub(super) inputs: Vec<TopicPartition>,
    pub(super) committed: BTreeMap<TopicPartition, OffsetAndMetadata>,
    pub(super) positions: Vec<(TopicPartition, i64)>,
}

impl Start {
    /// The inputs of a task, what is committed of them, and where each begins.
    ///
    /// # Errors
    /// `Unavailable` while a transaction of the former owner is not finished, or the cluster does not answer.
    pub(super) fn find(task: TaskId, member: &mut Member, input: &mut Input) -> Result<Self> {
        let inputs = input.partitions_of(task)?;
        let committed = member.committed_offsets(&inputs)?;
        let positions = input.positions(&inputs, &committed)?;
        Ok(Self { inputs, committed, positions })
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
