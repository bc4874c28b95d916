//! Where the changelogs of a thread's running tasks end, and what others wrote to them.
//!
//! The offsets of a thread's own records show what came between them. What to do about it is for `mend` to say.

use std::collections::BTreeMap;

use crate::TopicPartition;

/// Offsets of a changelog that another writer got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) changelog: TopicPartition,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// How far a thread knows its changelogs.
#[derive(Default)]
pub(super) struct LogEnds {
    /// Where each ends, as far as this thread wrote or restored it, or saw it grow.
    ends: BTreeMap<TopicPartition, i64>,
    /// What others wrote, and was not written anew.
    gaps: Vec<Gap>,
}

impl LogEnds {
    /// A task begins to write to a changelog, which is restored up to here.
    pub(super) fn track(&mut self, changelog: TopicPartition, end: i64) {
        self.ends.insert(changelog, end);
    }

    /// A task is given up that wrote to it.
    pub(super) fn forget(&mut self, changelog: &TopicPartition) {
        self.ends.remove(changelog);
        self.gaps.retain(|gap| gap.changelog != *changelog);
    }

    /// All tasks are restored from their last commit, to begin again. What was seen in the log is still to be mended.
    pub(super) fn start_over(&mut self) {
        self.ends.clear();
    }

    /// The changelogs that are written to.
    pub(super) fn changelogs(&self) -> Vec<TopicPartition> {
        self.ends.keys().cloned().collect()
    }

    /// Records of this thread are in a log.
    pub(super) fn wrote(&mut self, to: &TopicPartition, base: i64, next: i64) {
        self.grew(to, base);
        if let Some(end) = self.ends.get_mut(to) {
            *end = next.max(*end);
        }
    }

    /// What is below `end` and this thread did not write, others did.
    pub(super) fn grew(&mut self, changelog: &TopicPartition, end: i64) {
        let Some(known) = self.ends.get_mut(changelog) else { return };
        let from = *known;
        if end > from {
            *known = end;
            self.gaps.push(Gap { changelog: changelog.clone(), from, to: end });
        }
    }

    /// What others wrote, and was not written anew.
    pub(super) fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// Rows in these gaps are about to be written anew.
    pub(super) fn close(&mut self, gaps: &[Gap]) {
        self.gaps.retain(|gap| !gaps.contains(gap));
    }

    /// That failed.
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
        logs.forget(&changelog());
        assert_eq!(logs.gaps(), []);
    }
}
