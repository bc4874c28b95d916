//! Settings of the configuration that shape a topology.

use streams_core::{
    Error, ErrorKind, Result,
    config::{DslStore, DslStoreFormat, TopologyOptimization, UpgradeFrom, ValidConfig},
};

/// Settings of one build; by default none of them is on.
#[expect(clippy::struct_excessive_bools, reason = "independent switches of the configuration")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BuildSettings {
    /// A table's store is restored from the topic that the table reads (`topology.optimization`).
    pub(crate) reuse_source_topics: bool,
    /// Repartition topics below one change of key become one (`topology.optimization`).
    pub(crate) merge_repartition_topics: bool,
    /// A stream that is joined with itself is kept in one store (`topology.optimization`).
    pub(crate) single_store_self_join: bool,
    /// Changes of grouped tables go out in a form that versions up to 3.4 can read
    /// (`upgrade.from`).
    pub(crate) split_changes: bool,
    /// Stores of tables are in memory (`default.dsl.store`).
    pub(crate) in_memory_stores: bool,
    /// Changelogs of stores on disk have the headers of the records that deleted rows
    /// (`dsl.store.format`).
    pub(crate) header_stores: bool,
    /// Stores and repartition topics must have names of the user
    /// (`ensure.explicit.internal.resource.naming`).
    pub(crate) explicit_names: bool,
}

impl BuildSettings {
    /// Refuses the configuration of an instance that asks for another topology than these settings
    /// have made. Java runs such a topology, without what the configuration asks for. What stores
    /// it has by default is the topology's own.
    ///
    /// # Errors
    /// `Config` naming the settings that differ.
    pub(crate) fn check(self, config: &ValidConfig) -> Result {
        let asked = Self::from(config);
        let optimizations = |it: Self| {
            (it.reuse_source_topics, it.merge_repartition_topics, it.single_store_self_join)
        };
        let differing: Vec<_> = [
            ("topology.optimization", optimizations(asked) != optimizations(self)),
            ("upgrade.from", asked.split_changes != self.split_changes),
            (
                "ensure.explicit.internal.resource.naming",
                asked.explicit_names != self.explicit_names,
            ),
        ]
        .into_iter()
        .filter_map(|(key, differs)| differs.then_some(key))
        .collect();
        if differing.is_empty() {
            return Ok(());
        }
        let text = format!(
            "the topology was not built for what the configuration says of {}: build it with \
             `StreamsBuilder::build_with` and this configuration",
            differing.join(", ")
        );
        Err(Error::new(ErrorKind::Config, text))
    }
}

impl From<&ValidConfig> for BuildSettings {
    fn from(config: &ValidConfig) -> Self {
        let on = |optimization| config.topology_optimization().contains(&optimization);
        let last_that_splits = UpgradeFrom::new(3, 4);
        Self {
            reuse_source_topics: on(TopologyOptimization::ReuseKTableSourceTopics),
            merge_repartition_topics: on(TopologyOptimization::MergeRepartitionTopics),
            single_store_self_join: on(TopologyOptimization::SingleStoreSelfJoin),
            split_changes: config.upgrade_from().is_some_and(|from| from <= last_that_splits),
            in_memory_stores: config.default_dsl_store() == DslStore::InMemory,
            header_stores: config.dsl_store_format() == DslStoreFormat::Headers,
            explicit_names: config.ensure_explicit_internal_resource_naming(),
        }
    }
}
