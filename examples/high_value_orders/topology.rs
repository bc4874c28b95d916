//! The topology: what is computed from orders and customers.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use streams_core::{Result, serde::json, topology::Topology};
use streams_dsl::{Consumed, Materialized, StreamsBuilder, TimeWindows};

use crate::{
    args::Store,
    input::{Customer, Order},
};

/// Orders, keyed by customer id.
pub(crate) const ORDERS: &str = "orders";
/// Customers, keyed by customer id.
pub(crate) const CUSTOMERS: &str = "customers";
/// Orders above the limit.
pub(crate) const HIGH_VALUE_ORDERS: &str = "high-value-orders";
/// Number of orders by customer.
pub(crate) const ORDERS_PER_CUSTOMER: &str = "orders-per-customer";
/// Orders with their customer.
pub(crate) const ENRICHED_ORDERS: &str = "enriched-orders";
/// Number of orders by customer and hour.
pub(crate) const ORDERS_PER_HOUR: &str = "orders-per-hour";

/// All topics that the application does not make itself.
pub(crate) const TOPICS: [&str; 6] =
    [ORDERS, CUSTOMERS, HIGH_VALUE_ORDERS, ORDERS_PER_CUSTOMER, ENRICHED_ORDERS, ORDERS_PER_HOUR];

/// Length of the windows.
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

/// An order beside what was known of its customer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EnrichedOrder {
    #[serde(flatten)]
    order: Order,
    customer: Customer,
}

/// The topology, with all its stores on disk or in memory.
pub(crate) fn topology(min_amount: f64, store: Store) -> Result<Topology> {
    let builder = StreamsBuilder::new()
        .serde::<Order>(json())
        .serde::<Customer>(json())
        .serde::<EnrichedOrder>(json());

    let orders = builder.stream::<String, Order>(ORDERS);
    orders.filter(move |_, order| order.amount > min_amount).to(HIGH_VALUE_ORDERS);

    orders
        .group_by(|_, order| order.customer_id.clone())
        .count()
        .stored(kept("orders-per-customer", store))
        .to_stream()
        .to(ORDERS_PER_CUSTOMER);

    let customers = match store {
        Store::Rocksdb => builder.table::<String, Customer>(CUSTOMERS),
        Store::Memory => builder
            .table(Consumed::topic(CUSTOMERS))
            .stored(Materialized::named("customers").in_memory()),
    };
    orders
        .join(&customers, |order, customer| EnrichedOrder {
            order: order.clone(),
            customer: customer.clone(),
        })
        .to(ENRICHED_ORDERS);

    orders
        .group_by_key()
        .windowed_by(TimeWindows::of_size_with_no_grace(HOUR))
        .count()
        .stored(kept("orders-per-hour", store))
        .to_stream()
        .to(ORDERS_PER_HOUR);

    builder.build()
}

/// The store of this name, on disk or in memory.
fn kept<K>(name: &str, store: Store) -> Materialized<K, i64> {
    match store {
        Store::Rocksdb => Materialized::named(name),
        Store::Memory => Materialized::named(name).in_memory(),
    }
}
