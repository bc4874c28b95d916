//! Counts the words of lines.
//!
//! `cargo run -p examples --example word_count`; on Kafka: `-- --bootstrap-server HOST:PORT`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::time::Duration;

use examples::Cluster;
use streams_dsl::prelude::*;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    for (word, count) in run(&Cluster::from_args()?).await? {
        println!("{word} {count}");
    }
    Ok(())
}

/// Runs until all lines are read, and returns the counts, the last record of a word being its
/// count.
pub(crate) async fn run(cluster: &Cluster) -> Result<Vec<(String, i64)>, BoxError> {
    cluster.create_topics(&["lines", "word-counts"])?;
    let lines = ["to be or not to be", "that is the question"];
    let records = lines.map(|line| ("hamlet".to_owned(), line.to_owned()));
    cluster.send("lines", (&string(), &string()), records)?;

    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("lines")
        .flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
        // A new key: the records go through a topic that is partitioned by word.
        .group_by(|_, word| word.clone())
        .count()
        .stored("words")
        .to_stream()
        .to("word-counts");

    let config = cluster.config("word-count");
    let topology = builder.build_with(&config)?;
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clients())?;
    streams.start().await?;
    streams.wait_until_idle(Duration::from_secs(1)).await?;
    streams.close(Duration::from_secs(10)).await?;
    Ok(cluster.read("word-counts", (&string(), &long()))?)
}
