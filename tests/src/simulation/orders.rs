//! The orders of the example: a filter, a repartitioned count, a join with customers and hourly
//! windows, in JSON.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use streams_core::{
    config::ProcessingGuarantee,
    serde::json,
    testing::simulation::{Compare, Random, SimulationBuilder, SimulationRecord, work},
    topology::Topology,
};
use streams_dsl::{Consumed, Materialized, StreamsBuilder, TimeWindows};

use super::varied;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names in the JSON")]
struct Order {
    order_id: u64,
    customer_id: String,
    amount: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Customer {
    name: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct EnrichedOrder {
    order: Order,
    customer: Customer,
}

fn orders_topology(random: &mut Random) -> Topology {
    let in_memory = random.per_mille(300);
    let builder = StreamsBuilder::new()
        .serde::<Order>(json())
        .serde::<Customer>(json())
        .serde::<EnrichedOrder>(json());
    let orders = builder.stream::<String, Order>("orders");
    let is_high = |_: &String, order: &Order| {
        work();
        order.amount > 1_000.0
    };
    orders.filter(is_high).to("high-value-orders");

    let count = Materialized::named("orders-per-customer");
    orders
        .group_by(|_, order| order.customer_id.clone())
        .count()
        .stored(if in_memory { count.in_memory() } else { count })
        .to_stream()
        .to("orders-per-customer");

    let customers = Materialized::<String, Customer>::named("customers");
    let customers = if in_memory { customers.in_memory() } else { customers };
    let customers = builder.table(Consumed::topic("customers")).stored(customers);
    orders
        .join(&customers, |order: &Order, customer: &Customer| EnrichedOrder {
            order: order.clone(),
            customer: customer.clone(),
        })
        .to("enriched-orders");

    let hours = Materialized::named("orders-per-hour");
    orders
        .group_by_key()
        .windowed_by(TimeWindows::of_size_with_no_grace(Duration::from_secs(3_600)))
        .count()
        .stored(if in_memory { hours.in_memory() } else { hours })
        .to_stream()
        .to("orders-per-hour");
    builder.build().unwrap()
}

fn record<V: Serialize>(topic: &str, key: &str, value: &V, time: i64) -> SimulationRecord {
    SimulationRecord::new(topic, key, serde_json::to_vec(value).unwrap(), time)
}

fn customers(_random: &mut Random) -> Vec<SimulationRecord> {
    let customer = |n: u64| {
        let name = format!("customer {n}");
        record("customers", &format!("c{n}"), &Customer { name }, 0)
    };
    (0..6).map(customer).collect()
}

/// An order a minute, of seven customers; one of them nobody knows.
fn orders_of_some_hours(random: &mut Random) -> Vec<SimulationRecord> {
    let count = 60 + random.below(120);
    let order = |order_id: u64| {
        let customer_id = format!("c{}", random.below(7));
        let amount = f64::from(u32::try_from(random.below(2_000)).unwrap());
        let order = Order { order_id, customer_id: customer_id.clone(), amount };
        // Behind the customers, which are all of the time 0.
        record("orders", &customer_id, &order, i64::try_from(order_id + 1).unwrap() * 60_000)
    };
    (0..count).map(order).collect()
}

/// Orders whose results are those of one sequential run.
pub fn orders(seed: u64, guarantee: ProcessingGuarantee) -> SimulationBuilder {
    varied(seed, guarantee, orders_topology)
        .topic("orders", 3)
        .topic("customers", 3)
        .topic("high-value-orders", 2)
        .topic("orders-per-customer", 2)
        .topic("enriched-orders", 3)
        .topic("orders-per-hour", 3)
        .input_before(customers)
        .input(orders_of_some_hours)
        .output("high-value-orders", Compare::Records)
        .output("orders-per-customer", Compare::LastValues)
        .output("enriched-orders", Compare::Records)
        .output("orders-per-hour", Compare::LastValues)
}
