//! Guests at hosts: two tables that are joined by foreign key.
//!
//! Two sub-topologies, whose topics have different numbers of partitions: subscriptions go one way
//! and answers the other, so that results in between may come in any order, and the last ones may
//! not. The join is a left one: an inner one, as Java's, asks for no answer without a row, and what
//! was joined before may stay.

use streams_core::{
    config::ProcessingGuarantee,
    testing::simulation::{Compare, Random, SimulationBuilder, SimulationRecord, work},
    topology::Topology,
};
use streams_dsl::{KTable, Materialized, StreamsBuilder};

use super::varied;

/// A table of a topic in which an empty value deletes.
fn table(builder: &StreamsBuilder, topic: &str, in_memory: bool) -> KTable<String, String> {
    let rows = builder.stream::<String, String>(topic);
    let rows = rows.map_values(|value| (!value.is_empty()).then(|| value.clone()));
    let store = Materialized::named(topic);
    rows.to_table().stored(if in_memory { store.in_memory() } else { store })
}

fn visiting_topology(random: &mut Random) -> Topology {
    let in_memory = random.per_mille(300);
    let builder = StreamsBuilder::new();
    let guests = table(&builder, "guests", in_memory);
    let hosts = table(&builder, "hosts", in_memory);
    let host = |guest: &String| {
        work();
        guest.split_once('@').map(|(_, host)| host.to_owned())
    };
    let visits = guests.left_join_on(&hosts, host, |guest, host: Option<&String>| {
        format!("{guest} {}", host.map_or("nobody", String::as_str))
    });
    let stored = Materialized::named("visits");
    let stored = if in_memory { stored.in_memory() } else { stored };
    visits.named("visits").stored(stored).to_stream().to("visits");
    builder.build().unwrap()
}

/// Guests, of whom some are at no host, and hosts; some of both go.
fn guests_and_hosts(random: &mut Random) -> Vec<SimulationRecord> {
    let count = 80 + random.below(120);
    let mut record = |n: u64| {
        let at = i64::try_from((n + 1) * 100).unwrap();
        let goes = random.per_mille(150);
        if random.per_mille(650) {
            let (guest, host) = (random.below(7), random.below(5));
            let value = match host {
                _ if goes => String::new(),
                4 => format!("g{}", random.below(3)),
                host => format!("g{}@h{host}", random.below(3)),
            };
            return SimulationRecord::new("guests", format!("k{guest}"), value, at);
        }
        let value = if goes { String::new() } else { format!("v{n}") };
        SimulationRecord::new("hosts", format!("h{}", random.below(4)), value, at)
    };
    (0..count).map(&mut record).collect()
}

/// Scenario of guests who visit hosts: a join by foreign key.
pub fn visiting(seed: u64, guarantee: ProcessingGuarantee) -> SimulationBuilder {
    varied(seed, guarantee, visiting_topology)
        .topic("guests", 2)
        .topic("hosts", 3)
        .topic("visits", 2)
        .input(guests_and_hosts)
        .output("visits", Compare::LastValues)
}
