//! Messages between a stream thread and its restorer.
//!
//! The restorer has its own thread, and the cluster or the disk may block it. So neither waits for
//! the other: orders go one way, outcomes the other, and both can see the progress. Invariant: an
//! order passes the state of a task to the restorer, an outcome returns it; in between nobody else
//! touches it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
};

use parking_lot::Mutex;
use tracing::Span;

use super::{super::restore::Assignment, spans, watch::Reading};
use crate::{Error, TaskId, membership::TaskOffsets, task::TaskDatabases};

/// An order to the restorer.
pub(in super::super) enum Order {
    /// Bring a task's state up to date: to the end, or for good as a standby.
    Add { task: TaskId, databases: TaskDatabases, assignment: Assignment },
    /// Return a task, with everything read from its changelogs.
    Return(TaskId),
    /// Close all tasks without further writes.
    CloseAll,
    /// Make the state of all tasks durable, close it, and end.
    Release,
}

/// Outcome for a task.
pub(in super::super) enum Outcome {
    /// An active task is restored.
    Restored(TaskId, TaskDatabases),
    /// A task is returned as ordered.
    Returned(TaskId, TaskDatabases),
    /// The cluster did not serve the calls that begin the restore of a task.
    Refused(TaskId, TaskDatabases, Error),
    /// The state of a task is closed.
    Closed(TaskId),
    /// The rows that were read are lost: all tasks must be closed.
    Failed(Error),
}

/// Progress of the restorer.
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
    /// Progress of each task when it was passed on, until the restorer reports more.
    began: BTreeMap<TaskId, i64>,
    /// The spans of active tasks that it restores.
    spans: BTreeMap<TaskId, Span>,
}

impl Restores {
    pub(super) fn new() -> (Self, Orders) {
        let (send_order, orders) = channel();
        let (send_outcome, outcomes) = channel();
        let progress = Arc::default();
        let theirs =
            Orders { waiting: orders, outcomes: send_outcome, progress: Arc::clone(&progress) };
        let (began, spans) = (BTreeMap::new(), BTreeMap::new());
        (Self { orders: send_order, outcomes, progress, began, spans }, theirs)
    }

    /// Orders the restore of a task whose state has read its changelogs up to `offset_sum`.
    pub(super) fn add(&mut self, order: Order, task: TaskId, offset_sum: Option<i64>) {
        self.began.extend(offset_sum.map(|sum| (task, sum)));
        if matches!(&order, Order::Add { assignment, .. } if !assignment.standby) {
            self.spans.insert(task, spans::restore(task));
        }
        self.order(order);
    }

    /// Gives an order. If the restorer is gone, it has dropped its state, as in a crash.
    pub(super) fn order(&self, order: Order) {
        let _ = self.orders.send(order); // See above.
    }

    /// The next outcome, if there is one.
    pub(super) fn outcome(&mut self) -> Option<Outcome> {
        let outcome = self.outcomes.try_recv().ok()?;
        match &outcome {
            Outcome::Restored(task, _)
            | Outcome::Returned(task, _)
            | Outcome::Refused(task, _, _)
            | Outcome::Closed(task) => {
                self.began.remove(task);
                self.spans.remove(task);
            }
            Outcome::Failed(_) => {}
        }
        Some(outcome)
    }

    /// Offsets of these tasks, which may be slightly stale.
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

    /// Positions of its readers, which may be slightly stale.
    pub(super) fn readings(&self) -> Vec<Reading> {
        self.progress.lock().readings.clone()
    }
}
