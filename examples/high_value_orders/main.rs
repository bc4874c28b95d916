//! The orders topology, on real purchases, from the command line.
//!
//! `--help` lists the options. On a cluster in this process it creates the topics, feeds customers
//! and orders, runs the instances, shows progress, and ends with a summary of the output topics. On
//! a real cluster these are separate commands: `feed`, `run` and `verify`.

mod args;
#[cfg(feature = "rdkafka")]
mod cluster;
mod feed;
mod generate;
mod input;
mod instances;
mod order;
mod output;
mod summary;
mod topology;

use std::{
    io::{ErrorKind, Write},
    process::ExitCode,
    sync::Arc,
};

use clap::Parser;
use streams_core::{client::embedded::EmbeddedCluster, time::SystemClock};

use crate::{
    args::{ApplicationArgs, Args, Cli, Command, Description, OrdersArgs},
    input::Order,
};

/// Errors of this program, each with its own text.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    // An unreachable cluster is worth a warning; within this process there is none.
    let level = if cli.is_embedded() { "error" } else { "warn" };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    let command = cli.command.or_else(|| cli.args.as_run().map(Command::Run));
    match (command, cli.args.describe) {
        (_, Some(description)) => describe(&cli.args.application, description),
        #[cfg(feature = "rdkafka")]
        (Some(command), _) => on_cluster(command).await,
        #[cfg(not(feature = "rdkafka"))]
        (Some(_), _) => {
            Err("this build is without the feature `rdkafka`, which a real cluster needs; \
             `make programs` builds it with all features"
                .into())
        }
        (None, None) => embedded(&cli.args).await,
    }
}

/// Runs a command on a real cluster.
#[cfg(feature = "rdkafka")]
async fn on_cluster(command: Command) -> Result<(), Failure> {
    print(&match command {
        Command::Feed(args) => blocking(move || cluster::feed(&args)).await?,
        Command::Run(args) => cluster::run(&args).await?,
        Command::Verify(args) => blocking(move || cluster::verify(&args)).await?,
        Command::DeadLetters(args) => blocking(move || cluster::dead_letters(&args)).await?,
    })
}

/// Runs a call that waits for the cluster and blocks its thread.
#[cfg(feature = "rdkafka")]
async fn blocking(
    body: impl FnOnce() -> Result<String, Failure> + Send + 'static,
) -> Result<String, Failure> {
    tokio::task::spawn_blocking(body).await?
}

fn describe(args: &ApplicationArgs, description: Description) -> Result<(), Failure> {
    let topology = topology::topology(args)?;
    print(&match description {
        Description::Text => topology.describe(),
        Description::Json => topology.describe_json() + "\n",
        Description::Mermaid => topology.describe_mermaid(),
    })
}

/// Does everything, on a cluster in this process.
async fn embedded(args: &Args) -> Result<(), Failure> {
    let orders = args.orders.read()?;
    let files = args.output.as_deref().map(output::create).transpose()?;
    let customers = input::customers_of(&orders);
    let cluster = EmbeddedCluster::new(Arc::new(SystemClock));
    feed::create_topics(&cluster, args.partitions)?;
    feed::customers(&cluster, &customers)?;
    let fed = feed::spawn_orders(cluster.clone(), orders, args.application.keyed_by)?;
    let report = instances::run_until_done(args, &cluster, &fed).await?;
    let outputs = output::read(&cluster)?;
    for file in files.into_iter().flatten() {
        file.write(&outputs)?;
    }
    print(&summary::summary(args, &outputs, &report))
}

impl OrdersArgs {
    /// The orders that were asked for, in order of time.
    fn read(&self) -> Result<Vec<Order>, Failure> {
        match self.generate {
            Some(count) => Ok(generate::generate(count, self.seed).collect()),
            None => Ok(input::read_orders(&self.orders)?),
        }
    }
}

/// Writes results to standard output. A reader that has seen enough, such as `head`, is not an
/// error.
fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("the results can't be written to standard output: {error}").into())
        }
        _ => Ok(()),
    }
}
