//! The topology in the form of the broker's streams protocol.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::ParseIntError,
};

use kafka_client::group::streams::{
    CopartitionGroup, HostTasks, KeyValue, Subtopology as WireSubtopology, TaskSet, Tasks,
    TopicInfo, Topology,
};

use super::copartition::in_java_order;
use crate::{
    Error, ErrorKind, Result, TaskId, TopicPartition,
    membership::{
        GroupHosts, GroupTopology, HostPartitions, InternalTopic, Subtopology, TaskAssignment,
        TaskInputs,
    },
};

/// The topology for the broker, which creates the internal topics: with `replication_factor`
/// copies, or with its own default for -1.
///
/// Everything is sent exactly as by a member of Java, including the -1 and the order: the broker
/// refuses a member whose topology differs from the group's.
pub(super) fn to_wire(topology: &GroupTopology, replication_factor: i16) -> Topology {
    let parts = topology.subtopologies.iter();
    let parts = parts.map(|(number, part)| subtopology(*number, part, replication_factor));
    Topology { epoch: 0, subtopologies: parts.collect() }
}

fn subtopology(number: u32, part: &Subtopology, replication_factor: i16) -> WireSubtopology {
    let sources: Vec<String> = part.source_topics.iter().cloned().collect();
    let repartition: Vec<&String> = part.repartition_source_topics.keys().collect();
    let index_in = |names: &[&String], group: &[&str]| -> Vec<i16> {
        let index = |topic: &&str| names.iter().zip(0..).find(|(name, _)| name.as_str() == *topic);
        group.iter().filter_map(index).map(|(_, index)| index).collect()
    };
    let source_names: Vec<&String> = sources.iter().collect();
    let groups =
        in_java_order(&part.copartition_groups).into_iter().map(|group| CopartitionGroup {
            source_topics: index_in(&source_names, &group),
            source_topic_regex: Vec::new(),
            repartition_source_topics: index_in(&repartition, &group),
        });
    let topics = |topics: &BTreeMap<String, InternalTopic>| {
        topics.iter().map(|(name, topic)| topic_info(name, topic, replication_factor)).collect()
    };
    WireSubtopology {
        subtopology_id: number.to_string(),
        copartition_groups: groups.collect(),
        source_topics: sources,
        source_topic_regex: Vec::new(),
        state_changelog_topics: topics(&part.changelog_topics),
        repartition_sink_topics: part.repartition_sink_topics.iter().cloned().collect(),
        repartition_source_topics: topics(&part.repartition_source_topics),
    }
}

fn topic_info(name: &str, topic: &InternalTopic, replication_factor: i16) -> TopicInfo {
    let configs = topic.config.iter();
    let configs = configs.map(|(key, value)| KeyValue { key: key.clone(), value: value.clone() });
    TopicInfo {
        name: name.to_owned(),
        partitions: topic.partitions.unwrap_or(0),
        replication_factor,
        topic_configs: configs.collect(),
    }
}

/// Tasks in the client crate's type.
pub(super) fn tasks_to_wire(tasks: &TaskAssignment) -> Tasks {
    let role = |tasks: &BTreeSet<TaskId>| {
        let mut set = TaskSet::new();
        for task in tasks {
            set.entry(task.subtopology.to_string()).or_default().insert(task.partition);
        }
        set
    };
    Tasks {
        active: role(&tasks.active),
        standby: role(&tasks.standby),
        warmup: role(&tasks.warmup),
    }
}

/// Tasks that the broker names.
///
/// # Errors
/// `Fatal` if a sub-topology is not one of those sent.
pub(super) fn tasks_from_wire(tasks: &Tasks) -> Result<TaskAssignment> {
    let role = |set: &TaskSet| -> Result<BTreeSet<TaskId>> {
        let mut tasks = BTreeSet::new();
        for (id, partitions) in set {
            let number = id.parse().map_err(|cause: ParseIntError| {
                let text = format!("the group's coordinator assigned sub-topology `{id}`");
                Error::with_source(ErrorKind::Fatal, text, cause)
            })?;
            tasks.extend(partitions.iter().map(|partition| TaskId::new(number, *partition)));
        }
        Ok(tasks)
    };
    Ok(TaskAssignment {
        active: role(&tasks.active)?,
        standby: role(&tasks.standby)?,
        warmup: role(&tasks.warmup)?,
        inputs: TaskInputs::new(),
    })
}

/// Hosts of the group's tasks according to the broker.
pub(super) fn hosts_from_wire(hosts: Vec<HostTasks>) -> GroupHosts {
    let partitions = |partitions: Vec<kafka_client::TopicPartition>| {
        let convert = |partition: kafka_client::TopicPartition| {
            TopicPartition::new(partition.topic, partition.partition)
        };
        partitions.into_iter().map(convert).collect()
    };
    let mut found = GroupHosts::new();
    for HostTasks { host, port, active, standby } in hosts {
        let of_host: &mut HostPartitions = found.entry(format!("{host}:{port}")).or_default();
        of_host.active = partitions(active);
        of_host.standby = partitions(standby);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topology_names_its_topics_and_groups_them_by_index() {
        let internal = |partitions| InternalTopic {
            partitions,
            config: [("cleanup.policy".to_owned(), "compact".to_owned())].into(),
        };
        let part = Subtopology {
            source_patterns: Vec::new(),
            source_topics: ["a".to_owned(), "b".to_owned(), "c".to_owned()].into(),
            repartition_source_topics: [("app-r-repartition".to_owned(), internal(Some(3)))].into(),
            repartition_sink_topics: ["app-s-repartition".to_owned()].into(),
            changelog_topics: [("app-store-changelog".to_owned(), internal(None))].into(),
            copartition_groups: vec![["c".to_owned(), "app-r-repartition".to_owned()].into()],
            stateful: true,
        };
        let topology = GroupTopology { subtopologies: [(4, part)].into() };
        let wire = to_wire(&topology, -1);
        let part = &wire.subtopologies[0];
        assert_eq!((wire.epoch, part.subtopology_id.as_str()), (0, "4"));
        assert_eq!(part.source_topics, ["a", "b", "c"]);
        assert_eq!(part.copartition_groups[0].source_topics, [2]);
        assert_eq!(part.copartition_groups[0].repartition_source_topics, [0]);
        assert_eq!(part.repartition_source_topics[0].partitions, 3);
        let changelog = &part.state_changelog_topics[0];
        assert_eq!((changelog.partitions, changelog.replication_factor), (0, -1));
        assert_eq!(changelog.topic_configs[0].key, "cleanup.policy");
        assert_eq!(
            to_wire(&topology, 3).subtopologies[0].state_changelog_topics[0].replication_factor,
            3
        );
    }

    #[test]
    fn tasks_are_read_as_they_were_written() {
        let tasks = TaskAssignment {
            active: [TaskId::new(0, 1), TaskId::new(12, 0)].into(),
            standby: [TaskId::new(0, 2)].into(),
            warmup: [TaskId::new(1, 0)].into(),
            ..TaskAssignment::default()
        };
        assert_eq!(tasks_from_wire(&tasks_to_wire(&tasks)).unwrap(), tasks);
        let active = [("odd".to_owned(), [0].into())].into();
        let odd = Tasks { active, ..Tasks::default() };
        assert_eq!(tasks_from_wire(&odd).unwrap_err().kind(), ErrorKind::Fatal);
    }
}
