//! Ends of the changelogs of a thread's running tasks, and the foreign rows in them.
//!
//! The offsets of a thread's own records reveal other records in between. `mend` decides what to do
//! about them.

use std::collections::BTreeMap;

use crate::TopicPartition;

/// Offsets of a changelog that were taken by another writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) changelog: TopicPartition,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// A thread's view of its changelogs.
#[derive(Default)]
pub(super) struct LogEnds {
    /// The end of each, as far as this thread wrote or restored it, or saw it grow.
    ends: BTreeMap<TopicPartition, i64>,
    /// Gaps with foreign rows that have not been rewritten.
    gaps: Vec<Gap>,
}

impl LogEnds {
    /// Notes that a task begins to write to a changelog, which is restored up to `end`. Gaps past
    /// that are gone: they were in a log that has been deleted or truncated since.
    pub(super) fn track(&mut self, changelog: TopicPartition, end: i64) {
        self.gaps.retain_mut(|gap| {
            if gap.changelog == changelog {
                gap.to = gap.to.min(end);
            }
            gap.from < gap.to
        });
        self.ends.insert(changelog, end);
    }

    /// Notes that a task that wrote to the changelog is given up.
    pub(super) fn forget(&mut self, changelog: &TopicPartition) {
        self.ends.remove(changelog);
        self.gaps.retain(|gap| gap.changelog != *changelog);
    }

    /// Notes that all tasks are restored from their last commit, to begin again. Known gaps still
    /// have to be mended.
    pub(super) fn start_over(&mut self) {
        self.ends.clear();
    }

    /// The changelogs that are being written.
    pub(super) fn changelogs(&self) -> Vec<TopicPartition> {
        self.ends.keys().cloned().collect()
    }

    /// Notes that records of this thread are in a log.
    pub(super) fn wrote(&mut self, to: &TopicPartition, base: i64, next: i64) {
        self.grew(to, base);
        if let Some(end) = self.ends.get_mut(to) {
            *end = next.max(*end);
        }
    }

    /// Notes the end of a log: records below `end` that this thread did not write are foreign.
    pub(super) fn grew(&mut self, changelog: &TopicPartition, end: i64) {
        let Some(known) = self.ends.get_mut(changelog) else { return };
        let from = *known;
        if end > from {
            *known = end;
            self.gaps.push(Gap { changelog: changelog.clone(), from, to: end });
        }
    }

    /// Gaps with foreign rows that have not been rewritten.
    pub(super) fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Notes that the rows in these gaps are about to be rewritten.
    pub(super) fn close(&mut self, gaps: &[Gap]) {
        self.gaps.retain(|gap| !gaps.contains(gap));
    }

    /// Notes that the rewriting failed.
    pub(super) fn reopen(&mut self, gaps: Vec<Gap>) {
        self.gaps.extend(gaps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changelog() -> TopicPartition {
        TopicPartition::new("app-counts-changelog", 0)
    }

    fn gap(from: i64, to: i64) -> Gap {
        Gap { changelog: changelog(), from, to }
    }

    #[test]
    fn offsets_between_own_records_and_behind_them_are_those_of_others() {
        let mut logs = LogEnds::default();
        logs.wrote(&changelog(), 5, 7);
        assert_eq!(logs.gaps(), [], "nobody writes to it here");
        logs.track(changelog(), 5);
        logs.wrote(&changelog(), 5, 7);
        assert_eq!(logs.gaps(), []);
        logs.wrote(&changelog(), 9, 10);
        logs.grew(&changelog(), 10);
        logs.grew(&changelog(), 12);
        assert_eq!(logs.gaps(), [gap(7, 9), gap(10, 12)]);
        logs.close(&[gap(7, 9)]);
        assert_eq!(logs.gaps(), [gap(10, 12)]);
        logs.start_over();
        assert_eq!(logs.gaps(), [gap(10, 12)], "the log still has them");
        logs.track(changelog(), 12);
        assert_eq!(logs.gaps(), [gap(10, 12)]);
        logs.forget(&changelog());
        assert_eq!(logs.gaps(), []);
    }

    #[test]
    fn foreign_rows_of_a_log_that_was_made_anew_are_not_looked_for() {
        let mut logs = LogEnds::default();
        logs.track(changelog(), 5);
        logs.grew(&changelog(), 7);
        logs.wrote(&changelog(), 9, 10);
        logs.start_over();
        logs.track(changelog(), 6);
        assert_eq!(logs.gaps(), [gap(5, 6)]);
        logs.track(changelog(), 0);
        assert_eq!(logs.gaps(), []);
    }
}
