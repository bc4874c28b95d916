//! The orders topology on the embedded cluster: real purchases, from the command line.
//!
//! `--help` lists what can be asked for. It creates the topics, feeds customers and orders, runs the instances,
//! shows progress, and ends with a summary of the output topics.

mod args;
mod feed;
mod generate;
mod input;
mod instances;
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

use crate::args::{Args, Description};

/// What can go wrong in this program, each with its own text.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<(), Failure> {
    if let Some(description) = args.describe {
        let topology = topology::topology(args.min_amount, args.store)?;
        return print(&match description {
            Description::Text => topology.describe(),
            Description::Mermaid => topology.describe_mermaid(),
        });
    }
    let orders = match args.generate {
        Some(count) => generate::generate(count, args.seed).collect(),
        None => input::read_orders(&args.orders)?,
    };
    let files = args.output.as_deref().map(output::create).transpose()?;
    let customers = input::customers_of(&orders);
    let cluster = EmbeddedCluster::new(Arc::new(SystemClock));
    feed::create_topics(&cluster, args.partitions)?;
    feed::customers(&cluster, &customers)?;
    let fed = feed::spawn_orders(cluster.clone(), orders)?;
    let report = instances::run_until_done(&args, &cluster, &fed).await?;
    let outputs = output::read(&cluster)?;
    for file in files.into_iter().flatten() {
        file.write(&outputs)?;
    }
    print(&summary::summary(&args, &outputs, &report))
}

/// Writes results to standard output. A reader that has seen enough, as `head`, is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("the results can't be written to standard output: {error}").into())
        }
        _ => Ok(()),
    }
}
