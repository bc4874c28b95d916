//! A shop: a repartitioned count, a stream-table join and hopping windows.

use std::time::Duration;

use streams_core::{
    config::ProcessingGuarantee,
    testing::simulation::{Compare, Random, SimulationBuilder, SimulationRecord, work},
    topology::Topology,
};
use streams_dsl::{Materialized, StreamsBuilder, TimeWindows};

use super::{varied, words};

fn shop_topology(random: &mut Random) -> Topology {
    let in_memory = random.per_mille(300);
    let builder = StreamsBuilder::new();
    let orders = builder.stream::<String, String>("orders");
    let per_product = Materialized::named("per-product");
    let per_product = if in_memory { per_product.in_memory() } else { per_product };
    orders
        .group_by(|_, product| {
            work();
            product.clone()
        })
        .count()
        .stored(per_product)
        .to_stream()
        .to("per-product");
    let customers = builder.table::<String, String>("customers");
    let beside = |order: &String, customer: &String| format!("{order} of {customer}");
    orders.join(&customers, beside).to("enriched");
    let windows =
        TimeWindows::of_size_and_grace(Duration::from_secs(3), Duration::from_secs(3_600))
            .advance_by(Duration::from_secs(1));
    orders.group_by_key().windowed_by(windows).count().stored("windows").to_stream().to("windows");
    builder.build().unwrap()
}

fn customers(_random: &mut Random) -> Vec<SimulationRecord> {
    let customer = |n: i64| SimulationRecord::new("customers", format!("k{n}"), format!("c{n}"), 0);
    (0..6).map(customer).collect()
}

/// A shop; nothing is checked but what always is.
pub fn shop(seed: u64, guarantee: ProcessingGuarantee) -> SimulationBuilder {
    varied(seed, guarantee, shop_topology)
        .topic("orders", 3)
        .topic("customers", 3)
        .topic("per-product", 2)
        .topic("enriched", 3)
        .topic("windows", 3)
        .input_before(customers)
        .input(|random| words("orders", random))
}

/// A shop whose results are those of one sequential run.
pub fn shop_that_compares(seed: u64, guarantee: ProcessingGuarantee) -> SimulationBuilder {
    shop(seed, guarantee)
        .output("per-product", Compare::LastValues)
        .output("enriched", Compare::Records)
        .output("windows", Compare::LastValues)
}
