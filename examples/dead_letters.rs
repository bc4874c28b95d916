//! Sends records that can't be processed to a topic of dead letters, and continues.
//!
//! `cargo run -p examples --example dead_letters`; on Kafka: `-- --bootstrap-server HOST:PORT`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::time::Duration;

use examples::Cluster;
use streams_dsl::prelude::*;

/// The amounts that could be read, and the records that could not.
type Outcome = (Vec<(String, i64)>, Vec<(String, String)>);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (amounts, dead) = run(&Cluster::from_args()?).await?;
    println!("amounts: {amounts:?}\ndead letters: {dead:?}");
    Ok(())
}

/// Runs until all texts are read.
pub(crate) async fn run(cluster: &Cluster) -> Result<Outcome, BoxError> {
    cluster.create_topics(&["texts", "amounts", "dead-texts"])?;
    let texts = [("o1", "10"), ("o2", "ten"), ("o3", "12")];
    let records = texts.map(|(order, text)| (order.to_owned(), text.to_owned()));
    cluster.send("texts", (&string(), &string()), records)?;

    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("texts")
        // The `try_` twin of an operator takes a closure that can fail.
        .try_map_values(|text| text.parse::<i64>())
        .to("amounts");

    // Without these lines the first record that fails ends the instance. A dead letter is the
    // record as it was, with headers for the error and its origin: topic, partition, offset and
    // node.
    let config = cluster
        .config("amounts")
        .processing_exception_handler(ProcessingHandlerChoice::LogAndContinue)
        .deserialization_exception_handler(DeserializationHandlerChoice::LogAndContinue)
        .dead_letter_queue_topic("dead-texts");
    let topology = builder.build_with(&config)?;
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clients())?;
    streams.start().await?;
    streams.wait_until_idle(Duration::from_secs(1)).await?;
    streams.close(Duration::from_secs(10)).await?;
    let amounts = cluster.read("amounts", (&string(), &long()))?;
    Ok((amounts, cluster.read("dead-texts", (&string(), &string()))?))
}
