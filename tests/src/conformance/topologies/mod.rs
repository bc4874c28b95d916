//! The topologies of the catalogue, by id.
//!
//! One file a group, as in the catalogue. Each function builds one topology as the catalogue words it:
//! the order of the statements decides the names of its nodes.

mod processor;
mod stores;

use streams_core::{BoxError, config::StreamsConfig, topology::Topology};

/// Builds a topology for a configuration.
pub(super) type Build = fn(&StreamsConfig) -> Built;

/// A topology, or why it can't be built.
type Built = Result<Topology, BoxError>;

/// The topologies of a group.
type Group = &'static [(&'static str, Build)];

/// The topology of this id.
pub(super) fn find(id: &str) -> Option<Build> {
    let groups: [Group; 2] = [processor::TOPOLOGIES, stores::TOPOLOGIES];
    let mut known = groups.into_iter().flatten();
    known.find(|(known, _)| *known == id).map(|(_, build)| *build)
}

/// Settings that belong to a topology itself.
pub(super) fn config_of(id: &str) -> &'static [(&'static str, &'static str)] {
    if id.ends_with("-all") || id.ends_with("-optimised") {
        &[("topology.optimization", "all")]
    } else {
        &[]
    }
}
