//! Partition counts of topics, as an instance sees them.
//!
//! All tasks of an instance share one view, so that the records of a key go to one partition
//! whichever task writes them. It is renewed with the metadata (`metadata.max.age.ms`). Invariant:
//! the version changes whenever a count does.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use parking_lot::RwLock;

/// The view of an instance.
#[derive(Debug, Default)]
pub(crate) struct PartitionCounts {
    counts: RwLock<BTreeMap<String, i32>>,
    version: AtomicU64,
}

impl PartitionCounts {
    /// Version of the view, which tells whether counts are stale. Read for each record that a sink
    /// writes.
    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The topics that were looked up.
    pub(crate) fn topics(&self) -> Vec<String> {
        self.counts.read().keys().cloned().collect()
    }

    /// Enters the first look at a topic. Returns the count that all share, which may be an earlier
    /// one.
    pub(crate) fn learn(&self, topic: &str, partitions: i32) -> i32 {
        *self.counts.write().entry(topic.to_owned()).or_insert(partitions)
    }

    /// Enters later looks. A topic that has fewer partitions than before was recreated.
    pub(crate) fn renew(&self, seen: &BTreeMap<String, i32>) {
        let mut counts = self.counts.write();
        let mut changed = false;
        for (topic, partitions) in seen {
            let known = counts.insert(topic.clone(), *partitions);
            changed |= known.is_some_and(|known| known != *partitions);
        }
        if changed {
            self.version.fetch_add(1, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(topic: &str, partitions: i32) -> BTreeMap<String, i32> {
        BTreeMap::from([(topic.to_owned(), partitions)])
    }

    #[test]
    fn the_version_changes_with_a_count_and_not_with_a_look() {
        let counts = PartitionCounts::default();
        assert_eq!(counts.learn("out", 2), 2);
        assert_eq!(counts.learn("out", 3), 2, "who looks later goes by the same view");
        let first = counts.version();
        counts.renew(&seen("out", 2));
        counts.renew(&seen("in", 1));
        assert_eq!(counts.version(), first);
        counts.renew(&seen("out", 3));
        assert_ne!(counts.version(), first);
        assert_eq!((counts.learn("out", 1), counts.learn("in", 9)), (3, 1));
    }
}
