//! `run`: one instance of the application.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use streams_core::{
    KafkaStreams, TaskId,
    runtime::{State, StreamsMetrics},
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::settings;
use crate::{
    Failure,
    args::{RunArgs, Store},
    topology,
};

const CLOSE_TIMEOUT: Duration = Duration::from_secs(60);
/// How often the instance is looked at.
const TICK: Duration = Duration::from_millis(100);
/// A line of progress comes each so many ticks, if there was any.
const PROGRESS_TICKS: u32 = 20;

/// Runs an instance until it is told to stop, or nothing comes any more, and closes it.
pub(crate) async fn run(args: &RunArgs) -> Result<String, Failure> {
    let application = &args.application;
    let mut config = settings::config(
        &args.instance.application_id,
        &args.bootstrap_server,
        &args.instance.settings,
    )?
    .num_stream_threads(usize::from(application.threads))
    .num_standby_replicas(usize::from(application.standbys))
    .processing_guarantee(application.guarantee.into());
    if let Some(directory) = state_dir(args)? {
        config = config.state_dir(directory);
    }
    let topology = topology::topology(application.min_amount, application.store)?;
    let streams = Arc::new(KafkaStreams::new(topology, config)?);
    streams.on_state_change(|state, _| eprintln!("state {state}"));
    let mut signals = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    let [interrupt, terminate] = &mut signals;
    let is_started = tokio::select! {
        started = streams.start() => started.map(|()| true)?,
        // A start that waits for the cluster is given up with that.
        _ = interrupt.recv() => false,
        _ = terminate.recv() => false,
    };
    let mut watch = Watch::new(streams.clone(), args.instance.until_idle);
    let ended = if is_started { watch.until_done(&mut signals).await } else { Ok(()) };
    streams.close(CLOSE_TIMEOUT).await?;
    ended?;
    Ok(summary(&streams.metrics()))
}

/// State on disk is worth as much as it is still there at the next start: no temporary directory.
fn state_dir(args: &RunArgs) -> Result<Option<PathBuf>, Failure> {
    let application = &args.application;
    match (&application.state_dir, application.store) {
        (Some(directory), _) => Ok(Some(directory.clone())),
        (None, Store::Memory) => Ok(None),
        (None, Store::Rocksdb) => {
            Err("an instance with stores on disk needs a directory for them, which it finds \
             again at its next start: say --state-dir DIR, or --store memory"
                .into())
        }
    }
}

/// Follows an instance and says what happens to it.
struct Watch {
    streams: Arc<KafkaStreams>,
    until_idle: Option<Duration>,
    idle: Duration,
    seen: StreamsMetrics,
    shown: StreamsMetrics,
    tasks: BTreeMap<&'static str, Vec<TaskId>>,
}

impl Watch {
    fn new(streams: Arc<KafkaStreams>, until_idle: Option<Duration>) -> Self {
        let none = StreamsMetrics::default();
        let tasks = BTreeMap::new();
        Self { streams, until_idle, idle: Duration::ZERO, seen: none, shown: none, tasks }
    }

    async fn until_done(&mut self, signals: &mut [Signal; 2]) -> Result<(), Failure> {
        let [interrupt, terminate] = signals;
        for tick in 1_u32.. {
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
            }
            self.show_tasks();
            if tick.is_multiple_of(PROGRESS_TICKS) {
                self.show_progress();
            }
            if let Some(error) = self.streams.error() {
                return Err(error.into());
            }
            if self.streams.state() == State::Error {
                return Err("all stream threads have ended".into());
            }
            if self.has_been_idle() {
                break;
            }
        }
        Ok(())
    }

    /// Whether the instance has run without a record for as long as it was told to wait for one.
    fn has_been_idle(&mut self) -> bool {
        let metrics = self.streams.metrics();
        let waits = self.streams.state() == State::Running
            && (metrics.processed, metrics.standby_updates)
                == (self.seen.processed, self.seen.standby_updates);
        self.seen = metrics;
        self.idle = if waits { self.idle + TICK } else { Duration::ZERO };
        self.until_idle.is_some_and(|limit| self.idle >= limit)
    }

    fn show_tasks(&mut self) {
        let mut tasks: BTreeMap<&'static str, Vec<TaskId>> = BTreeMap::new();
        for thread in self.streams.metadata_for_local_threads() {
            let roles = [
                ("active", thread.active_tasks),
                ("restoring", thread.restoring_tasks),
                ("standby", thread.standby_tasks),
            ];
            for (role, ids) in roles {
                tasks.entry(role).or_default().extend(ids);
            }
        }
        for ids in tasks.values_mut() {
            ids.sort_unstable();
        }
        if tasks == self.tasks {
            return;
        }
        self.tasks = tasks;
        let role = |(role, ids): (&&str, &Vec<TaskId>)| {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            (!ids.is_empty()).then(|| format!("{role} {}", ids.join(" ")))
        };
        let roles: Vec<String> = self.tasks.iter().filter_map(role).collect();
        let none = "none".to_owned();
        let text = if roles.is_empty() { none } else { roles.join("; ") };
        eprintln!("tasks {text}");
    }

    fn show_progress(&mut self) {
        let now = self.streams.metrics();
        if now == self.shown {
            return;
        }
        self.shown = now;
        eprint!("{}", summary(&now));
    }
}

fn summary(metrics: &StreamsMetrics) -> String {
    let StreamsMetrics { processed, produced, dropped, commits, restored, standby_updates, .. } =
        metrics;
    format!(
        "{processed} records in, {produced} out, {dropped} dropped, {restored} restored, \
         {standby_updates} by standbys, {commits} commits\n"
    )
}
