//! A thread's measurements: its work in each turn, and once per second the state of its tasks.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::MutexGuard;
use tracing::Span;

use super::{
    super::{
        app::App,
        measure::{InputFigures, SharedFigures, TaskFigures, ThreadFigures},
    },
    input::Input,
    restores::Restores,
    spans,
    tasks::Tasks,
    watch::Watch,
    writer::Writer,
};
use crate::{TaskId, membership::TaskAssignment, task::ActiveTask};

/// Time between two measurements of the tasks, in milliseconds.
const INTERVAL_MS: i64 = 1_000;

/// The figures of a thread, which others read for as long as it exists.
pub(super) struct Measuring {
    app: Arc<App>,
    thread: String,
    figures: SharedFigures,
    next_ms: i64,
    /// Span of the rebalance in progress.
    rebalance: Option<Span>,
}

impl Drop for Measuring {
    fn drop(&mut self) {
        self.app.shared.remove_figures(&self.thread, &self.figures);
    }
}

impl Measuring {
    pub(super) fn new(app: &Arc<App>, thread: &str) -> Self {
        let figures = SharedFigures::default();
        figures.lock().started_ms = app.clock.now_ms();
        app.shared.add_figures(thread, &figures);
        Self { app: app.clone(), thread: thread.to_owned(), figures, next_ms: 0, rebalance: None }
    }

    /// The figures, for a part of the thread that updates them.
    pub(super) fn shared(&self) -> SharedFigures {
        self.figures.clone()
    }

    /// The figures, for an update.
    pub(super) fn figures(&self) -> MutexGuard<'_, ThreadFigures> {
        self.figures.lock()
    }

    /// Notes that the thread got an assignment.
    pub(super) fn is_assigned(&mut self, target: &TaskAssignment) {
        self.figures.lock().rebalances += 1;
        self.rebalance = Some(spans::rebalance(&self.thread, target));
    }

    /// Notes that the thread runs all its tasks.
    pub(super) fn is_running(&mut self) {
        self.rebalance = None;
    }

    /// Returns whether a rebalance is in progress.
    pub(super) fn is_rebalancing(&self) -> bool {
        self.rebalance.is_some()
    }

    /// Measures all tasks, if it is time to.
    pub(super) fn look(
        &mut self,
        tasks: &mut Tasks,
        (input, restores, watch): (&Input, &Restores, &Watch),
        writer: &mut Writer,
        now_ms: i64,
    ) {
        if now_ms < self.next_ms {
            return;
        }
        self.next_ms = now_ms.saturating_add(INTERVAL_MS);
        let restoring = self.restoring(restores);
        let mut figures = self.figures.lock();
        let mut before = std::mem::take(&mut figures.tasks);
        for (id, task) in tasks.running_mut() {
            // Counts since it last processed, for example in a commit, belong to its totals.
            self.app.shared.counters.add(task.take_counted());
            let known = before.remove(id).unwrap_or_default();
            figures.tasks.insert(*id, look_at(task, &known, input, now_ms));
        }
        let running = u64::try_from(figures.tasks.len()).unwrap_or(u64::MAX);
        figures.tasks_closed = figures.tasks_created.saturating_sub(running);
        figures.restoring = restoring;
        figures.standing_still = watch.standing_still();
        figures.written.clone_from(writer.written());
    }

    /// Changelog records left to restore, per task.
    fn restoring(&self, restores: &Restores) -> BTreeMap<TaskId, i64> {
        let mut restoring = BTreeMap::new();
        for reading in restores.readings() {
            if let Some((task, _)) = self.app.owner_of_changelog(&reading.partition) {
                let remaining: &mut i64 = restoring.entry(task).or_default();
                *remaining = remaining.saturating_add(reading.waiting);
            }
        }
        restoring
    }
}

/// The figures of a task. The `known` figures of a task that has begun again continue.
fn look_at(task: &mut ActiveTask, known: &TaskFigures, input: &Input, now_ms: i64) -> TaskFigures {
    let (totals, lateness, latency) = task.take_measured();
    let mut figures = TaskFigures {
        processed: totals.records,
        dropped: totals.counted.dropped,
        punctuations: totals.counted.punctuations,
        lateness: known.lateness,
        latency: known.latency,
        ..TaskFigures::default()
    };
    figures.lateness.record(lateness.count, lateness, now_ms);
    figures.latency.record(latency.count, latency, now_ms);
    figures.inputs = task
        .consumed()
        .map(|(partition, consumed, queued)| {
            let queued = u64::try_from(queued).unwrap_or(u64::MAX);
            let waiting = i64::try_from(queued).unwrap_or(i64::MAX);
            let lag = input.lag(partition).map(|behind| behind.saturating_add(waiting));
            InputFigures { partition: partition.clone(), consumed, queued, lag }
        })
        .collect();
    let stores = task.store_usage();
    figures.stores = stores.map(|(name, usage)| (name.to_owned(), usage)).collect();
    figures
}
