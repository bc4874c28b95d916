//! Counts the words of lines, and meanwhile reads the instance's metrics, as Prometheus would.
//!
//! `cargo run -p examples --example metrics`, or with `-- --bootstrap-server HOST:PORT` on Apache
//! Kafka.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::time::Duration;

use examples::Cluster;
use streams_dsl::prelude::*;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    for line in run(&Cluster::from_args()?).await? {
        println!("{line}");
    }
    Ok(())
}

/// Runs until all lines are read, and returns the counters of the threads and of the store.
pub(crate) async fn run(cluster: &Cluster) -> Result<Vec<String>, BoxError> {
    cluster.create_topics(&["sentences"])?;
    let records = ["to be or not to be", "that is the question"];
    let records = records.map(|line| ("hamlet".to_owned(), line.to_owned()));
    cluster.send("sentences", (&string(), &string()), records)?;

    let builder = StreamsBuilder::new();
    let sentences = builder.stream::<String, String>("sentences");
    let words =
        sentences.flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
    words.group_by(|_, word| word.clone()).count().stored("words");

    // Prometheus reads http://127.0.0.1:PORT/metrics; a real program chooses the port.
    let config = cluster.config("measured-words").set("metrics.listen", "127.0.0.1:0");
    let topology = builder.build_with(&config)?;
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clients())?;
    streams.start().await?;
    if let Some(address) = streams.metrics_address() {
        println!("http://{address}/metrics, /healthz and /readyz");
    }
    streams.wait_until_idle(Duration::from_secs(2)).await?;
    // The same text for a program that serves HTTP itself.
    let text = streams.metrics_text();
    streams.close(Duration::from_secs(10)).await?;
    let is_shown = |line: &&str| {
        line.starts_with("kafka_streams_stream_thread_metrics_process_total")
            || line.starts_with("kafka_streams_stream_state_metrics_put_total")
    };
    Ok(text.lines().filter(is_shown).map(str::to_owned).collect())
}
