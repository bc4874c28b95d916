//! A market: people move from town to town and meet there.
//!
//! Two sub-topologies: a table that is grouped anew is aggregated behind a repartition topic;
//! before it are hopping windows and a processor with punctuations.

use std::time::Duration;

use streams_core::{
    config::ProcessingGuarantee,
    serde,
    store::Stores,
    testing::simulation::{Compare, Random, SimulationBuilder, work},
    topology::Topology,
};
use streams_dsl::{Materialized, StreamsBuilder, TimeWindows};

use super::{ticking::Ticker, ticking::counts_have_no_gap, varied, words};

fn market_topology(random: &mut Random) -> Topology {
    let in_memory = random.per_mille(300);
    let builder = StreamsBuilder::new();
    let moves = builder.stream::<String, String>("moves");
    let per_town = Materialized::named("per-town");
    let per_town = if in_memory { per_town.in_memory() } else { per_town };
    moves
        .to_table::<String, String>()
        .group_by(|person, town| {
            work();
            (town.clone(), person.clone())
        })
        .count()
        .stored(per_town)
        .to_stream()
        // A town in which nobody lives has no row: where a cache lets only the newest count
        // through, one that was never seen inhabited has no result at all.
        .map_values(|count| count.filter(|count| *count > 0))
        .to("per-town");

    let windows =
        TimeWindows::of_size_and_grace(Duration::from_secs(3), Duration::from_secs(3_600))
            .advance_by(Duration::from_secs(1));
    moves.group_by_key().windowed_by(windows).count().stored("windows").to_stream().to("windows");

    let ticks = Stores::key_value("ticks", serde::string(), serde::long());
    let ticks = builder.add_state_store(if in_memory { ticks.in_memory() } else { ticks });
    moves.process_with(&ticks, |counts| Ticker { counts }).to("ticks");
    builder.build().unwrap()
}

/// A market: how many live in each town, who moved how often in some seconds, and how often at all.
pub fn market(seed: u64, guarantee: ProcessingGuarantee) -> SimulationBuilder {
    let market = varied(seed, guarantee, market_topology)
        .topic("moves", 3)
        .topic("per-town", 2)
        .topic("windows", 3)
        .topic("ticks", 2)
        .input(|random| words("moves", random))
        .output("per-town", Compare::LastValues)
        .output("windows", Compare::LastValues);
    if guarantee == ProcessingGuarantee::ExactlyOnceV2 {
        market.check(|outcome| counts_have_no_gap(outcome, "ticks"))
    } else {
        market
    }
}
