//! The command line.
#![expect(
    clippy::doc_markdown,
    reason = "these comments are the program's help, where backticks would show"
)]

use std::{path::PathBuf, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use streams_core::config::ProcessingGuarantee;

/// Orders above a limit, orders per customer, orders with their customers, and orders per hour: a
/// topology of Kafka Streams for Rust. Without a command it does it all, on a Kafka cluster in this
/// process; with --bootstrap-server it is one instance of the application on that cluster, as
/// `run`.
#[derive(Clone, Debug, Parser)]
#[command(name = "high-value-orders", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) args: Args,
}

impl Cli {
    /// Returns whether the cluster is in this process.
    pub(crate) fn is_embedded(&self) -> bool {
        self.command.is_none() && self.args.bootstrap_server.is_none()
    }
}

/// Commands on a real cluster.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Creates the topics on a cluster, writes customers, then orders, and exits
    Feed(FeedArgs),
    /// Runs one instance of the application on a cluster until it is told to stop
    Run(RunArgs),
    /// Reads the output topics of a cluster (what is committed of them) and prints the figures
    Verify(VerifyArgs),
    /// Lists the records that could not be processed, and with --resend gives them another try
    DeadLetters(DeadLettersArgs),
}

/// Options of a run on the cluster in this process.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) orders: OrdersArgs,
    #[command(flatten)]
    pub(crate) application: ApplicationArgs,
    /// Instances of the application in this process, sharing the application id
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) instances: u16,
    /// Partitions of each topic
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(i32).range(1..=1_000))]
    pub(crate) partitions: i32,
    /// Closes the first instance midway and starts another in its place
    #[arg(long)]
    pub(crate) replace_midway: bool,
    /// Prints the topology, as Java prints it, as JSON or as a Mermaid flowchart, and exits
    #[arg(long, value_enum, value_name = "FORMAT", num_args = 0..=1, default_missing_value = "text", require_equals = true)]
    pub(crate) describe: Option<Description>,
    /// Writes each output topic to DIR/TOPIC.jsonl
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    /// Runs one instance on this cluster instead (HOST:PORT,…), as the command `run`
    #[arg(long, value_name = "SERVERS", conflicts_with_all = ["orders", "generate", "instances", "partitions", "replace_midway", "output"])]
    pub(crate) bootstrap_server: Option<String>,
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
}

impl Args {
    /// The instance that --bootstrap-server asks for without a command.
    pub(crate) fn as_run(&self) -> Option<RunArgs> {
        let bootstrap_server = self.bootstrap_server.clone()?;
        Some(RunArgs {
            bootstrap_server,
            application: self.application.clone(),
            instance: self.instance.clone(),
        })
    }
}

/// Source of the orders.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OrdersArgs {
    /// Orders as CSV (with a header) or JSON lines: order_id, customer_id, amount, items,
    /// created_at
    #[arg(long, value_name = "FILE", default_value = DEFAULT_ORDERS, conflicts_with = "generate")]
    pub(crate) orders: PathBuf,
    /// Makes N synthetic orders instead of reading a file
    #[arg(long, value_name = "N")]
    pub(crate) generate: Option<u32>,
    /// Seed of the synthetic orders: the same seed makes the same orders
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Options of the application, wherever it runs.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ApplicationArgs {
    /// Orders of a greater amount are of high value
    #[arg(long, value_name = "AMOUNT", default_value_t = 1000.0, value_parser = amount)]
    pub(crate) min_amount: f64,
    /// Key of the orders in the input topic
    #[arg(long, value_enum, default_value_t)]
    pub(crate) keyed_by: KeyedBy,
    /// Stream threads of each instance
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) threads: u16,
    /// Standby copies of each stateful task, on other instances
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=64))]
    pub(crate) standbys: u16,
    /// Guarantee when an instance fails
    #[arg(long, value_enum, default_value_t = Guarantee::AtLeastOnce)]
    pub(crate) guarantee: Guarantee,
    /// Medium of the stores
    #[arg(long, value_enum, default_value_t = Store::default())]
    pub(crate) store: Store,
    /// Directory for local state; each instance needs its own. On the cluster in this process: one
    /// below it for each instance, and a fresh temporary one if not given
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

/// Options of one instance on a cluster.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct InstanceArgs {
    /// Instances with the same application id share the work
    #[arg(long, value_name = "NAME", default_value = "high-value-orders")]
    pub(crate) application_id: String,
    /// Closes the instance when nothing has come for so long
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) until_idle: Option<Duration>,
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
}

/// Settings by Kafka's names.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct SettingsArgs {
    /// A setting by Kafka's name, as security.protocol=SSL or consumer.fetch.min.bytes=1; may come
    /// more than once
    #[arg(long = "config", value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) config: Vec<(String, String)>,
    /// A file of such settings, one a line, as the properties files of Kafka's own tools
    #[arg(long, value_name = "FILE")]
    pub(crate) config_file: Option<PathBuf>,
}

/// The command `feed`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FeedArgs {
    /// Servers of the cluster: HOST:PORT,…
    #[arg(long, value_name = "SERVERS")]
    pub(crate) bootstrap_server: String,
    #[command(flatten)]
    pub(crate) orders: OrdersArgs,
    /// Partitions of each topic; the topics are created unless they are there with so many
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(i32).range(1..=1_000))]
    pub(crate) partitions: i32,
    /// Key of the orders
    #[arg(long, value_enum, default_value_t)]
    pub(crate) keyed_by: KeyedBy,
    /// Writes at most N orders a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: Option<u32>,
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
}

/// The command `run`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// Servers of the cluster: HOST:PORT,…
    #[arg(long, value_name = "SERVERS")]
    pub(crate) bootstrap_server: String,
    #[command(flatten)]
    pub(crate) application: ApplicationArgs,
    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
}

/// The command `verify`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// Servers of the cluster: HOST:PORT,…
    #[arg(long, value_name = "SERVERS")]
    pub(crate) bootstrap_server: String,
    /// Writes each output topic to DIR/TOPIC.jsonl
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
}

/// The command `dead-letters`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DeadLettersArgs {
    /// Servers of the cluster: HOST:PORT,…
    #[arg(long, value_name = "SERVERS")]
    pub(crate) bootstrap_server: String,
    /// The dead-letter topic (the application's errors.dead.letter.queue.topic.name)
    #[arg(long, value_name = "TOPIC", default_value = "dead-letters")]
    pub(crate) topic: String,
    /// Writes them as they were to the topics that they came from, and deletes them from this one
    /// when all are written; if it is ended in between, another call writes some again
    #[arg(long)]
    pub(crate) resend: bool,
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
}

/// The purchases that come with this example.
const DEFAULT_ORDERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/orders.csv");

/// Parses an amount for comparison: any number, but not "not a number", which no order exceeds.
fn amount(text: &str) -> Result<f64, String> {
    let amount: f64 = text.parse().map_err(|_| "expected a number, as 1000 or 99.50".to_owned())?;
    if amount.is_nan() { Err("expected a number, as 1000 or 99.50".to_owned()) } else { Ok(amount) }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| "expected a number of seconds, as 10 or 0.5".to_owned())
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
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

/// Key of the orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeyedBy {
    /// By who ordered
    #[default]
    CustomerId,
    /// By the order's own name: the topology keys them by customer first, through a topic of its
    /// own, where orders come out of order: those whose hour is over by then are not counted in it
    OrderId,
}

/// Medium of the stores: on disk, unless this build has no engine for that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Store {
    /// On disk, in RocksDB
    #[cfg_attr(feature = "rocksdb", default)]
    Rocksdb,
    /// In memory, restored from changelogs at each start
    #[cfg_attr(not(feature = "rocksdb"), default)]
    Memory,
}

/// Format of the printed topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Description {
    /// The text of Java's Topology.describe()
    Text,
    /// JSON, for programs
    Json,
    /// A Mermaid flowchart
    Mermaid,
}
