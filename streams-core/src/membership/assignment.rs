//! Tasks of a member.

use std::collections::{BTreeMap, BTreeSet};

use super::TaskInputs;
use crate::{TaskId, TopicPartition};

/// The tasks that a member owns, or is to own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskAssignment {
    /// Tasks that it processes.
    pub active: BTreeSet<TaskId>,
    /// Tasks whose state it keeps up to date, to take over at once.
    pub standby: BTreeSet<TaskId>,
    /// Tasks whose state it builds up, to become active when it has caught up (KIP-441).
    pub warmup: BTreeSet<TaskId>,
    /// Partitions that each active task reads, as the coordinator says; more of them when a topic has grown. A member that
    /// reports what it owns need not name them.
    pub inputs: TaskInputs,
}

impl TaskAssignment {
    /// Whether there is no task of any role.
    pub fn is_empty(&self) -> bool {
        self.active.is_empty() && self.standby.is_empty() && self.warmup.is_empty()
    }

    /// The partitions that a task is to read, in the order of their topics.
    pub(crate) fn inputs_of(&self, task: TaskId) -> Vec<TopicPartition> {
        self.inputs.get(&task).into_iter().flatten().cloned().collect()
    }
}

/// What a member has of the state of stateful tasks. A task that is in neither map has no local state.
///
/// Whoever leads the group knows the changelogs' ends, and goes by the sums where there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskOffsets {
    /// How far the state of each open task is behind its changelogs, in records summed over its stores; 0 for a task
    /// that is running.
    pub lags: BTreeMap<TaskId, i64>,
    /// Up to where the state of each task has read its changelogs, as offsets summed over its stores; also of tasks
    /// whose state lies on disk and is not open. A task that is running is at the end, whatever its sum, and is left
    /// out.
    pub offset_sums: BTreeMap<TaskId, i64>,
}
