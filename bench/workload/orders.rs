//! `W1`: the orders topology of the example and of `tests/interop`, with the same fields and names.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use streams_dsl::{Materialized, StreamsBuilder, TimeWindows, serde::json};

/// Orders above this amount go to a separate topic; half of them are.
const MIN_AMOUNT: f64 = 50.0;

#[derive(Clone, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the JSON fields")]
struct Order {
    order_id: String,
    customer_id: String,
    amount: f64,
    items: u32,
    created_at: String,
}

#[derive(Clone, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the JSON fields")]
struct Customer {
    customer_id: String,
    first_purchase: String,
    first_amount: f64,
}

#[derive(Clone, Serialize, Deserialize)]
struct EnrichedOrder {
    #[serde(flatten)]
    order: Order,
    customer: Customer,
}

/// The builder with the serdes of orders.
pub(crate) fn with_serdes(builder: StreamsBuilder) -> StreamsBuilder {
    builder.serde::<Order>(json()).serde::<Customer>(json()).serde::<EnrichedOrder>(json())
}

/// Draws the topology.
pub(crate) fn draw(builder: &StreamsBuilder) {
    let orders = builder.stream::<String, Order>("orders");
    orders.filter(|_, order| order.amount > MIN_AMOUNT).to("high-value-orders");

    let per_customer = orders.group_by(|_, order| order.customer_id.clone()).count();
    per_customer
        .stored(Materialized::named("orders-per-customer"))
        .to_stream()
        .to("orders-per-customer");

    let customers = builder.table::<String, Customer>("customers");
    let enriched = |order: &Order, customer: &Customer| EnrichedOrder {
        order: order.clone(),
        customer: customer.clone(),
    };
    orders.join(&customers, enriched).to("enriched-orders");

    let windows = TimeWindows::of_size_with_no_grace(Duration::from_secs(3_600));
    let per_hour = orders.group_by_key().windowed_by(windows).count();
    per_hour.stored(Materialized::named("orders-per-hour")).to_stream().to("orders-per-hour");
}
