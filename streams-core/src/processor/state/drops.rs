//! Records that a task drops, counted, and logged without flooding the log.
//!
//! The first record that a node or store drops gets a line. Later ones are counted, and the next
//! one that comes after [`INTERVAL_MS`] gets a line with their number; so does the rest when the
//! task ends. The interval is measured in the task's own time.

use std::{collections::BTreeMap, sync::Arc};

use crate::TaskId;

/// Least time between two lines about one node or store.
const INTERVAL_MS: i64 = 30_000;

/// Counts of the dropped records of a task, per node and store.
#[derive(Debug)]
pub(crate) struct Drops {
    task: TaskId,
    untaken: u64,
    said: BTreeMap<Arc<str>, Said>,
}

#[derive(Debug)]
struct Said {
    at_ms: i64,
    /// Records dropped since then.
    unsaid: u64,
}

impl Drops {
    pub(crate) fn new(task: TaskId) -> Self {
        Self { task, untaken: 0, said: BTreeMap::new() }
    }

    /// Counts `records` that `node`, or a store of that name, dropped at `now_ms`. `line` describes
    /// the last of them; it is called only if a line is logged.
    #[cold]
    pub(crate) fn note(
        &mut self,
        node: &str,
        records: u64,
        now_ms: i64,
        line: impl FnOnce() -> String,
    ) {
        self.untaken += records;
        let task = self.task;
        let Some(said) = self.said.get_mut(node) else {
            self.said
                .insert(node.into(), Said { at_ms: now_ms, unsaid: records.saturating_sub(1) });
            tracing::warn!(%task, node, "{}", line());
            return;
        };
        said.unsaid += records;
        if now_ms.saturating_sub(said.at_ms) >= INTERVAL_MS {
            let dropped = std::mem::take(&mut said.unsaid);
            said.at_ms = now_ms;
            tracing::warn!(%task, node, dropped, "{}", line());
        }
    }

    /// Counts a record that the caller logs itself.
    pub(crate) fn count(&mut self) {
        self.untaken += 1;
    }

    /// Records dropped since the last [`take`](Self::take).
    pub(crate) const fn untaken(&self) -> u64 {
        self.untaken
    }

    /// Forgets the records dropped after the first `untaken`.
    pub(crate) const fn back_to(&mut self, untaken: u64) {
        self.untaken = untaken;
    }

    /// Records dropped since the last call.
    pub(crate) fn take(&mut self) -> u64 {
        std::mem::take(&mut self.untaken)
    }
}

impl Drop for Drops {
    fn drop(&mut self) {
        for (node, said) in self.said.iter().filter(|(_, said)| said.unsaid > 0) {
            let (task, dropped) = (self.task, said.unsaid);
            tracing::warn!(%task, %node, dropped, "dropped more records before the task ended");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::log_lines::lines_of;

    fn note(drops: &mut Drops, node: &str, now_ms: i64) {
        drops.note(node, 1, now_ms, || format!("dropped at {now_ms}"));
    }

    /// Each late record had a line of its own: 2,000 of them filled the log within a second.
    #[test]
    fn a_flood_of_dropped_records_is_one_line_and_a_count_per_interval() {
        let mut drops = Drops::new(TaskId::new(0, 1));
        let lines = lines_of(|| {
            for number in 0..2_000 {
                note(&mut drops, "late", 1_000 + number);
            }
            note(&mut drops, "late", 31_000);
            note(&mut drops, "late", 31_001);
        });
        assert_eq!(
            lines,
            [
                "WARN task=0_1 node=\"late\" dropped at 1000",
                "WARN task=0_1 node=\"late\" dropped=2000 dropped at 31000",
            ]
        );
        assert_eq!((drops.take(), drops.take()), (2_002, 0));
        let rest = lines_of(|| drop(drops));
        assert_eq!(
            rest,
            ["WARN task=0_1 node=late dropped=1 dropped more records before the task ended"]
        );
    }

    #[test]
    fn each_node_has_lines_of_its_own_and_nothing_is_said_twice() {
        let lines = lines_of(|| {
            let mut drops = Drops::new(TaskId::new(0, 1));
            note(&mut drops, "one", 0);
            note(&mut drops, "two", 0);
            note(&mut drops, "one", i64::MAX);
        });
        assert_eq!(lines.len(), 3, "{lines:?}");
    }
}
