//! The topology: the computation on orders and customers.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use streams_core::{Result, serde::json, topology::Topology};
use streams_dsl::{Consumed, Materialized, Repartitioned, StreamsBuilder, TimeWindows};

use crate::{
    args::{ApplicationArgs, KeyedBy, Store},
    input::Customer,
    order::Order,
};

/// Orders, keyed by customer id or by order id.
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

/// All topics that the application does not create itself.
pub(crate) const TOPICS: [&str; 6] =
    [ORDERS, CUSTOMERS, HIGH_VALUE_ORDERS, ORDERS_PER_CUSTOMER, ENRICHED_ORDERS, ORDERS_PER_HOUR];

/// Length of the windows.
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

/// An order with the data of its customer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EnrichedOrder {
    #[serde(flatten)]
    order: Order,
    customer: Customer,
}

/// The topology for these options of the application.
pub(crate) fn topology(application: &ApplicationArgs) -> Result<Topology> {
    let &ApplicationArgs { min_amount, store, keyed_by, .. } = application;
    let builder = StreamsBuilder::new()
        .serde::<Order>(json())
        .serde::<Customer>(json())
        .serde::<EnrichedOrder>(json());

    // The time of an order is when it was placed, which may be long before it was written.
    let orders = Consumed::<String, Order>::topic(ORDERS).with_timestamp_extractor(|found| {
        Ok(found.record.value.created_at_ms().unwrap_or(found.record.timestamp))
    });
    let orders = match keyed_by {
        KeyedBy::CustomerId => builder.stream(orders),
        KeyedBy::OrderId => builder
            .stream(orders)
            .select_key(|_, order| order.customer_id.clone())
            .repartition(Repartitioned::default())
            .named("orders-by-customer"),
    };
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

/// The store with this name, on disk or in memory.
fn kept<K>(name: &str, store: Store) -> Materialized<K, i64> {
    match store {
        Store::Rocksdb => Materialized::named(name),
        Store::Memory => Materialized::named(name).in_memory(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};
    use streams_core::{
        Headers,
        config::StreamsConfig,
        serde::{SerdeRef, json as json_serde, string},
        testing::{TestRecord, TopologyTestDriver},
    };

    use super::*;
    use crate::args::Cli;

    fn application(arguments: &[&str]) -> ApplicationArgs {
        let program = ["high-value-orders", "--store", "memory"];
        Cli::parse_from(program.iter().chain(arguments)).args.application
    }

    fn values() -> SerdeRef<Value> {
        json_serde()
    }

    #[test]
    fn orders_that_are_keyed_by_themselves_are_counted_by_customer_and_keep_their_headers() {
        let topology = topology(&application(&["--keyed-by", "order-id"])).unwrap();
        let config = StreamsConfig::new("app", "unused:9092");
        let driver = TopologyTestDriver::new(&topology, config).unwrap();
        let mut headers = Headers::new();
        headers.add("event_type", Some(b"order.created"));
        headers.add("source", Some(b"web"));
        let mut orders = driver.input_topic(ORDERS, string(), values());
        // Placed in the first hour, in the second, and at the record's time, which is in the second
        // too.
        let placed =
            [json!("1997-01-01T00:10:00Z"), json!(852_076_800_000_i64 + 3_700_000), json!(null)];
        for (number, created_at) in placed.into_iter().enumerate() {
            let mut order = json!({
                "order_id": format!("o{number}"), "customer_id": "c1", "amount": 1500.5,
                "items": ["pen", "ink"], "created_at": created_at,
            });
            if created_at.is_null() {
                order.as_object_mut().unwrap().remove("created_at");
            }
            let record = TestRecord::new(format!("o{number}"), order, 852_076_800_000 + 3_800_000);
            orders.pipe_record(&record.with_headers(headers.clone())).unwrap();
        }
        let high = driver.output_topic(HIGH_VALUE_ORDERS, string(), values());
        for record in high.read_records_to_list().unwrap() {
            assert_eq!(record.key, "c1");
            assert_eq!(record.value["items"], json!(["pen", "ink"]));
            assert_eq!(record.headers, headers);
        }
        let per_customer =
            driver.output_topic(ORDERS_PER_CUSTOMER, string(), streams_core::serde::long());
        assert_eq!(
            per_customer.read_key_values_to_list().unwrap().last(),
            Some(&("c1".to_owned(), 3))
        );
        let hours = streams_dsl::time_windowed(string(), HOUR);
        let per_hour = driver.output_topic(ORDERS_PER_HOUR, hours, streams_core::serde::long());
        let counts: Vec<_> = per_hour
            .read_key_values_to_list()
            .unwrap()
            .into_iter()
            .map(|(_, count)| count)
            .collect();
        assert_eq!(counts, [1, 1, 2]);
    }
}
