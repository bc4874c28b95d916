//! Tasks and internal topics of a topology on a given cluster.
//!
//! A pure function of the topology and of the existing partition counts, so that every coordinator
//! comes to the same answer. Invariant: a result is complete and consistent, or it is an error that
//! names topics, counts and the remedy.

mod partition_counts;

use std::collections::{BTreeMap, BTreeSet};

use self::partition_counts::PartitionCounts;
use super::{GroupTopology, InternalTopic, NewTopic, Subtopology};
use crate::{Error, ErrorKind, Result, TaskId};

/// The tasks of a topology and the internal topics that it needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InternalTopics {
    /// Every task.
    pub tasks: BTreeSet<TaskId>,
    /// Number of tasks of each sub-topology.
    pub task_counts: BTreeMap<u32, i32>,
    /// Sub-topologies whose tasks have state to restore.
    pub stateful: BTreeSet<u32>,
    /// Internal topics that do not exist yet.
    pub to_create: Vec<NewTopic>,
}

impl InternalTopics {
    /// The error for internal topics of an application that the cluster refuses to create: for lack
    /// of access, or for the reason in the cause.
    pub(crate) fn refused<'a>(
        application_id: &str,
        topics: impl IntoIterator<Item = &'a NewTopic>,
        denied: bool,
    ) -> String {
        let names: Vec<&str> = topics.into_iter().map(|topic| &*topic.name).collect();
        let names = names.join(", ");
        let advice = if denied {
            format!(
                ", for the principal lacks access: allow Create on topics with the prefix `{application_id}-`, or create \
                 them"
            )
        } else {
            String::new()
        };
        format!("internal topics can't be created{advice}: {names}")
    }

    /// Derives tasks and internal topics from `topology` and `existing`, the partition counts of
    /// the topics on the cluster. New topics get `replication_factor` copies; -1 leaves it to the
    /// cluster.
    ///
    /// A repartition topic without a fixed number of partitions gets the largest number among the
    /// sources of the sub-topologies that write it, and then the number of the topics it must be
    /// co-partitioned with; a changelog topic gets one partition per task. Java's
    /// `RepartitionTopics`, `CopartitionedTopicsEnforcer` and `ChangelogTopics`.
    ///
    /// In a topology with patterns, the matching topics are [among its source
    /// topics](GroupTopology::matched). A sub-topology whose number of partitions none of them
    /// determines has no tasks and its topics are not created yet, and internal topics may have
    /// more partitions than tasks if topics were deleted.
    ///
    /// # Errors
    /// `MissingSourceTopic` if a topic of the user does not exist, `InvalidTopic` if partition
    /// counts contradict each other or an internal topic exists with another count, `Topology` if
    /// nothing determines the number of partitions of a repartition topic.
    pub fn derive(
        topology: &GroupTopology,
        existing: &BTreeMap<String, i32>,
        replication_factor: i16,
    ) -> Result<Self> {
        check_source_topics(topology, existing)?;
        let counts = PartitionCounts::derive(topology, existing)?;
        let mut derived = Self::default();
        let mut wrong = Vec::new();
        for (&number, subtopology) in &topology.subtopologies {
            let tasks = task_count(subtopology, &counts);
            derived.tasks.extend((0..tasks).map(|partition| TaskId::new(number, partition)));
            derived.task_counts.insert(number, tasks);
            if subtopology.stateful {
                derived.stateful.insert(number);
            }
            let follows = !subtopology.source_patterns.is_empty();
            for (name, topic, partitions) in internal_topics(subtopology, &counts, tasks) {
                match existing.get(name) {
                    // Tasks whose topics are gone come back when such topics do.
                    Some(&actual) if follows && actual > partitions => {}
                    Some(&actual) if actual != partitions => {
                        wrong.push(format!("`{name}` has {actual} instead of {partitions}"));
                    }
                    Some(_) => {}
                    None => derived.to_create.push(NewTopic {
                        name: name.clone(),
                        partitions,
                        replication_factor,
                        config: topic.config.clone(),
                    }),
                }
            }
        }
        if wrong.is_empty() { Ok(derived) } else { Err(wrong_partition_counts(&wrong)) }
    }

    /// The tasks that have state to restore.
    pub fn stateful_tasks(&self) -> BTreeSet<TaskId> {
        let stateful = |task: &&TaskId| self.stateful.contains(&task.subtopology);
        self.tasks.iter().filter(stateful).copied().collect()
    }
}

fn check_source_topics(topology: &GroupTopology, existing: &BTreeMap<String, i32>) -> Result {
    let missing: Vec<String> = topology
        .subtopologies
        .iter()
        .flat_map(|(number, subtopology)| {
            subtopology.source_topics.iter().map(move |t| (number, t))
        })
        .filter(|(_, topic)| !existing.contains_key(*topic))
        .map(|(number, topic)| format!("`{topic}` of sub-topology {number}"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    let text = format!("source topics do not exist: {missing}; create them and start again");
    Err(Error::new(ErrorKind::MissingSourceTopic, text))
}

/// A sub-topology has as many tasks as its largest source topic has partitions.
fn task_count(subtopology: &Subtopology, counts: &PartitionCounts) -> i32 {
    partition_counts::sources(subtopology).filter_map(|topic| counts.of(topic)).max().unwrap_or(0)
}

fn internal_topics<'a>(
    subtopology: &'a Subtopology,
    counts: &'a PartitionCounts,
    tasks: i32,
) -> impl Iterator<Item = (&'a String, &'a InternalTopic, i32)> {
    let repartition = subtopology
        .repartition_source_topics
        .iter()
        .map(move |(name, topic)| (name, topic, counts.of(name).unwrap_or(0)));
    let changelog = subtopology.changelog_topics.iter().map(move |(name, topic)| {
        let partitions = if tasks == 0 { 0 } else { topic.partitions.unwrap_or(tasks) };
        (name, topic, partitions)
    });
    // Nothing reads topics without partitions yet.
    repartition.chain(changelog).filter(|(_, _, partitions)| *partitions > 0)
}

fn wrong_partition_counts(wrong: &[String]) -> Error {
    let text = format!(
        "internal topics exist with other partition counts than the topology needs: {}; reset the \
         application or delete these topics, then start again",
        wrong.join(", ")
    );
    Error::new(ErrorKind::InvalidTopic, text)
}

#[cfg(test)]
mod tests;
