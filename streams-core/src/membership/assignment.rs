//! Tasks of a member.

use std::collections::{BTreeMap, BTreeSet};

use super::TaskInputs;
use crate::{TaskId, TopicPartition};

/// The tasks that a member owns, or should own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskAssignment {
    /// Tasks that it processes.
    pub active: BTreeSet<TaskId>,
    /// Tasks whose state it keeps up to date, to take over at once.
    pub standby: BTreeSet<TaskId>,
    /// Tasks whose state it builds up, to become active once it has caught up (KIP-441).
    pub warmup: BTreeSet<TaskId>,
    /// Partitions that each active task reads, according to the coordinator; there are more when a
    /// topic has grown. A member's report of its own tasks may omit them.
    pub inputs: TaskInputs,
}

impl TaskAssignment {
    /// Returns whether there are no tasks of any role.
    pub fn is_empty(&self) -> bool {
        self.active.is_empty() && self.standby.is_empty() && self.warmup.is_empty()
    }

    /// The partitions that a task reads, in the order of their topics.
    pub(crate) fn inputs_of(&self, task: TaskId) -> Vec<TopicPartition> {
        self.inputs.get(&task).into_iter().flatten().cloned().collect()
    }
}

/// Progress of a member's state of stateful tasks. A task that is in neither map has no local
/// state.
///
/// The leader of the group knows the ends of the changelogs, and uses the sums where they exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskOffsets {
    /// Lag of the state of each open task behind its changelogs, in records summed over its stores;
    /// 0 for a running task.
    pub lags: BTreeMap<TaskId, i64>,
    /// Sum of the changelog offsets of each task's stores, including tasks whose state is on disk
    /// and not open. A running task is at the end, whatever its sum, and is left out.
    pub offset_sums: BTreeMap<TaskId, i64>,
}
