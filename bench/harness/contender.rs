//! The measured programs, and single runs of them.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use bench::kafka::{Event, EventKind, Failure};
use tokio::time::{Instant, sleep};

/// Time limit of a run.
const PATIENCE: Duration = Duration::from_secs(1_800);
/// Pause between two checks whether a process has ended.
const LOOK: Duration = Duration::from_millis(10);

/// Lets Java do without the idempotence that ours always has. With exactly-once that is impossible.
const JAVA_AT_LEAST_ONCE: &str = "producer.acks=1";
const EXACTLY_ONCE: &str = "processing.guarantee=exactly_once_v2";
/// Java's way to say `default.dsl.store=in_memory`.
const JAVA_IN_MEMORY: &str = "dsl.store.suppliers.class=org.apache.kafka.streams.state.BuiltInDslStoreSuppliers$InMemoryDslStoreSuppliers";

/// Medium of the stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Store {
    /// On disk.
    Rocksdb,
    /// In memory.
    Memory,
}

/// A program that runs workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// Java's Kafka Streams.
    Java {
        /// Path of its classes.
        class_path: String,
    },
    /// This library, on the given data plane (`client.data.plane`).
    Ours {
        /// Name of the data plane.
        plane: &'static str,
        /// True if the setting is given.
        is_set: bool,
    },
    /// One of its parts alone, without Kafka Streams.
    Floor,
}

impl Contender {
    /// Name in the figures.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Java { .. } => "java",
            Self::Ours { plane, .. } => plane,
            Self::Floor => "floor",
        }
    }

    fn command(&self) -> Result<Command, Failure> {
        match self {
            Self::Java { class_path } => {
                let mut java = Command::new("java");
                java.args([
                    "-Xmx2g",
                    "-XX:+UseParallelGC",
                    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                ]);
                java.args(["-cp", class_path, "bench.Main"]);
                java.env_remove("JAVA_TOOL_OPTIONS");
                Ok(java)
            }
            Self::Ours { .. } | Self::Floor => {
                Ok(Command::new(std::env::current_exe()?.with_file_name("kafka-workload")))
            }
        }
    }

    fn settings(&self, order: &Order<'_>) -> Vec<String> {
        let in_memory = order.store == Store::Memory;
        let is_exactly_once = order.settings.iter().any(|setting| setting == EXACTLY_ONCE);
        match self {
            Self::Java { .. } => {
                let of_store = in_memory.then_some(JAVA_IN_MEMORY);
                let acks = (!is_exactly_once).then_some(JAVA_AT_LEAST_ONCE);
                of_store.into_iter().chain(acks).map(str::to_owned).collect()
            }
            Self::Ours { plane, is_set } => {
                let of_store = in_memory.then(|| "default.dsl.store=in_memory".to_owned());
                of_store
                    .into_iter()
                    .chain(is_set.then(|| format!("client.data.plane={plane}")))
                    .collect()
            }
            Self::Floor => Vec::new(),
        }
    }
}

/// Options of a run.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    /// Name of the topology or floor.
    pub(crate) topology: &'a str,
    /// Record counts at which it prints an event; it ends at the last one, or when told to if there
    /// are none.
    pub(crate) marks: &'a [u64],
    /// Settings of the instance and of the workload.
    pub(crate) settings: &'a [String],
    /// Medium of the stores.
    pub(crate) store: Store,
    /// Directory of its output.
    pub(crate) directory: &'a Path,
}

/// A process of a contender. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    events: PathBuf,
    log: PathBuf,
    name: String,
    /// Time of its start, in microseconds since 1970 and by a monotonic clock.
    pub(crate) started: (i64, Instant),
}

impl Running {
    /// Starts a contender.
    pub(crate) fn start(
        contender: &Contender,
        order: &Order<'_>,
        now_us: i64,
    ) -> Result<Self, Failure> {
        fs::create_dir_all(order.directory)?;
        let (events, log) = (order.directory.join("events"), order.directory.join("log"));
        let mut command = contender.command()?;
        command.arg(order.topology);
        for mark in order.marks {
            command.args(["--mark", &mark.to_string()]);
        }
        if let Some(last) = order.marks.last() {
            command.args(["--records", &last.to_string()]);
        }
        command.args(order.settings).args(contender.settings(order));
        command.stdin(Stdio::piped()).stdout(File::create(&events)?).stderr(File::create(&log)?);
        let started = (now_us, Instant::now());
        let child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let name = format!("{} of {}", order.topology, contender.name());
        Ok(Self { child, events, log, name, started })
    }

    /// Makes it end, by a line on its standard input.
    pub(crate) fn tell_to_end(&mut self) -> Result<(), Failure> {
        use std::io::Write;
        let input = self.child.stdin.as_mut().ok_or("the process has no standard input")?;
        Ok(input.write_all(b"\n")?)
    }

    /// Waits for its end, and returns its events.
    pub(crate) async fn end(mut self) -> Result<Vec<Event>, Failure> {
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if self.started.1.elapsed() > PATIENCE {
                return Err(format!("{} has not ended after half an hour", self.name).into());
            }
            sleep(LOOK).await;
        };
        if !status.success() {
            let log = fs::read_to_string(&self.log)?;
            let last = log.lines().rev().take(30).collect::<Vec<_>>();
            let last: Vec<_> = last.into_iter().rev().collect();
            return Err(format!("{}: {status}\n{}", self.name, last.join("\n")).into());
        }
        let lines = fs::read_to_string(&self.events)?;
        let events = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Event>, _>>()?;
        if events.last().is_none_or(|event| event.event != EventKind::End) {
            return Err(format!("{} has not said how it ended", self.name).into());
        }
        Ok(events)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended, or its work may no longer be needed; either is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
