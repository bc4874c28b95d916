//! Existing and future partition counts of source topics.
//!
//! Invariant: counts only grow while they are derived and come from a finite set, so the iteration
//! ends; a count that is fixed, by the user or by a co-partition group, never changes.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Error, ErrorKind, Result,
    membership::{GroupTopology, Subtopology},
};

/// Partition counts of user topics and repartition topics.
#[derive(Debug, Default)]
pub(super) struct PartitionCounts {
    counts: BTreeMap<String, i32>,
}

impl PartitionCounts {
    pub(super) fn derive(
        topology: &GroupTopology,
        existing: &BTreeMap<String, i32>,
    ) -> Result<Self> {
        let mut derived = Self::default();
        for subtopology in topology.subtopologies.values() {
            for topic in &subtopology.source_topics {
                if let Some(&count) = existing.get(topic) {
                    derived.counts.insert(topic.clone(), count);
                }
            }
        }
        let open = derived.fix(topology)?;
        if topology.has_patterns() {
            // Some of the topics for which they were created may be gone; their contents must still
            // be read.
            for topic in &open {
                derived.raise(topic, existing.get(*topic).copied());
            }
        }
        while derived.grow(topology, &open) {}
        if !topology.has_patterns() {
            derived.check_complete(&open)?;
        }
        derived.check_copartitioned(topology)?;
        Ok(derived)
    }

    pub(super) fn of(&self, topic: &str) -> Option<i32> {
        self.counts.get(topic).copied()
    }

    /// Enters the given counts, then those required by co-partition groups. Returns the topics
    /// whose count is still to be derived.
    fn fix<'t>(&mut self, topology: &'t GroupTopology) -> Result<BTreeSet<&'t str>> {
        let mut open = BTreeSet::new();
        for subtopology in topology.subtopologies.values() {
            for (name, topic) in &subtopology.repartition_source_topics {
                match topic.partitions {
                    Some(count) => {
                        self.counts.insert(name.clone(), count);
                    }
                    None => {
                        open.insert(name.as_str());
                    }
                }
            }
        }
        for group in copartition_groups(topology) {
            self.check_equal(group)?;
            let Some(count) = group.iter().find_map(|topic| self.of(topic)) else { continue };
            for topic in group {
                if open.remove(topic.as_str()) {
                    self.counts.insert(topic.clone(), count);
                }
            }
        }
        Ok(open)
    }

    /// One round over the open topics; returns whether it changed anything.
    fn grow(&mut self, topology: &GroupTopology, open: &BTreeSet<&str>) -> bool {
        let mut changed = false;
        for &topic in open {
            let writers = topology
                .subtopologies
                .values()
                .filter(|subtopology| subtopology.repartition_sink_topics.contains(topic));
            let written = writers.flat_map(sources).filter_map(|source| self.of(source)).max();
            changed |= self.raise(topic, written);
        }
        for group in copartition_groups(topology) {
            let largest = group.iter().filter_map(|topic| self.of(topic)).max();
            for topic in group.iter().filter(|topic| open.contains(topic.as_str())) {
                changed |= self.raise(topic, largest);
            }
        }
        changed
    }

    fn raise(&mut self, topic: &str, count: Option<i32>) -> bool {
        let Some(count) = count.filter(|count| self.of(topic).is_none_or(|old| old < *count))
        else {
            return false;
        };
        self.counts.insert(topic.to_owned(), count);
        true
    }

    fn check_complete(&self, open: &BTreeSet<&str>) -> Result {
        let Some(topic) = open.iter().find(|topic| self.of(topic).is_none()) else {
            return Ok(());
        };
        let text = format!(
            "nothing says how many partitions repartition topic `{topic}` is to have: no sub-topology \
             with source topics writes it; give it a number of partitions"
        );
        Err(Error::new(ErrorKind::Topology, text))
    }

    fn check_copartitioned(&self, topology: &GroupTopology) -> Result {
        copartition_groups(topology).try_for_each(|group| self.check_equal(group))
    }

    /// Checks that the known counts of a co-partition group are equal.
    fn check_equal(&self, group: &BTreeSet<String>) -> Result {
        let known: Vec<(&str, i32)> =
            group.iter().filter_map(|topic| Some((topic.as_str(), self.of(topic)?))).collect();
        let (Some(least), Some(most)) =
            (known.iter().map(|(_, n)| n).min(), known.iter().map(|(_, n)| n).max())
        else {
            return Ok(());
        };
        if least == most {
            return Ok(());
        }
        let counts: Vec<String> =
            known.iter().map(|(topic, count)| format!("`{topic}` has {count}")).collect();
        let text = format!(
            "topics that are joined must have the same number of partitions: {}; change a topic, or \
             repartition one side to the number of the other",
            counts.join(", ")
        );
        Err(Error::new(ErrorKind::InvalidTopic, text))
    }
}

fn copartition_groups(topology: &GroupTopology) -> impl Iterator<Item = &BTreeSet<String>> {
    topology.subtopologies.values().flat_map(|subtopology| &subtopology.copartition_groups)
}

/// All topics that a sub-topology reads, other than changelogs.
pub(super) fn sources(subtopology: &Subtopology) -> impl Iterator<Item = &String> {
    subtopology.source_topics.iter().chain(subtopology.repartition_source_topics.keys())
}
