//! The command line.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are the program's help, where backticks would show"
)]

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use streams_core::config::ProcessingGuarantee;

/// Orders above a limit, orders per customer, orders with their customers, and orders per hour: a
/// topology of Kafka Streams for Rust, on a Kafka cluster in this process.
#[derive(Clone, Debug, Parser)]
#[command(name = "high-value-orders", version)]
pub(crate) struct Args {
    /// Orders as CSV (with a header) or JSON lines: order_id, customer_id, amount, items, created_at
    #[arg(long, value_name = "FILE", default_value = DEFAULT_ORDERS, conflicts_with = "generate")]
    pub(crate) orders: PathBuf,
    /// Makes N synthetic orders instead of reading a file
    #[arg(long, value_name = "N")]
    pub(crate) generate: Option<u32>,
    /// Seed of the synthetic orders: the same seed makes the same orders
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Orders of a greater amount are of high value
    #[arg(long, value_name = "AMOUNT", default_value_t = 1000.0, value_parser = amount)]
    pub(crate) min_amount: f64,
    /// Instances of the application in this process, sharing the application id
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) instances: u16,
    /// Partitions of each topic
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(i32).range(1..=1_000))]
    pub(crate) partitions: i32,
    /// Stream threads of each instance
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) threads: u16,
    /// Standby copies of each stateful task, on other instances
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=64))]
    pub(crate) standbys: u16,
    /// What holds when an instance fails
    #[arg(long, value_enum, default_value_t = Guarantee::AtLeastOnce)]
    pub(crate) guarantee: Guarantee,
    /// Where the stores are
    #[arg(long, value_enum, default_value_t = Store::Rocksdb)]
    pub(crate) store: Store,
    /// Directory for local state, one below it for each instance; a fresh temporary one if not given
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Closes the first instance midway and starts another in its place
    #[arg(long)]
    pub(crate) replace_midway: bool,
    /// Prints the topology, as Java prints it or as a Mermaid flowchart, and exits
    #[arg(long, value_enum, value_name = "FORMAT", num_args = 0..=1, default_missing_value = "text", require_equals = true)]
    pub(crate) describe: Option<Description>,
    /// Writes each output topic to DIR/TOPIC.jsonl
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

/// The purchases that come with this example.
const DEFAULT_ORDERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/orders.csv");

/// An amount to compare with: any number, but not "not a number", which no order is above.
fn amount(text: &str) -> Result<f64, String> {
    let amount: f64 = text.parse().map_err(|_| "expected a number, as 1000 or 99.50".to_owned())?;
    if amount.is_nan() { Err("expected a number, as 1000 or 99.50".to_owned()) } else { Ok(amount) }
}

/// A processing guarantee by its name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Guarantee {
    /// Nothing is lost; after a failure some orders may be counted again
    AtLeastOnce,
    /// Nothing is lost and nothing is counted twice
    ExactlyOnce,
}

impl From<Guarantee> for ProcessingGuarantee {
    fn from(guarantee: Guarantee) -> Self {
        match guarantee {
            Guarantee::AtLeastOnce => Self::AtLeastOnce,
            Guarantee::ExactlyOnce => Self::ExactlyOnceV2,
        }
    }
}

/// Where the stores are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Store {
    /// On disk, in RocksDB
    Rocksdb,
    /// In memory, restored from changelogs at each start
    Memory,
}

/// How the topology is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Description {
    /// The text of Java's Topology.describe()
    Text,
    /// A Mermaid flowchart
    Mermaid,
}
