//! Joins orders with their customers, and with payments within an hour.
//!
//! `cargo run -p examples --example joins`; on Kafka: `-- --bootstrap-server HOST:PORT`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::time::Duration;

use examples::Cluster;
use streams_dsl::prelude::*;

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    for (customer, text) in run(&Cluster::from_args()?).await? {
        println!("{customer}: {text}");
    }
    Ok(())
}

/// Runs until all orders and payments are read, and returns the results of both joins.
pub(crate) async fn run(cluster: &Cluster) -> Result<Vec<(String, String)>, BoxError> {
    cluster.create_topics(&["customers", "orders", "payments", "named-orders", "left-to-pay"])?;
    let names = [("c1", "Ann"), ("c2", "Bob")];
    let names = names.map(|(id, name)| (id.to_owned(), name.to_owned(), 0));
    cluster.send_at("customers", (&string(), &string()), names)?;
    // By customer: amount, and time in milliseconds. The payment of c2 comes too late.
    let orders = [("c1", 50, 1_000), ("c2", 20, 2_000), ("c3", 10, 3_000)];
    let orders = orders.map(|(id, amount, time)| (id.to_owned(), amount, time));
    cluster.send_at("orders", (&string(), &long()), orders)?;
    let payments = [("c1", 45, 60_000), ("c2", 20, 7_200_000)];
    let payments = payments.map(|(id, amount, time)| (id.to_owned(), amount, time));
    cluster.send_at("payments", (&string(), &long()), payments)?;

    let builder = StreamsBuilder::new();
    let customers = builder.table::<String, String>("customers").stored("customers");
    let orders = builder.stream::<String, i64>("orders");
    let payments = builder.stream::<String, i64>("payments");
    // An order finds the customer's row when it is processed. An inner join would drop orders
    // without one.
    orders
        .left_join(&customers, |amount, name| {
            format!("{} ordered for {amount}", name.map_or("somebody", String::as_str))
        })
        .to("named-orders");
    // Whichever of the two comes first waits for the other.
    orders
        .join_stream(&payments, JoinWindows::of_time_difference_with_no_grace(HOUR), |due, paid| {
            format!("{} left to pay", due - paid)
        })
        .to("left-to-pay");

    let config = cluster.config("joins");
    let topology = builder.build_with(&config)?;
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clients())?;
    streams.start().await?;
    streams.wait_until_idle(Duration::from_secs(1)).await?;
    streams.close(Duration::from_secs(10)).await?;
    let mut results = cluster.read("named-orders", (&string(), &string()))?;
    results.extend(cluster.read("left-to-pay", (&string(), &string()))?);
    Ok(results)
}
