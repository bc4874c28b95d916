//! What a stream thread and its restorer tell each other.
//!
//! The restorer works on a thread of its own, and may be held up by the cluster or the disk. So neither waits for the
//! other: orders go there, outcomes come back, and how far it has come stands where both can look. Invariant: with an order
//! the state of a task goes over to the restorer, with one outcome it comes back; in between nobody else touches it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
};

use parking_lot::Mutex;

use super::{super::restore::Assignment, watch::Reading};
use crate::{Error, TaskId, membership::TaskOffsets, task::TaskDatabases};

/// What a stream thread asks of its restorer.
pub(in super::super) enum Order {
    /// Bring a task's state up to date: to the end, or for good as a standby.
    Add { task: TaskId, databases: TaskDatabases, assignment: Assignment },
    /// Hand a task back, with all that was read of its changelogs.
    Return(TaskId),
    /// Close all tasks without writing anything more.
    CloseAll,
    /// Make the state of all tasks durable, close it, and end.
    Release,
}

/// What became of a task.
pub(in super::super) enum Outcome {
    /// An active task is restored.
    Restored(TaskId, TaskDatabases),
    /// A task is handed back as it was told.
    Returned(TaskId, TaskDatabases),
    /// The cluster did not serve what the restore of a task begins with.
    Refused(TaskId, TaskDatabases, Error),
    /// The state of a task is closed.
    Closed(TaskId),
    /// What was read is lost: all tasks are to be closed.
    Failed(Error),
}

/// How far the restorer has come.
#[derive(Debug, Default)]
pub(in super::super) struct Progress {
    pub(in super::super) offsets: TaskOffsets,
    pub(in super::super) readings: Vec<Reading>,
}

/// The restorer's end.
pub(in super::super) struct Orders {
    pub(in super::super) waiting: Receiver<Order>,
    pub(in super::super) outcomes: Sender<Outcome>,
    pub(in super::super) progress: Arc<Mutex<Progress>>,
}

/// The stream thread's end.
pub(super) struct Restores {
    orders: Sender<Order>,
    outcomes: Receiver<Outcome>,
    progress: Arc<Mutex<Progress>>,
    /// How far each task was when it went there, as long as the restorer has not said more.
    began: BTreeMap<TaskId, i64>,
}

impl Restores {
    pub(super) fn new() -> (Self, Orders) {
        let (send_order, orders) = channel();
        let (send_outcome, outcomes) = channel();
        let progress = Arc::default();
        let theirs =
            Orders { waiting: orders, outcomes: send_outcome, progress: Arc::clone(&progress) };
        (Self { orders: send_order, outcomes, progress, began: BTreeMap::new() }, theirs)
    }

    /// Has a task restored whose state has read its changelogs up to `offset_sum`.
    pub(super) fn add(&mut self, order: Order, task: TaskId, offset_sum: Option<i64>) {
        self.began.extend(offset_sum.map(|sum| (task, sum)));
        self.order(order);
    }

    /// Gives an order. A restorer that is gone has dropped its state with itself, as in a crash.
    pub(super) fn order(&self, order: Order) {
        let _ = self.orders.send(order); // See above.
    }

    /// The next outcome, if there is one by now.
    pub(super) fn outcome(&mut self) -> Option<Outcome> {
        let outcome = self.outcomes.try_recv().ok()?;
        match &outcome {
            Outcome::Restored(task, _)
            | Outcome::Returned(task, _)
            | Outcome::Refused(task, _, _)
            | Outcome::Closed(task) => drop(self.began.remove(task)),
            Outcome::Failed(_) => {}
        }
        Some(outcome)
    }

    /// How far it had come with these tasks a moment ago.
    pub(super) fn offsets(&self, tasks: &[TaskId]) -> TaskOffsets {
        let mut offsets = TaskOffsets::default();
        if tasks.is_empty() {
            return offsets;
        }
        let progress = self.progress.lock();
        for task in tasks {
            let known = &progress.offsets;
            let sum = known.offset_sums.get(task).or_else(|| self.began.get(task));
            offsets.lags.extend(known.lags.get(task).map(|lag| (*task, *lag)));
            offsets.offset_sums.extend(sum.map(|sum| (*task, *sum)));
        }
        offsets
    }

    /// What it was reading a moment ago.
    pub(super) fn readings(&self) -> Vec<Reading> {
        self.progress.lock().readings.clone()
    }
}
