//! What the configuration says of how a topology is built.

use streams_core::config::{
    DslStore, DslStoreFormat, TopologyOptimization, UpgradeFrom, ValidConfig,
};

/// Settings of one build; by default none of them is on.
#[expect(clippy::struct_excessive_bools, reason = "independent switches of the configuration")]
#[derive(Clone, Copy, Debug, Default)]
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
    /// Changelogs of stores on disk have the headers of the records that deleted rows (`dsl.store.format`).
    pub(crate) header_stores: bool,
    /// Stores and repartition topics must have names of the user (`ensure.explicit.internal.resource.naming`).
    pub(crate) explicit_names: bool,
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
