//! Measures this library and Java's Kafka Streams on one broker: kafka-bench --help, or
//! `make bench-kafka`.
//!
//! Inputs are written once. Then, workload by workload and round by round, each contender runs in
//! its own process on the same inputs, in turn, so that other load on the machine affects all of
//! them. Their outputs must be equal. Each run is a JSON line in `runs.jsonl`; at the end a table
//! shows medians.

mod contender;
mod input;
mod latency;
mod report;
mod run;
mod topics;
mod workload;

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write,
    path::PathBuf,
    time::Duration,
};

use bench::kafka::Failure;
use clap::Parser;
use kafka_client::{Client, ClientConfig};
use streams_dsl::StreamsConfig;

use self::{
    contender::{Contender, Store},
    input::{Input, Sizes},
    run::{Place, Run},
    workload::Workload,
};

/// The setting that chooses a data plane.
const DATA_PLANE: &str = "client.data.plane";

/// Measures this library and Java's Kafka Streams.
#[derive(Debug, Parser)]
struct Args {
    /// Address of the broker.
    #[arg(long)]
    bootstrap_server: String,
    /// Its directory, with its logs and its process id.
    #[arg(long)]
    broker_directory: PathBuf,
    /// Class path of Java's side and of Kafka Streams.
    #[arg(long)]
    java_class_path: String,
    /// Directory of local state, which is removed after each run.
    #[arg(long)]
    work_directory: PathBuf,
    /// Directory of the results [default: bench-kafka, next to the profile's directory of this
    /// program].
    #[arg(long)]
    results: Option<PathBuf>,
    /// Few records, one round: for correctness, not for speed.
    #[arg(long)]
    small: bool,
    /// Medium of the stores, including Java's.
    #[arg(long, value_enum, default_value_t = Store::Rocksdb)]
    store: Store,
    /// Records of the largest stream; the others follow from it [default: 5000000, or 20000 if
    /// small].
    #[arg(long)]
    records: Option<u64>,
    /// Rounds [default: 3, or 1 if small].
    #[arg(long)]
    rounds: Option<usize>,
    /// Only these workloads, LAT for latency and the floors consume, produce and store included.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

impl Args {
    fn wants(&self, workload: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name.eq_ignore_ascii_case(workload))
    }

    fn contenders(&self) -> Vec<Contender> {
        let mut contenders = vec![Contender::Java { class_path: self.java_class_path.clone() }];
        // Without the setting there is only one data plane.
        let is_set = StreamsConfig::documentation().contains(DATA_PLANE);
        contenders.push(Contender::Ours { plane: "rdkafka", is_set });
        if is_set {
            contenders.push(Contender::Ours { plane: "native", is_set });
        }
        contenders
    }

    fn workloads(&self) -> Vec<&'static Workload> {
        workload::ALL.iter().filter(|workload| self.wants(workload.name)).collect()
    }

    fn place(&self) -> Result<Place, Failure> {
        let pid = fs::read_to_string(self.broker_directory.join("pid"))?;
        let records = self.records.unwrap_or(if self.small { 20_000 } else { 5_000_000 });
        Ok(Place {
            client: Client::new(ClientConfig::new(self.bootstrap_server.split(','))),
            bootstrap: self.bootstrap_server.clone(),
            broker: self.broker_directory.clone(),
            broker_pid: pid.trim().parse()?,
            work: self.work_directory.clone(),
            store: self.store,
            sizes: Sizes { texts: records },
        })
    }

    fn results(&self) -> Result<PathBuf, Failure> {
        if let Some(results) = &self.results {
            return Ok(results.clone());
        }
        let program = std::env::current_exe()?;
        let target = program.ancestors().nth(2).ok_or("the program lies in no directory")?;
        Ok(target.join("bench-kafka"))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let (place, results) = (args.place()?, args.results()?);
    fs::create_dir_all(&results)?;
    let mut bench = Bench {
        rounds: args.rounds.unwrap_or(if args.small { 1 } else { 3 }),
        contenders: args.contenders(),
        lines: File::create(results.join("runs.jsonl"))?,
        runs: Vec::new(),
        place,
    };
    let workloads = args.workloads();
    let floors: Vec<_> =
        run::floors(args.store).into_iter().filter(|floor| args.wants(floor.name)).collect();
    let inputs = workloads.iter().copied().chain(&floors).flat_map(|workload| workload.inputs);
    bench.write_inputs(inputs.copied().collect()).await?;
    for workload in workloads {
        bench.compare(workload).await?;
    }
    for floor in &floors {
        bench.floor(floor).await?;
    }
    if args.wants("LAT") {
        bench.latency(Duration::from_secs(if args.small { 3 } else { 45 })).await?;
    }
    let table = report::table(&bench.runs);
    fs::write(results.join("table.md"), &table)?;
    say(&table);
    say(&format!("results: {}", results.display()));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "it is a program that reports")]
fn say(text: &str) {
    println!("{text}");
}

/// The bench in progress.
struct Bench {
    place: Place,
    rounds: usize,
    contenders: Vec<Contender>,
    lines: File,
    runs: Vec<Run>,
}

impl Bench {
    async fn write_inputs(&self, inputs: BTreeSet<Input>) -> Result<(), Failure> {
        for input in inputs {
            let Place { client, sizes, .. } = &self.place;
            say(&format!("input {}: {} records", input.topic(), sizes.of(input)));
            topics::create(client, input.topic()).await?;
            input::write(client, input, *sizes).await?;
        }
        Ok(())
    }

    /// Runs a workload on each contender in turn, and compares their outputs.
    async fn compare(&mut self, workload: &Workload) -> Result<(), Failure> {
        let mut expected = None;
        for round in 1..=self.rounds {
            for contender in &self.contenders.clone() {
                let (run, contents) = self.place.run(workload, contender, round).await?;
                self.note(run)?;
                let (first, wanted) =
                    expected.get_or_insert_with(|| (contender.name(), contents.clone()));
                if *wanted != contents {
                    return Err(format!(
                        "{}: {} and {first} wrote different things to {:?}: {contents:?}, {wanted:?}",
                        workload.name,
                        contender.name(),
                        workload.outputs
                    )
                    .into());
                }
            }
        }
        Ok(())
    }

    async fn floor(&mut self, floor: &Workload) -> Result<(), Failure> {
        for round in 1..=self.rounds {
            let (run, _) = self.place.run(floor, &Contender::Floor, round).await?;
            self.note(run)?;
        }
        Ok(())
    }

    async fn latency(&mut self, load: Duration) -> Result<(), Failure> {
        for round in 1..=self.rounds {
            for contender in &self.contenders.clone() {
                let run = latency::measure(&self.place, contender, round, load).await?;
                self.note(run)?;
            }
        }
        Ok(())
    }

    /// Keeps a run, and reports that it is done.
    fn note(&mut self, run: Run) -> Result<(), Failure> {
        let line = serde_json::to_string(&run)?;
        writeln!(self.lines, "{line}")?;
        say(&line);
        self.runs.push(run);
        Ok(())
    }
}
