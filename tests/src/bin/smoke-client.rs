//! An instance of the client of one of Apache Kafka's smoke tests: see `tests/smoke/README.md`.
//!
//! It says each change of its state, and how far it is, on the standard error. SIGTERM closes it.

use std::{error::Error, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use streams_core::{KafkaStreams, config::StreamsConfig};
use tests::{relational, smoke};
use tokio::signal::unix::{SignalKind, signal};

/// The driver's timestamps are two days old, and its last ones are not.
const SMOKE_RETENTION: Duration = Duration::from_secs(3 * 86_400);
/// The driver's timestamps are of the last four days.
const RELATIONAL_RETENTION: Duration = Duration::from_secs(5 * 86_400);
/// Commit interval of Java's client of the relational test.
const RELATIONAL_COMMIT_INTERVAL: Duration = Duration::from_secs(1);

/// The one of Kafka's tests whose client it is.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Test {
    Smoke,
    Relational,
}

/// Runs an instance of the client of one of Kafka's smoke tests until SIGTERM.
#[derive(Debug, Parser)]
struct Arguments {
    /// The test.
    #[arg(long, value_enum, default_value_t = Test::Smoke)]
    test: Test,
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
    let server = &arguments.bootstrap_server;
    let (config, retention) = match arguments.test {
        Test::Smoke => (StreamsConfig::new(smoke::APPLICATION_ID, server), SMOKE_RETENTION),
        Test::Relational => {
            let config = StreamsConfig::new(relational::APPLICATION_ID, server)
                .commit_interval(RELATIONAL_COMMIT_INTERVAL);
            (config, RELATIONAL_RETENTION)
        }
    };
    let config = config
        .state_dir(arguments.state_dir)
        .set("processing.guarantee", arguments.guarantee)
        .set("windowstore.changelog.additional.retention.ms", retention.as_millis())
        .set_all(arguments.config);
    let topology = match arguments.test {
        Test::Smoke => smoke::topology(&config)?,
        Test::Relational => relational::topology(&config)?,
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let streams = KafkaStreams::new(topology, config)?;
    streams.on_state_change(|state, _| eprintln!("state {state}"));
    Ok(streams.run_until(terminate.recv()).await?)
}
