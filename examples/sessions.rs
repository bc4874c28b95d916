//! Counts the clicks in each visitor's sessions: half an hour without a click ends a session.
//!
//! `cargo run -p examples --example sessions`; on Kafka: `-- --bootstrap-server HOST:PORT`.
#![allow(clippy::print_stdout, reason = "an example shows what it found")]

use std::time::Duration;

use examples::Cluster;
use streams_dsl::prelude::*;

const GAP: Duration = Duration::from_secs(30 * 60);
const MINUTE_MS: i64 = 60_000;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    for (visitor, clicks) in run(&Cluster::from_args()?).await? {
        match clicks {
            Some(clicks) => println!("{visitor} {clicks}"),
            None => println!("{visitor} became part of another session"),
        }
    }
    Ok(())
}

/// Runs until all clicks are read, and returns the counts of sessions, with `None` for a session
/// that became part of another.
pub(crate) async fn run(
    cluster: &Cluster,
) -> Result<Vec<(Windowed<String>, Option<i64>)>, BoxError> {
    cluster.create_topics(&["clicks", "clicks-per-session"])?;
    // The third click lies between the others, within the gap of each, and merges two sessions into
    // one.
    let clicks = [("/home", 0), ("/cart", 50 * MINUTE_MS), ("/list", 25 * MINUTE_MS)];
    let records = clicks.map(|(page, time)| ("ann".to_owned(), page.to_owned(), time));
    cluster.send_at("clicks", (&string(), &string()), records)?;

    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("clicks")
        .group_by_key()
        .windowed_by(SessionWindows::of_inactivity_gap_and_grace(GAP, GAP))
        .count()
        .stored("sessions")
        .to_stream()
        .to("clicks-per-session");

    // Without a cache each click gives a result at once.
    let config = cluster.config("sessions").statestore_cache_max_bytes(0);
    let topology = builder.build_with(&config)?;
    let streams = KafkaStreams::with_client_supplier(topology, config, cluster.clients())?;
    streams.start().await?;
    streams.wait_until_idle(Duration::from_secs(1)).await?;
    streams.close(Duration::from_secs(10)).await?;
    Ok(cluster.read("clicks-per-session", (&session_windowed(string()), &option(long())))?)
}
