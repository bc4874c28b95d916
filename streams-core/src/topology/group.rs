//! The topology as a group coordinator sees it, with Java's names and settings of internal topics.

use std::collections::{BTreeMap, BTreeSet};

use super::{NodeKind, TopicPattern, Topology};
use crate::{
    membership::{GroupTopology, InternalTopic, Subtopology},
    store::StoreSpec,
};

/// Java's `VERSIONED_STORE_CHANGE_LOG_ADDITIONAL_COMPACTION_LAG_MS`.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

impl Topology {
    /// Topics and internal topics of each sub-topology that has tasks, by their names on the
    /// cluster. `additional_retention_ms` is `windowstore.changelog.additional.retention.ms`;
    /// `overrides` are the settings given with the prefix `topic.`.
    pub fn group_topology(
        &self,
        application_id: &str,
        additional_retention_ms: i64,
        overrides: &BTreeMap<String, String>,
    ) -> GroupTopology {
        let subtopologies = self.task_subtopology_ids().into_iter().map(|id| {
            let subtopology =
                self.group_subtopology(id, application_id, additional_retention_ms, overrides);
            (id, subtopology)
        });
        GroupTopology { subtopologies: subtopologies.collect() }
    }

    fn group_subtopology(
        &self,
        id: u32,
        application_id: &str,
        additional_retention_ms: i64,
        overrides: &BTreeMap<String, String>,
    ) -> Subtopology {
        let mut group = Subtopology::default();
        let nodes = self.nodes_of(id);
        for node in nodes.iter().filter_map(|index| self.nodes.get(*index)) {
            match &node.kind {
                NodeKind::Source { topics, .. } => {
                    for topic in topics.named() {
                        self.add_source_topic(application_id, topic, overrides, &mut group);
                    }
                }
                NodeKind::Sink { topic: Some(topic), .. }
                    if self.repartition.contains_key(topic) =>
                {
                    let name = self.topic_name(application_id, topic);
                    group.repartition_sink_topics.insert(name);
                }
                NodeKind::Sink { .. } | NodeKind::Processor { .. } => {}
            }
        }
        for store in self.stores_of(id).into_iter().filter_map(|index| self.stores.get(index)) {
            group.stateful |= store.spec.logging;
            if store.spec.logging && store.source_changelog.is_none() {
                let topic = changelog_topic(application_id, &store.spec.name);
                let mut config = changelog_config(&store.spec, additional_retention_ms);
                config.extend(overrides.clone());
                config.extend(store.spec.changelog_config.clone());
                group.changelog_topics.insert(topic, InternalTopic { partitions: None, config });
            }
        }
        group.copartition_groups = self.copartitioned(&nodes, application_id);
        group.source_patterns = self.patterns(&nodes);
        group
    }

    /// The patterns that the sources among these nodes read, each with its co-partition groups.
    fn patterns(&self, nodes: &[usize]) -> Vec<(TopicPattern, BTreeSet<usize>)> {
        let groups: Vec<_> = self.copartition_groups_of(nodes).collect();
        let groups_of = |node: usize| {
            let inside = groups.iter().enumerate().filter(|(_, group)| group.contains(&node));
            inside.map(|(index, _)| index).collect()
        };
        let pattern = |node: &usize| {
            let pattern = self.source_topics(*node)?.pattern()?;
            Some((pattern.clone(), groups_of(*node)))
        };
        nodes.iter().filter_map(pattern).collect()
    }

    fn copartition_groups_of(&self, nodes: &[usize]) -> impl Iterator<Item = &BTreeSet<usize>> {
        self.copartition.iter().filter(|group| group.iter().any(|node| nodes.contains(node)))
    }

    fn add_source_topic(
        &self,
        application_id: &str,
        topic: &str,
        overrides: &BTreeMap<String, String>,
        group: &mut Subtopology,
    ) {
        let name = self.topic_name(application_id, topic);
        match self.repartition.get(topic) {
            None => {
                group.source_topics.insert(name);
            }
            Some(def) => {
                let mut config = settings(&[
                    ("cleanup.policy", "delete"),
                    ("retention.ms", "-1"),
                    ("segment.bytes", "52428800"),
                ]);
                config.extend(overrides.clone());
                let topic = InternalTopic { partitions: def.partitions, config };
                group.repartition_source_topics.insert(name, topic);
            }
        }
    }

    fn copartitioned(&self, nodes: &[usize], application_id: &str) -> Vec<BTreeSet<String>> {
        let topics = |group: &BTreeSet<usize>| {
            let topics = group.iter().flat_map(|node| self.topics_of(*node));
            topics.map(|topic| self.topic_name(application_id, topic)).collect()
        };
        self.copartition_groups_of(nodes).map(topics).collect()
    }
}

/// Name of a store's changelog topic. Java's `ProcessorStateManager.storeChangelogTopic`.
///
/// ```
/// use streams_core::topology::changelog_topic;
///
/// assert_eq!(changelog_topic("orders-app", "per-customer"), "orders-app-per-customer-changelog");
/// ```
pub fn changelog_topic(application_id: &str, store: &str) -> String {
    format!("{application_id}-{store}-changelog")
}

fn settings(own: &[(&str, &str)]) -> BTreeMap<String, String> {
    let all = own.iter().chain(&[("message.timestamp.type", "CreateTime")]);
    all.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Java's settings of a changelog: windows are also deleted by age, some time after the store drops
/// them. Stores that keep duplicates are not compacted, since no row replaces another.
fn changelog_config(spec: &StoreSpec, additional_retention_ms: i64) -> BTreeMap<String, String> {
    if let Some(versions) = spec.format.versions() {
        // Keeps versions from being compacted away before they are history.
        let lag_ms = versions.retention_ms.saturating_add(DAY_MS).to_string();
        return settings(&[("cleanup.policy", "compact"), ("min.compaction.lag.ms", &lag_ms)]);
    }
    let Some(retention_ms) = spec.retention_ms else {
        return settings(&[("cleanup.policy", "compact")]);
    };
    let policy = if spec.retain_duplicates { "delete" } else { "compact,delete" };
    let retention_ms = retention_ms.saturating_add(additional_retention_ms).to_string();
    settings(&[("cleanup.policy", policy), ("retention.ms", &retention_ms)])
}
