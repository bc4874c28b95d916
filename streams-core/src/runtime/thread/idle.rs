//! Detection of idle tasks: no record has come for a while, and the cluster holds none.
//!
//! An empty poll proves little: a reader may be stuck, a broker gone, or the thread may have slept.
//! So the cluster is asked for the ends of the logs. Invariant: a task counts as idle until a time
//! only if everything that was in its logs then is processed and committed.

use super::{
    asked::{ANSWER_MS, Asked},
    tasks::Tasks,
};
use crate::{
    TaskId,
    client::{Admin, IsolationLevel, PartitionOffsets},
    task::ActiveTask,
};

/// The request that finds the idle tasks.
#[derive(Default)]
pub(super) struct IdleLook {
    asked: Asked<PartitionOffsets>,
    /// The candidates, with the time at which each took its last record.
    tasks: Vec<(TaskId, i64)>,
    asked_ms: i64,
}

impl IdleLook {
    /// Returns whether the cluster has yet to answer.
    pub(super) fn is_open(&self) -> bool {
        self.asked.is_open()
    }

    /// Asks if it is time to. Returns the tasks that were idle at a time, once that is known.
    pub(super) fn look(
        &mut self,
        tasks: &mut Tasks,
        admin: &mut dyn Admin,
        now_ms: i64,
    ) -> (Vec<TaskId>, i64) {
        if !self.asked.is_open() {
            self.ask(tasks, admin, now_ms);
        }
        let ends = match self.asked.answer(now_ms) {
            Some(Ok(ends)) => ends,
            Some(Err(error)) => {
                tracing::debug!("whether tasks are idle is not known: {error}");
                return (Vec::new(), now_ms);
            }
            None => return (Vec::new(), now_ms),
        };
        let idle = std::mem::take(&mut self.tasks).into_iter().filter_map(|(id, taken_ms)| {
            let task = tasks.running_task(id)?;
            let still = task.taken_ms() == taken_ms && task.is_settled();
            (still && is_at_end(task, &ends)).then_some(id)
        });
        (idle.collect(), self.asked_ms)
    }

    fn ask(&mut self, tasks: &mut Tasks, admin: &mut dyn Admin, now_ms: i64) {
        self.tasks.clear();
        let mut partitions = Vec::new();
        for (id, task) in tasks.running_mut() {
            let is_due = task.idle_due().is_some_and(|due| due <= now_ms);
            if is_due && task.looks_idle(now_ms) {
                partitions.extend(task.inputs().iter().cloned());
                self.tasks.push((*id, task.taken_ms()));
            }
        }
        if partitions.is_empty() {
            return;
        }
        // Records held back by an open transaction are coming, too.
        let ends = admin.latest_offsets(&partitions, IsolationLevel::ReadUncommitted);
        self.asked.ask(ends, now_ms.saturating_add(ANSWER_MS));
        self.asked_ms = now_ms;
    }
}

/// Returns whether a task has read all of its partitions.
fn is_at_end(task: &ActiveTask, ends: &PartitionOffsets) -> bool {
    let read = task.positions().filter(
        |(partition, position, _)| matches!(ends.get(*partition), Some(Ok(end)) if end <= position),
    );
    read.count() == task.inputs().len()
}
