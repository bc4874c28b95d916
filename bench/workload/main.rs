//! Runs one workload of the bench in this process and prints its events as JSON lines:
//! kafka-workload --help
//!
//! An instance of this library, with the command line of Java's twin
//! (`java/src/main/java/bench/Main.java`), or a floor: the cost of only reading, writing or storing
//! as many records.

mod floors;
mod instance;
mod orders;
mod topologies;

use bench::kafka::{Event, EventKind, Failure, Usage};
use clap::Parser;
use streams_dsl::time::{Clock, SystemClock};

/// One workload in one process.
#[derive(Debug, Parser)]
struct Args {
    /// Name of a workload, such as N1, or of a floor: consume, produce, store.
    workload: String,
    /// Prints an event at this number of processed records, including those of internal topics.
    #[arg(long)]
    mark: Vec<u64>,
    /// Ends at this number of processed records; otherwise at a line on the standard input.
    #[arg(long)]
    records: Option<u64>,
    /// Settings of the instance, by Java's keys.
    #[arg(value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a setting is KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut args = Args::parse();
    args.mark.sort_unstable();
    match args.workload.as_str() {
        "consume" => floors::consume(&args).await,
        "produce" => floors::produce(&args).await,
        "store" => floors::store(&args),
        _ => instance::run(&args).await,
    }
}

/// Prints an event with what this process has used.
#[expect(clippy::print_stdout, reason = "events are what the program is for")]
fn print(event: EventKind, processed: u64) -> Result<(), Failure> {
    let unix_us = SystemClock.now_ms() * 1_000;
    let event = Event { event, unix_us, processed, usage: Usage::of_this_process()? };
    println!("{}", serde_json::to_string(&event)?);
    Ok(())
}
