//! Books transfers exactly once: one transaction has both bookings of a transfer, the balances and
//! the offsets.
//!
//! `cargo run -p examples --example exactly_once`; on Kafka: `-- --bootstrap-server HOST:PORT`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::time::Duration;

use examples::Cluster;
use serde::{Deserialize, Serialize};
use streams_dsl::prelude::*;

/// An amount that moves from one account to another.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Transfer {
    from: String,
    to: String,
    amount: i64,
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    for (account, balance) in run(&Cluster::from_args()?).await? {
        println!("{account} {balance}");
    }
    Ok(())
}

/// Runs until all transfers are booked, and returns the balances, the last record of an account
/// being its balance.
pub(crate) async fn run(cluster: &Cluster) -> Result<Vec<(String, i64)>, BoxError> {
    cluster.create_topics(&["transfers", "balances"])?;
    let transfers = [("t1", "ann", "bob", 100), ("t2", "bob", "cid", 30), ("t3", "cid", "ann", 5)];
    let records = transfers.map(|(id, from, to, amount)| {
        (id.to_owned(), Transfer { from: from.to_owned(), to: to.to_owned(), amount })
    });
    cluster.send("transfers", (&string(), &json()), records)?;

    let builder = StreamsBuilder::new().serde::<Transfer>(json());
    builder
        .stream::<String, Transfer>("transfers")
        .flat_map(|_id, transfer| {
            let Transfer { from, to, amount } = transfer.clone();
            [(from, -amount), (to, amount)]
        })
        .group_by_key()
        .reduce(|balance, booking| balance + booking)
        .stored("balances")
        .to_stream()
        .to("balances");

    // One setting is all it takes. Readers of the balances set `isolation.level=read_committed`.
    let config = cluster
        .config("transfers")
        .processing_guarantee(ProcessingGuarantee::ExactlyOnceV2)
        .num_stream_threads(2);
    let topology = builder.build_with(&config)?;
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clients())?;
    streams.start().await?;
    streams.wait_until_idle(Duration::from_secs(1)).await?;
    streams.close(Duration::from_secs(10)).await?;
    Ok(cluster.read("balances", (&string(), &long()))?)
}
