//! Joins visits with the titles of pages in a global table, whose rows every instance has and looks
//! up by any key.
//!
//! `cargo run -p examples --example global_table`; on Kafka: `-- --bootstrap-server HOST:PORT`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::time::Duration;

use examples::Cluster;
use streams_dsl::prelude::*;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    for (visitor, title) in run(&Cluster::from_args()?).await? {
        println!("{visitor} read {title}");
    }
    Ok(())
}

/// Runs until all visits are read, and returns them with titles.
pub(crate) async fn run(cluster: &Cluster) -> Result<Vec<(String, String)>, BoxError> {
    cluster.create_topics(&["titles", "visits", "titled-visits"])?;
    let titles = [("/a", "Apples"), ("/b", "Pears")];
    let titles = titles.map(|(page, title)| (page.to_owned(), title.to_owned()));
    cluster.send("titles", (&string(), &string()), titles)?;
    let visits = [("ann", "/a"), ("bob", "/b"), ("ann", "/b"), ("cid", "/unknown")];
    let visits = visits.map(|(visitor, page)| (visitor.to_owned(), page.to_owned()));
    cluster.send("visits", (&string(), &string()), visits)?;

    let builder = StreamsBuilder::new();
    let titles = builder.global_table::<String, String>("titles");
    builder
        .stream::<String, String>("visits")
        // The visitor stays the key: nothing is repartitioned, although the page is looked up.
        .join_global(&titles, |_visitor, page| page.clone(), |_page, title| title.clone())
        .to("titled-visits");

    let config = cluster.config("titled-visits");
    let topology = builder.build_with(&config)?;
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clients())?;
    // This returns when all titles in the topic have been read.
    streams.start().await?;
    streams.wait_until_idle(Duration::from_secs(1)).await?;
    streams.close(Duration::from_secs(10)).await?;
    Ok(cluster.read("titled-visits", (&string(), &string()))?)
}
