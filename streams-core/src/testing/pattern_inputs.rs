//! Topics that a driver reads by pattern.

use crate::{
    Result, TopicPartition,
    membership::GroupTopology,
    task::ActiveTask,
    topology::{TopicPattern, Topology},
};

/// The patterns of a topology, each with the number of its source in the driver's task.
#[derive(Debug, Default)]
pub(super) struct PatternInputs {
    patterns: Vec<(TopicPattern, usize)>,
    group_topology: GroupTopology,
    application_id: String,
}

impl PatternInputs {
    /// The patterns of those sources that are among these nodes of the topology.
    pub(super) fn new(
        topology: &Topology,
        application_id: &str,
        sources: impl Iterator<Item = usize>,
    ) -> Self {
        let patterns = sources.enumerate().filter_map(|(source, node)| {
            let pattern = topology.source_topics(node)?.pattern()?;
            Some((pattern.clone(), source))
        });
        Self {
            patterns: patterns.collect(),
            group_topology: topology.group_topology(application_id, 0, &[].into()),
            application_id: application_id.to_owned(),
        }
    }

    /// Makes the task read a topic if it matches a pattern.
    ///
    /// # Errors
    /// `InvalidTopic` if it matches two patterns.
    pub(super) fn take_in(&self, topic: &str, task: &mut ActiveTask) -> Result {
        let partition = TopicPartition::new(topic, 0);
        if self.patterns.is_empty() || task.inputs().contains(&partition) {
            return Ok(());
        }
        let matched = self.group_topology.matched(&self.application_id, [topic])?;
        let mut parts = matched.subtopologies.values();
        let is_read = parts.any(|part| part.source_topics.contains(topic));
        let reader = self.patterns.iter().find(|(pattern, _)| is_read && pattern.matches(topic));
        if let Some((_, source)) = reader {
            task.add_input(partition, *source);
        }
        Ok(())
    }

    /// The texts of the patterns.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(|(pattern, _)| pattern.as_str())
    }
}
