//! An instance of the client of Apache Kafka's smoke test: see `tests/smoke/README.md`.
//!
//! It says each change of its state, and how far it is, on the standard error. SIGTERM closes it.

use std::{error::Error, path::PathBuf, time::Duration};

use clap::Parser;
use streams_core::{KafkaStreams, config::StreamsConfig};
use tests::smoke;
use tokio::signal::unix::{SignalKind, signal};

/// The driver's timestamps are two days old, and its last ones are not.
const ADDITIONAL_RETENTION: Duration = Duration::from_secs(3 * 86_400);

/// Runs an instance of the client of Kafka's smoke test until SIGTERM.
#[derive(Debug, Parser)]
struct Arguments {
    /// Address of the cluster.
    #[arg(long, value_name = "SERVER")]
    bootstrap_server: String,
    /// `at_least_once` or `exactly_once_v2`.
    #[arg(long, default_value = "exactly_once_v2")]
    guarantee: String,
    /// Directory of the stores; of each instance its own.
    #[arg(long, value_name = "DIR")]
    state_dir: PathBuf,
    /// A setting by its name; may be given again.
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    config: Vec<(String, String)>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let config = StreamsConfig::new(smoke::APPLICATION_ID, &arguments.bootstrap_server)
        .state_dir(arguments.state_dir)
        .set("processing.guarantee", arguments.guarantee)
        .set("windowstore.changelog.additional.retention.ms", ADDITIONAL_RETENTION.as_millis())
        .set_all(arguments.config);
    let mut terminate = signal(SignalKind::terminate())?;
    let streams = KafkaStreams::new(smoke::topology()?, config)?;
    streams.on_state_change(|state, _| eprintln!("state {state}"));
    Ok(streams.run_until(terminate.recv()).await?)
}
