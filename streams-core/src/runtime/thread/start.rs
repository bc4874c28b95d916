//! From a restored state to a running task.

use std::sync::Arc;

use super::{
    super::app::App,
    asked::{ANSWER_MS, Asked},
    input::Input,
    member::Member,
    starting::{Bounds, Committed, Next, Starting},
};
use crate::{
    ErrorKind, Result, TaskId, TopicPartition,
    client::Admin,
    membership::TaskAssignment,
    task::{ActiveTask, CommitState, TaskDatabases, TaskState},
    topology::TaskBuilder,
};

/// Start position of a task.
pub(super) struct Start {
    pub(super) inputs: Vec<TopicPartition>,
    pub(super) committed: Committed,
    pub(super) positions: Vec<(TopicPartition, i64)>,
}

/// Takes the next steps to find a task's start position. Returns it once it is known; until then
/// this must be called again.
///
/// # Errors
/// `Unavailable` while the cluster does not answer, or a transaction of the former owner is
/// unfinished: the next call begins again. A partition without a leader is no error: the task waits
/// for it, and logs that.
pub(super) fn advance(
    task: TaskId,
    starting: &mut Starting,
    (member, input, target): (&mut Member, &Input, &TaskAssignment),
    admin: &mut dyn Admin,
    now_ms: i64,
) -> Result<Option<Start>> {
    let until_ms = now_ms.saturating_add(ANSWER_MS);
    loop {
        match starting.next(now_ms)? {
            Next::Wait => return Ok(None),
            Next::AskCommitted => {
                let inputs = target.inputs_of(task);
                let committed = member.committed_offsets(&inputs);
                starting.asks_committed(inputs, Asked::new(committed, until_ms));
            }
            Next::AskBounds(committed) => {
                let partitions = input.to_look_up(task, starting.inputs(), &committed);
                starting.asks_bounds(committed, Bounds::ask(admin, &partitions, until_ms));
            }
            Next::Known(committed, known) => {
                let inputs = starting.inputs().to_vec();
                let positions = known.and_then(|(firsts, ends)| {
                    input.positions(&inputs, &committed, (&firsts, &ends))
                });
                return match positions {
                    Err(error) if error.kind() == ErrorKind::Unavailable => {
                        starting.put_off(task, &error, now_ms);
                        Ok(None)
                    }
                    positions => Ok(Some(Start { inputs, committed, positions: positions? })),
                };
            }
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
    let readers: Vec<_> = inputs.iter().map(|partition| app.reader_of(&partition.topic)).collect();
    for (at, (source, node)) in nodes.sources.into_iter().enumerate() {
        for (reader, input) in readers.iter().zip(&mut input_sources) {
            if *reader == Some(node) {
                *input = at;
            }
        }
        sources.push(source);
    }
    let mut state = TaskState::new(id, app.settings.clone(), stores, inputs);
    state.shared = nodes.shared;
    let commit = CommitState::new(databases, app.changelogs(id), flushes);
    let commit = commit.filled_from(app.filling_sources(id));
    Ok(ActiveTask::new(state, sources, input_sources, commit))
}
