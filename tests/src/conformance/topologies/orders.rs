//! The orders topology, whose values are JSON.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use streams_core::serde::{json, string};
use streams_dsl::{Consumed, Produced, StreamsBuilder, TimeWindows, time_windowed};

use super::Dsl;

pub(super) const TOPOLOGIES: Dsl = &[("orders", orders)];

#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names in the JSON")]
struct Order {
    order_id: String,
    customer_id: String,
    amount: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Customer {
    customer_id: String,
    name: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct EnrichedOrder {
    order_id: String,
    customer_id: String,
    amount: i64,
    name: String,
}

fn enrich(order: &Order, customer: &Customer) -> EnrichedOrder {
    let Order { order_id, customer_id, amount } = order.clone();
    EnrichedOrder { order_id, customer_id, amount, name: customer.name.clone() }
}

fn orders(b: &StreamsBuilder) {
    let orders = b.stream(Consumed::topic("orders").with(string(), json::<Order>()));
    let customers = b.table(Consumed::topic("customers").with(string(), json::<Customer>()));
    orders.filter(|_, order| order.amount > 1000).to("high-value-orders");

    let by_customer = orders.group_by(|_, order| order.customer_id.clone());
    by_customer.count().stored("orders-per-customer").to_stream().to("orders-per-customer");

    let enriched = orders.select_key(|_, order| order.customer_id.clone()).join(&customers, enrich);
    enriched.to(Produced::topic("enriched-orders").with_value_serde(json()));

    let hour = Duration::from_secs(3600);
    let by_customer = orders.group_by(|_, order| order.customer_id.clone());
    let per_hour = by_customer.windowed_by(TimeWindows::of_size_with_no_grace(hour)).count();
    let keys = time_windowed(string(), hour);
    per_hour.to_stream().to(Produced::topic("orders-per-hour").with_key_serde(keys));
}
