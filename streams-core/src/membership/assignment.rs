//! Tasks of a member.

use std::collections::{BTreeMap, BTreeSet};

use crate::TaskId;

/// The tasks that a member owns, or is to own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskAssignment {
    /// Tasks that it processes.
    pub active: BTreeSet<TaskId>,
    /// Tasks whose state it keeps up to date, to take over at once.
    pub standby: BTreeSet<TaskId>,
    /// Tasks whose state it builds up, to become active when it has caught up (KIP-441).
    pub warmup: BTreeSet<TaskId>,
}

impl TaskAssignment {
    /// Whether there is no task of any role.
    pub fn is_empty(&self) -> bool {
        self.active.is_empty() && self.standby.is_empty() && self.warmup.is_empty()
    }
}

/// What a member has of the state of stateful tasks. A task that is missing has no local state.
///
/// A coordinator that knows the changelogs' ends itself goes by the sums, as Java's do; another goes by the lags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskOffsets {
    /// How far the state of each task is behind its changelogs, in records summed over its stores; 0 for a task
    /// that is running.
    pub lags: BTreeMap<TaskId, i64>,
    /// Up to where the state of each task has read its changelogs, as offsets summed over its stores. A task that
    /// is running is at the end, whatever its sum, and is left out.
    pub offset_sums: BTreeMap<TaskId, i64>,
}
