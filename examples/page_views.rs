//! Counts the views of pages in hopping windows: five minutes long, a new one every minute.
//!
//! `cargo run -p examples --example page_views`; on Kafka: `-- --bootstrap-server HOST:PORT`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::time::Duration;

use examples::Cluster;
use streams_dsl::prelude::*;

const MINUTE: Duration = Duration::from_secs(60);
const SIZE: Duration = Duration::from_secs(5 * 60);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    for (page, count) in run(&Cluster::from_args()?).await? {
        println!("{page} {count}");
    }
    Ok(())
}

/// Runs until all views are read, and returns the counts that were written.
pub(crate) async fn run(cluster: &Cluster) -> Result<Vec<(Windowed<String>, i64)>, BoxError> {
    cluster.create_topics(&["views", "views-per-window"])?;
    // Visitors by page, with the time of the view in milliseconds.
    let views = [("/home", "ann", 600_000), ("/home", "bob", 630_000), ("/home", "ann", 720_000)];
    let records = views.map(|(page, visitor, time)| (page.to_owned(), visitor.to_owned(), time));
    cluster.send_at("views", (&string(), &string()), records)?;

    let builder = StreamsBuilder::new();
    // A view that comes up to a minute late still counts.
    let windows = TimeWindows::of_size_and_grace(SIZE, MINUTE).advance_by(MINUTE);
    builder
        .stream::<String, String>("views")
        .group_by_key()
        .windowed_by(windows)
        .count()
        .stored("views-per-window")
        .to_stream()
        .to("views-per-window");

    let config = cluster.config("page-views");
    let topology = builder.build_with(&config)?;
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clients())?;
    streams.start().await?;
    streams.wait_until_idle(Duration::from_secs(1)).await?;
    streams.close(Duration::from_secs(10)).await?;
    Ok(cluster.read("views-per-window", (&time_windowed(string(), SIZE), &long()))?)
}
