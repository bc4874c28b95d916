//! Reports where a stream thread is when it does not come back from a turn.
//!
//! User code may loop for ever. Its thread can't report that, and the group gives its tasks to
//! others, which meet the same record. So another thread watches the clock, and names task, node
//! and record. Invariant: a turn is reported once.

use std::{
    sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
    time::Duration,
};

use parking_lot::Mutex;

use crate::{processor::TaskWatch, time::duration_ms};

/// Means that a thread is between two turns.
const IDLE: i64 = i64::MIN;

/// A stream thread's turn, seen from outside.
#[derive(Debug)]
pub(crate) struct Watchdog {
    limit_ms: i64,
    began_ms: AtomicI64,
    is_stuck: AtomicBool,
    tasks: Mutex<Vec<TaskWatch>>,
}

impl Watchdog {
    /// Creates a watchdog that reports turns longer than `limit`.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit_ms: duration_ms(limit),
            began_ms: AtomicI64::new(IDLE),
            is_stuck: AtomicBool::new(false),
            tasks: Mutex::default(),
        }
    }

    /// Notes that a turn begins.
    pub(crate) fn begins(&self, now_ms: i64) {
        self.began_ms.store(now_ms, Relaxed);
    }

    /// Notes that a turn is over. Returns whether it was reported.
    pub(crate) fn ends(&self) -> bool {
        self.began_ms.store(IDLE, Relaxed);
        self.is_stuck.swap(false, Relaxed)
    }

    /// Sets the tasks that the thread runs.
    pub(crate) fn watch(&self, tasks: Vec<TaskWatch>) {
        *self.tasks.lock() = tasks;
    }

    /// Returns whether the current turn has been reported.
    pub(crate) fn is_stuck(&self) -> bool {
        self.is_stuck.load(Relaxed)
    }

    /// Position of user code; `None` if none runs.
    pub(crate) fn whereabouts(&self) -> Option<String> {
        self.tasks.lock().iter().find_map(TaskWatch::whereabouts).map(|seen| seen.to_string())
    }

    /// Checks the clock. Returns the report of a turn that is too long, once.
    pub(crate) fn look(&self, now_ms: i64) -> Option<String> {
        let began_ms = self.began_ms.load(Relaxed);
        if began_ms == IDLE || now_ms.saturating_sub(began_ms) < self.limit_ms {
            return None;
        }
        let at = self.whereabouts()?;
        if self.is_stuck.swap(true, Relaxed) {
            return None;
        }
        let millis = u64::try_from(now_ms.saturating_sub(began_ms)).unwrap_or(0);
        let lasted = Duration::from_millis(millis);
        Some(format!(
            "user code has not come back for {lasted:?}: {at}; the group gives this thread's tasks to others. Have the code \
             do less for one record, or raise max.poll.interval.ms"
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        TaskId, TopicPartition,
        processor::{AtWork, Names},
    };

    #[test]
    fn a_turn_that_is_too_long_is_reported_once_with_node_and_record() {
        let watchdog = Watchdog::new(Duration::from_secs(5));
        let at_work = Arc::<AtWork>::default();
        let names = Names { nodes: ["map".into()].into(), stores: Vec::new() };
        let inputs = vec![TopicPartition::new("in", 1)];
        let (task, names) = (TaskId::new(0, 1), Arc::new(names));
        watchdog.watch(vec![TaskWatch { task, inputs, names, at_work: at_work.clone() }]);
        watchdog.begins(1_000);
        assert_eq!(watchdog.look(7_000), None, "no user code runs");
        at_work.enter(0);
        at_work.record(0, 7);
        assert_eq!(watchdog.look(5_999), None);
        let text = watchdog.look(6_000).unwrap();
        assert!(text.contains("5s: node `map` of task 0_1 at in-1@7"), "{text}");
        assert!(watchdog.is_stuck());
        assert_eq!(watchdog.look(60_000), None);
        assert!(watchdog.ends() && !watchdog.ends());
        assert_eq!(watchdog.look(90_000), None, "the turn is over");
    }
}
