//! The topologies of the catalogue, by id.
//!
//! One file a group, as in the catalogue. Each entry builds one topology as the catalogue words it:
//! the order of the statements decides the names of its nodes. Keys and values that may be null are
//! `Option`s.

mod aggregation;
mod cogroup;
mod failure;
mod foreign_key;
mod global;
mod optimisation;
mod orders;
mod process;
mod processor;
mod repartition;
mod session;
mod stateless;
mod stores;
mod stream_join;
mod suppress;
mod table;
mod table_join;
mod table_table;
mod versioned;
mod window;

use streams_core::{BoxError, config::StreamsConfig, topology::Topology};
use streams_dsl::StreamsBuilder;

/// Maker of a topology.
#[derive(Clone, Copy, Debug)]
pub(super) enum Build {
    /// From nodes.
    Processors(fn() -> Built),
    /// From streams and tables.
    Dsl(fn(&StreamsBuilder)),
}

/// A topology, or why it can't be built.
type Built = Result<Topology, BoxError>;

/// The topologies of a group made from nodes.
type Processors = &'static [(&'static str, fn() -> Built)];

/// The topologies of a group made from streams and tables.
type Dsl = &'static [(&'static str, fn(&StreamsBuilder))];

const PROCESSORS: [Processors; 2] = [processor::TOPOLOGIES, stores::TOPOLOGIES];

const DSL: &[Dsl] = &[
    stateless::TOPOLOGIES,
    aggregation::TOPOLOGIES,
    table::TOPOLOGIES,
    window::TOPOLOGIES,
    cogroup::TOPOLOGIES,
    session::TOPOLOGIES,
    repartition::TOPOLOGIES,
    table_join::TOPOLOGIES,
    global::TOPOLOGIES,
    table_table::TOPOLOGIES,
    foreign_key::TOPOLOGIES,
    suppress::TOPOLOGIES,
    stream_join::TOPOLOGIES,
    versioned::TOPOLOGIES,
    process::TOPOLOGIES,
    failure::TOPOLOGIES,
    orders::TOPOLOGIES,
    optimisation::TOPOLOGIES,
];

impl Build {
    /// The topology for a configuration.
    pub(super) fn topology(self, config: &StreamsConfig) -> Built {
        match self {
            Self::Processors(build) => build(),
            Self::Dsl(build) => {
                let builder = StreamsBuilder::new();
                build(&builder);
                Ok(builder.build_with(config)?)
            }
        }
    }
}

/// Returns the maker of the topology of this id.
pub(super) fn find(id: &str) -> Option<Build> {
    let of_nodes = PROCESSORS.into_iter().flatten().find(|(known, _)| *known == id);
    let of_streams = DSL.iter().copied().flatten().find(|(known, _)| *known == id);
    of_nodes
        .map(|(_, build)| Build::Processors(*build))
        .or_else(|| of_streams.map(|(_, build)| Build::Dsl(*build)))
}

/// Settings that belong to a topology itself.
pub(super) fn config_of(id: &str) -> &'static [(&'static str, &'static str)] {
    if id.ends_with("-all") || id.ends_with("-optimised") {
        &[("topology.optimization", "all")]
    } else {
        &[]
    }
}

/// Why there is no topology of this id.
pub(super) fn why_missing(id: &str) -> String {
    format!("topology {id} is not implemented")
}
