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

/// How far the local state of each stateful task is behind its changelogs, in records summed over
/// its stores; 0 for a task that is running. A task that is missing has no local state.
///
/// Java's offset sums, turned into lags where the end offsets are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskOffsets {
    /// Lag by task.
    pub lags: BTreeMap<TaskId, i64>,
}
