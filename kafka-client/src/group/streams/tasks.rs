//! Tasks by role.

use std::collections::{BTreeMap, BTreeSet};

use super::messages::TaskIds;

/// Tasks: partitions by sub-topology id.
pub type TaskSet = BTreeMap<String, BTreeSet<i32>>;

/// The tasks that a member owns, or should own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    /// Tasks to process.
    pub active: TaskSet,
    /// Tasks whose state is kept up to date.
    pub standby: TaskSet,
    /// Tasks whose state is built up before they become active.
    pub warmup: TaskSet,
}

impl Tasks {
    /// Adds the tasks of another, role by role.
    pub(super) fn add(&mut self, other: &Self) {
        for (all, more) in [
            (&mut self.active, &other.active),
            (&mut self.standby, &other.standby),
            (&mut self.warmup, &other.warmup),
        ] {
            for (subtopology, partitions) in more {
                all.entry(subtopology.clone()).or_default().extend(partitions);
            }
        }
    }
}

/// The tasks in the form of a request.
pub(super) fn to_wire(tasks: &TaskSet) -> Vec<TaskIds> {
    let listed = tasks.iter().filter(|(_, partitions)| !partitions.is_empty());
    listed
        .map(|(subtopology_id, partitions)| TaskIds {
            subtopology_id: subtopology_id.clone(),
            partitions: partitions.iter().copied().collect(),
        })
        .collect()
}

/// From the lists of an answer.
pub(super) fn from_wire(listed: Vec<TaskIds>) -> TaskSet {
    let mut tasks = TaskSet::new();
    for TaskIds { subtopology_id, partitions } in listed {
        tasks.entry(subtopology_id).or_default().extend(partitions);
    }
    tasks
}
