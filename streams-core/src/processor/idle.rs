//! Nodes that go on with time while no record comes to their task.
//!
//! This knows since when there was no record, not whether one is on its way: whoever drives the task finds that out.

use std::time::Duration;

use crate::time::duration_ms;

/// The least and the greatest pause between two looks, in milliseconds.
const LOOK_MS: (i64, i64) = (100, 10_000);

/// The nodes of a task that asked to be told when it is idle.
#[derive(Debug, Default)]
pub(crate) struct IdleNodes {
    /// Each with how long the task must be idle, in milliseconds.
    nodes: Vec<(usize, i64)>,
    /// The wall clock when the last record was taken, or the task began.
    taken_ms: i64,
    next_look_ms: i64,
    /// Whether a node that was asked holds something back that would go on.
    pub(crate) would_close: bool,
}

impl IdleNodes {
    /// A node asks to be told when the task has been idle for so long.
    pub(crate) fn watch(&mut self, node: usize, idle: Duration) {
        self.nodes.push((node, duration_ms(idle).max(1)));
    }

    /// Records were taken, or the task begins.
    pub(crate) const fn took(&mut self, now_ms: i64) {
        self.taken_ms = now_ms;
    }

    /// The wall clock when the last record was taken.
    pub(crate) const fn taken_ms(&self) -> i64 {
        self.taken_ms
    }

    /// When it is to be looked next whether the task is idle; `None` if no node asks.
    pub(crate) fn due_ms(&self) -> Option<i64> {
        let idle_ms = self.least_ms()?;
        Some(self.taken_ms.saturating_add(idle_ms).max(self.next_look_ms))
    }

    /// It is looked now.
    pub(crate) fn looks(&mut self, now_ms: i64) {
        let pause_ms = self.least_ms().unwrap_or(0) / 10;
        self.next_look_ms = now_ms.saturating_add(pause_ms.clamp(LOOK_MS.0, LOOK_MS.1));
    }

    /// For how long the task is idle at that time, in milliseconds, and the nodes for which that is long enough.
    pub(crate) fn idle_at(&self, now_ms: i64) -> (i64, Vec<usize>) {
        let elapsed_ms = now_ms.saturating_sub(self.taken_ms);
        let idle = self.nodes.iter().filter(|(_, idle_ms)| *idle_ms <= elapsed_ms);
        (elapsed_ms, idle.map(|(node, _)| *node).collect())
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
        idle.took(22_000);
        assert_eq!(idle.due_ms(), Some(42_000));
    }
}
