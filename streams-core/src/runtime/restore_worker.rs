//! Executor of a stream thread's orders: it restores tasks, and hands state back.
//!
//! Invariant: for each task that came with an order, one outcome goes back, or its state is closed
//! here.

use std::{
    collections::VecDeque,
    sync::{Arc, mpsc::RecvTimeoutError},
    time::Duration,
};

use super::{
    app::App,
    restore::Restorer,
    thread::{Order, Orders, Outcome, Progress, is_transient},
};
use crate::{Error, Result, TaskId, task::TaskDatabases};

/// Interval between two reports of its progress, in milliseconds.
const PROGRESS_INTERVAL_MS: i64 = 100;

/// Executes the orders of a stream thread, and restores in between.
pub(crate) struct RestoreWorker {
    app: Arc<App>,
    restorer: Restorer,
    thread: Orders,
    waiting: VecDeque<Order>,
    said_ms: Option<i64>,
    /// True if it has reported that it failed, and has not been told to close all tasks since.
    failed: bool,
    ended: bool,
}

impl std::fmt::Debug for RestoreWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RestoreWorker({:?})", self.restorer)
    }
}

impl RestoreWorker {
    pub(super) fn new(app: Arc<App>, restorer: Restorer, thread: Orders) -> Self {
        Self {
            app,
            restorer,
            thread,
            waiting: VecDeque::new(),
            said_ms: None,
            failed: false,
            ended: false,
        }
    }

    /// Returns whether its thread has told it to end, and it has.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Executes the orders, then reads and applies the available records. Returns whether anything
    /// happened.
    ///
    /// An unrecoverable error is reported to the stream thread.
    pub(crate) fn run_once(&mut self, now_ms: i64) -> bool {
        let ordered = self.execute_orders(now_ms);
        let worked = match self.restorer.run_once(now_ms) {
            Ok(worked) => worked,
            // The stream thread meets the same cluster, and gives up after `task.timeout.ms`.
            Err(error) if is_transient(&error) => false,
            Err(error) => {
                self.fail(error);
                false
            }
        };
        match self.restorer.take_restored() {
            Ok(restored) => {
                for (task, databases) in restored {
                    self.tell(Outcome::Restored(task, databases));
                }
            }
            Err(error) => self.fail(error),
        }
        self.say_progress(now_ms, ordered);
        worked || ordered
    }

    /// Waits for an order, for at most `timeout`.
    pub(super) fn wait(&mut self, timeout: Duration) {
        match self.thread.waiting.recv_timeout(timeout) {
            Ok(order) => self.waiting.push_back(order),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.ended = true,
        }
    }

    /// Returns whether it has tasks to restore or to keep up to date.
    pub(super) fn has_tasks(&self) -> bool {
        self.restorer.has_tasks()
    }

    /// Reports a failure, after which all its tasks must be closed.
    pub(crate) fn fail(&mut self, error: Error) {
        if !std::mem::replace(&mut self.failed, true) {
            self.tell(Outcome::Failed(error));
        }
    }

    /// The databases of one of its tasks.
    pub(crate) fn databases(&self, task: TaskId) -> Option<TaskDatabases> {
        self.restorer.databases(task)
    }

    fn tell(&self, outcome: Outcome) {
        // A thread that has ended without waiting for outcomes has dropped its state, as in a
        // crash.
        let _ = self.thread.outcomes.send(outcome);
    }

    fn execute_orders(&mut self, now_ms: i64) -> bool {
        self.waiting.extend(self.thread.waiting.try_iter());
        let any = !self.waiting.is_empty();
        while let Some(order) = self.waiting.pop_front() {
            match order {
                Order::Add { task, databases, assignment } => {
                    let added = self.restorer.add(task, databases.clone(), assignment, now_ms);
                    match added {
                        Ok(()) => {}
                        Err(error) => self.tell(Outcome::Refused(task, databases, error)),
                    }
                }
                Order::Return(task) => match self.restorer.remove(task) {
                    Ok(Some(databases)) => self.tell(Outcome::Returned(task, databases)),
                    Ok(None) => {}
                    Err(error) => {
                        self.app.unlock_task(task);
                        self.tell(Outcome::Closed(task));
                        self.fail(error);
                    }
                },
                Order::CloseAll => self.close_all(),
                Order::Release => self.release(),
            }
        }
        any
    }

    fn close_all(&mut self) {
        for (task, databases) in self.restorer.abandon() {
            self.app.close_task(task, databases);
            self.tell(Outcome::Closed(task));
        }
        self.failed = false;
    }

    fn release(&mut self) {
        for task in self.restorer.tasks() {
            if let Err(error) = self.release_task(task) {
                tracing::warn!(%task, "its state is behind what was read of its changelogs: {error}");
            }
        }
        self.ended = true;
    }

    fn release_task(&mut self, task: TaskId) -> Result {
        match self.restorer.remove(task) {
            Ok(Some(databases)) => {
                let flushed = databases.flush();
                self.app.close_task(task, databases);
                flushed
            }
            Ok(None) => Ok(()),
            Err(error) => {
                self.app.unlock_task(task);
                Err(error)
            }
        }
    }

    fn say_progress(&mut self, now_ms: i64, at_once: bool) {
        if !at_once && self.said_ms.is_some_and(|said| now_ms - said < PROGRESS_INTERVAL_MS) {
            return;
        }
        self.said_ms = Some(now_ms);
        let progress =
            Progress { offsets: self.restorer.offsets(), readings: self.restorer.readings() };
        *self.thread.progress.lock() = progress;
    }
}
