//! The tasks of a stream thread, each in one slot.
//!
//! Invariant: a task whose state is open has a slot, and the slot tells who holds the state. So a
//! task can't be in two places, and none is lost in between.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use super::{
    super::{app::App, metrics::ThreadMetadata},
    starting::Starting,
};
use crate::{
    TaskId, TopicPartition,
    membership::TaskAssignment,
    task::{ActiveTask, TaskDatabases},
};

/// Holder of a task.
pub(super) enum Slot {
    /// Its state is open and waits for the next target.
    Waiting(TaskDatabases),
    /// The restorer brings it up to date, to become active.
    Restoring,
    /// The restorer keeps it up to date, as a standby or to warm it up.
    Standby,
    /// The restorer was told to return it, to wait.
    Returning,
    /// The restorer was told to close it: nobody counts on it any more.
    Closing,
    /// It is restored, and waits until its start position is known.
    Restored(TaskDatabases, Box<Starting>),
    /// It is running.
    Running(Box<ActiveTask>),
}

impl Slot {
    pub(super) fn is_restored(&self) -> bool {
        matches!(self, Self::Restored(..))
    }

    pub(super) fn is_running(&self) -> bool {
        matches!(self, Self::Running(_))
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting(_))
    }

    pub(super) fn is_restoring(&self) -> bool {
        matches!(self, Self::Restoring)
    }

    pub(super) fn is_standby(&self) -> bool {
        matches!(self, Self::Standby)
    }

    /// Returns whether the next turns will bring it further.
    pub(super) fn is_on_its_way(&self) -> bool {
        matches!(self, Self::Waiting(_) | Self::Restoring | Self::Returning | Self::Restored(..))
    }

    /// Returns whether the restorer has it.
    pub(super) fn is_in_restorer(&self) -> bool {
        matches!(self, Self::Restoring | Self::Standby | Self::Returning | Self::Closing)
    }
}

/// All tasks whose state this thread has opened.
#[derive(Default)]
pub(super) struct Tasks {
    slots: BTreeMap<TaskId, Slot>,
    /// The running tasks, by input: a batch must find its task at once, however many there are.
    readers: HashMap<TopicPartition, TaskId>,
}

impl Tasks {
    /// Puts a task into a slot. Returns its previous slot.
    pub(super) fn put(&mut self, task: TaskId, slot: Slot) -> Option<Slot> {
        let displaced = self.take(task);
        if let Slot::Running(running) = &slot {
            self.readers.extend(running.inputs().iter().map(|input| (input.clone(), task)));
        }
        self.slots.insert(task, slot);
        displaced
    }

    /// The slot of a task; `None` if its state is not open here.
    pub(super) fn get(&self, task: TaskId) -> Option<&Slot> {
        self.slots.get(&task)
    }

    /// Removes a task, whose state is then closed or passed on.
    pub(super) fn take(&mut self, task: TaskId) -> Option<Slot> {
        let taken = self.slots.remove(&task);
        if let Some(Slot::Running(running)) = &taken {
            for input in running.inputs() {
                self.readers.remove(input);
            }
        }
        taken
    }

    /// Removes all tasks.
    pub(super) fn take_all(&mut self) -> BTreeMap<TaskId, Slot> {
        self.readers.clear();
        std::mem::take(&mut self.slots)
    }

    /// The tasks in slots that `of` chooses.
    pub(super) fn ids(&self, of: impl Fn(&Slot) -> bool) -> Vec<TaskId> {
        self.slots.iter().filter(|(_, slot)| of(slot)).map(|(task, _)| *task).collect()
    }

    /// Returns whether a task is in a slot that `of` chooses.
    pub(super) fn any(&self, of: impl Fn(&Slot) -> bool) -> bool {
        self.slots.values().any(of)
    }

    /// Returns whether a task is running.
    pub(super) fn runs(&self, task: TaskId) -> bool {
        self.get(task).is_some_and(Slot::is_running)
    }

    /// The running tasks.
    pub(super) fn running(&self) -> impl Iterator<Item = (&TaskId, &ActiveTask)> {
        self.slots.iter().filter_map(|(id, slot)| match slot {
            Slot::Running(task) => Some((id, &**task)),
            _ => None,
        })
    }

    /// The running tasks, mutably.
    pub(super) fn running_mut(&mut self) -> impl Iterator<Item = (&TaskId, &mut ActiveTask)> {
        self.slots.iter_mut().filter_map(|(id, slot)| match slot {
            Slot::Running(task) => Some((id, &mut **task)),
            _ => None,
        })
    }

    /// A running task.
    pub(super) fn running_task(&mut self, task: TaskId) -> Option<&mut ActiveTask> {
        match self.slots.get_mut(&task) {
            Some(Slot::Running(task)) => Some(&mut **task),
            _ => None,
        }
    }

    /// A restored task, with the progress of finding its start position.
    pub(super) fn restored_task(
        &mut self,
        task: TaskId,
    ) -> Option<(&TaskDatabases, &mut Starting)> {
        match self.slots.get_mut(&task) {
            Some(Slot::Restored(databases, starting)) => Some((databases, starting)),
            _ => None,
        }
    }

    /// The task that reads a partition.
    pub(super) fn reader_of(&mut self, partition: &TopicPartition) -> Option<&mut ActiveTask> {
        let task = *self.readers.get(partition)?;
        self.running_task(task)
    }

    /// Returns whether user code asked for a commit, or uncommitted writes need too much memory.
    pub(super) fn ask_for_commit(&self, app: &App) -> bool {
        self.running().any(|(_, task)| task.commit_requested())
            || (app.settings.budget.overlay_exceeded() && self.commit_needed())
    }

    /// Returns whether a task has made progress that is not committed.
    pub(super) fn commit_needed(&self) -> bool {
        self.running().any(|(_, task)| task.commit_needed())
    }

    /// Returns whether a task has done something that is not committed, also in a commit that was
    /// prepared.
    pub(super) fn have_uncommitted(&self) -> bool {
        self.running().any(|(_, task)| !task.is_committed())
    }

    /// The state of each task that is neither in the restorer nor running.
    pub(super) fn at_rest(&self) -> impl Iterator<Item = (&TaskId, &TaskDatabases)> {
        self.slots.iter().filter_map(|(id, slot)| match slot {
            Slot::Waiting(databases) => Some((id, databases)),
            _ => None,
        })
    }

    /// The tasks that are not given up yet. A task that waits to become a standby counts as one: it
    /// does not process.
    pub(super) fn owned(&self, target: Option<&TaskAssignment>) -> TaskAssignment {
        let mut owned = TaskAssignment::default();
        for (task, slot) in &self.slots {
            let replica = match slot {
                Slot::Closing => continue,
                Slot::Standby => true,
                Slot::Waiting(_) | Slot::Returning => {
                    target.is_some_and(|target| keeps_as_standby(target, *task))
                }
                Slot::Restoring | Slot::Restored(..) | Slot::Running(_) => false,
            };
            let is_warmup = target.is_some_and(|target| target.warmup.contains(task));
            match (replica, is_warmup) {
                (false, _) => owned.active.insert(*task),
                (true, true) => owned.warmup.insert(*task),
                (true, false) => owned.standby.insert(*task),
            };
        }
        owned
    }

    /// The thread's metadata for others.
    pub(super) fn metadata(&self, thread_name: &str) -> ThreadMetadata {
        let tasks =
            |of: fn(&Slot) -> bool| -> BTreeSet<TaskId> { self.ids(of).into_iter().collect() };
        ThreadMetadata {
            thread_name: thread_name.to_owned(),
            active_tasks: tasks(Slot::is_running),
            restoring_tasks: tasks(|slot| slot.is_restoring() || slot.is_restored()),
            standby_tasks: tasks(Slot::is_standby),
        }
    }
}

/// Returns whether a target has a task as a standby, or warms it up.
pub(super) fn keeps_as_standby(target: &TaskAssignment, task: TaskId) -> bool {
    target.standby.contains(&task) || target.warmup.contains(&task)
}
