//! The partitions that a task reads.

use std::collections::{BTreeMap, BTreeSet};

use super::{GroupTopology, TaskId};
use crate::TopicPartition;

/// Partitions of source topics by the task that reads them.
pub type TaskInputs = BTreeMap<TaskId, BTreeSet<TopicPartition>>;

/// The partitions that tasks of `topology` read if topics have `counts` partitions: from each
/// source topic the one with the task's number, if it exists. One of several merged topics may have
/// fewer than the others.
pub(crate) fn task_inputs(
    topology: &GroupTopology,
    tasks: impl IntoIterator<Item = TaskId>,
    counts: &BTreeMap<String, i32>,
) -> TaskInputs {
    let inputs_of = |task: TaskId| {
        let part = topology.subtopologies.get(&task.subtopology);
        let topics = part.into_iter().flat_map(|part| {
            part.source_topics.iter().chain(part.repartition_source_topics.keys())
        });
        let has = |topic: &&String| counts.get(*topic).is_some_and(|count| task.partition < *count);
        let partition = |topic: &String| TopicPartition::new(topic.as_str(), task.partition);
        topics.filter(has).map(partition).collect()
    };
    tasks.into_iter().map(|task| (task, inputs_of(task))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::Subtopology;

    #[test]
    fn a_task_reads_the_partition_of_its_number_of_each_topic_that_has_it() {
        let part = Subtopology {
            source_topics: ["a".to_owned(), "b".to_owned()].into(),
            ..Subtopology::default()
        };
        let topology = GroupTopology { subtopologies: [(0, part)].into() };
        let counts = [("a".to_owned(), 2), ("b".to_owned(), 1)].into();
        let tasks = [TaskId::new(0, 0), TaskId::new(0, 1)];
        let inputs = task_inputs(&topology, tasks, &counts);
        let [a, b] = ["a", "b"].map(|topic| TopicPartition::new(topic, 0));
        assert_eq!(inputs[&tasks[0]], [a, b].into());
        assert_eq!(inputs[&tasks[1]], [TopicPartition::new("a", 1)].into());
    }
}
