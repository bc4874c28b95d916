//! Reads and writes Avro with schemas from a schema registry, and keeps it in a store.
//!
//! `make registry`, then `cargo run -p examples --example avro_registry`, or with `--
//! --bootstrap-server HOST:PORT` on Apache Kafka. `SCHEMA_REGISTRY_URL` names another registry than
//! that of `make registry`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::time::Duration;

use examples::Cluster;
use serde::{Deserialize, Serialize};
use streams_dsl::prelude::*;

const ORDER: &str = r#"{"type": "record", "name": "shop.Order", "fields": [
    {"name": "item", "type": "string"}, {"name": "cents", "type": "long"}]}"#;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    item: String,
    cents: i64,
}

/// A field added later has a default, with which rows of the store that lack it are read.
const BASKET: &str = r#"{"type": "record", "name": "shop.Basket", "fields": [
    {"name": "cents", "type": "long"},
    {"name": "items", "type": {"type": "array", "items": "string"}, "default": []}]}"#;

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Basket {
    pub(crate) cents: i64,
    pub(crate) items: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let url = std::env::var("SCHEMA_REGISTRY_URL")
        .unwrap_or_else(|_| "http://localhost:8081/apis/ccompat/v7".to_owned());
    for (customer, basket) in run(&Cluster::from_args()?, &url).await? {
        println!("{customer} {basket:?}");
    }
    Ok(())
}

/// Runs until all orders are read, and returns the baskets that were written.
pub(crate) async fn run(cluster: &Cluster, url: &str) -> Result<Vec<(String, Basket)>, BoxError> {
    let registry = SchemaRegistry::new(url)?;
    registry.check()?; // or the first record finds out that the registry is down
    let (orders, baskets) = (registry.avro::<Order>(ORDER)?, registry.avro::<Basket>(BASKET)?);

    cluster.create_topics(&["avro-orders", "avro-baskets"])?;
    let records = [("ann", "tea", 350), ("bob", "milk", 120), ("ann", "cake", 499)].map(
        |(customer, item, cents)| (customer.to_owned(), Order { item: item.to_owned(), cents }),
    );
    cluster.send("avro-orders", (&string(), &orders), records)?;

    let builder = StreamsBuilder::new().serde::<Order>(orders).serde::<Basket>(baskets.clone());
    builder
        .stream::<String, Order>("avro-orders")
        .group_by_key()
        .aggregate(Basket::default, |_, order, mut basket| {
            basket.cents += order.cents;
            basket.items.push(order.item.clone());
            basket
        })
        .stored("baskets")
        .to_stream()
        .to("avro-baskets");

    let config = cluster.config("avro-registry");
    let topology = builder.build_with(&config)?;
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clients())?;
    streams.start().await?;
    streams.wait_until_idle(Duration::from_secs(1)).await?;
    streams.close(Duration::from_secs(10)).await?;
    Ok(cluster.read("avro-baskets", (&string(), &baskets))?)
}
