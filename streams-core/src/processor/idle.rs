//! Nodes that follow the time while no record reaches their task.
//!
//! This module knows since when there was no record, not whether one is on its way: the driver of
//! the task finds that out.

use std::time::Duration;

use crate::time::duration_ms;

/// The least and the greatest pause between two checks, in milliseconds.
const LOOK_MS: (i64, i64) = (100, 10_000);

/// The nodes of a task that asked to be called when it is idle.
#[derive(Debug, Default)]
pub(crate) struct IdleNodes {
    /// Each node with the idle time that it asked for, in milliseconds.
    nodes: Vec<(usize, i64)>,
    /// The wall clock when the last record was taken, or when the task began.
    taken_ms: i64,
    next_look_ms: i64,
    /// True if a node that was asked holds back something that it would release.
    pub(crate) would_close: bool,
}

impl IdleNodes {
    /// Calls a node once the task has been idle for this long.
    pub(crate) fn watch(&mut self, node: usize, idle: Duration) {
        self.nodes.push((node, duration_ms(idle).max(1)));
    }

    /// Notes that records were taken, or that the task begins.
    pub(crate) const fn took(&mut self, now_ms: i64) {
        self.taken_ms = now_ms;
    }

    /// The wall clock when the last record was taken.
    pub(crate) const fn taken_ms(&self) -> i64 {
        self.taken_ms
    }

    /// Time of the next check whether the task is idle; `None` if no node asks.
    pub(crate) fn due_ms(&self) -> Option<i64> {
        let idle_ms = self.least_ms()?;
        Some(self.taken_ms.saturating_add(idle_ms).max(self.next_look_ms))
    }

    /// Notes that the check is being made.
    pub(crate) fn looks(&mut self, now_ms: i64) {
        self.next_look_ms = now_ms.saturating_add(self.pause_ms());
    }

    /// Returns whether the nodes were asked twice in this idle time, so that the first answer had
    /// its effect; true if no node asks.
    pub(crate) fn has_looked(&self) -> bool {
        let since = self.least_ms().map(|idle_ms| self.taken_ms.saturating_add(idle_ms));
        since.is_none_or(|since| self.next_look_ms >= since.saturating_add(2 * self.pause_ms()))
    }

    /// Idle time of the task at `now_ms`, in milliseconds, and the nodes for which it is long
    /// enough.
    pub(crate) fn idle_at(&self, now_ms: i64) -> (i64, Vec<usize>) {
        let elapsed_ms = now_ms.saturating_sub(self.taken_ms);
        let idle = self.nodes.iter().filter(|(_, idle_ms)| *idle_ms <= elapsed_ms);
        (elapsed_ms, idle.map(|(node, _)| *node).collect())
    }

    fn pause_ms(&self) -> i64 {
        (self.least_ms().unwrap_or(0) / 10).clamp(LOOK_MS.0, LOOK_MS.1)
    }

    fn least_ms(&self) -> Option<i64> {
        self.nodes.iter().map(|(_, idle_ms)| *idle_ms).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_when_the_least_idle_time_is_over_and_then_ten_times_in_each() {
        let mut idle = IdleNodes::default();
        assert_eq!(idle.due_ms(), None);
        idle.watch(3, Duration::from_secs(30));
        idle.watch(5, Duration::from_secs(20));
        idle.took(1_000);
        assert_eq!(idle.due_ms(), Some(21_000));
        assert!(idle.idle_at(20_999).1.is_empty());
        assert_eq!(idle.idle_at(21_000), (20_000, vec![5]));
        assert_eq!(idle.idle_at(31_000), (30_000, vec![3, 5]));
        idle.looks(21_000);
        assert_eq!(idle.due_ms(), Some(23_000));
        assert!(!idle.has_looked());
        idle.looks(23_000);
        assert!(idle.has_looked());
        idle.took(22_000);
        assert_eq!(idle.due_ms(), Some(42_000));
        assert!(!idle.has_looked());
    }
}
