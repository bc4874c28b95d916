//! `run`: one instance of the application.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use streams_core::{
    KafkaStreams, TaskId,
    runtime::{State, StreamsMetrics},
};
use tokio::signal::unix::{SignalKind, signal};

use super::settings;
use crate::{
    Failure,
    args::{RunArgs, Store},
    topology,
};

/// Time for which an instance that should end when idle waits for its tasks without any progress:
/// longer than a group waits for a killed member. There may be no broker that answers.
const STANDSTILL: Duration = Duration::from_secs(60);
/// Interval at which the instance is checked.
const TICK: Duration = Duration::from_millis(100);
/// Number of ticks between two lines of progress, if there was any.
const PROGRESS_TICKS: u32 = 20;

/// Runs an instance until it is told to stop, or becomes idle, and closes it.
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
    let topology = topology::topology(application)?;
    let streams = Arc::new(KafkaStreams::new(topology, config)?);
    streams.on_state_change(|state, _| eprintln!("state {state}"));
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut watch = Watch::new(streams.clone(), args.instance.until_idle);
    let mut stands_still = false;
    let done = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            state = watch.until_idle() => stands_still = state != State::Running,
        }
    };
    let ended = streams.run_until(done).await;
    if stands_still {
        let text = format!(
            "nothing has happened for {STANDSTILL:?} while the instance waited for its tasks; does a broker answer at {}?",
            args.bootstrap_server
        );
        return Err(text.into());
    }
    ended?;
    Ok(summary(&streams.metrics()))
}

/// State on disk is only useful if it still exists at the next start: no temporary directory.
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

/// Follows an instance and reports its events.
struct Watch {
    streams: Arc<KafkaStreams>,
    until_idle: Option<Duration>,
    idle: Duration,
    seen: StreamsMetrics,
    state: State,
    shown: StreamsMetrics,
    tasks: BTreeMap<&'static str, Vec<TaskId>>,
}

impl Watch {
    fn new(streams: Arc<KafkaStreams>, until_idle: Option<Duration>) -> Self {
        let none = StreamsMetrics::default();
        let tasks = BTreeMap::new();
        let (idle, state) = (Duration::ZERO, State::Created);
        Self { streams, until_idle, idle, seen: none, state, shown: none, tasks }
    }

    /// Reports events until there have been none for the configured time, if there is one. Returns
    /// the state then.
    async fn until_idle(&mut self) -> State {
        for tick in 1_u32.. {
            tokio::time::sleep(TICK).await;
            self.show_tasks();
            if tick.is_multiple_of(PROGRESS_TICKS) {
                self.show_progress();
            }
            if self.has_been_idle() {
                break;
            }
        }
        self.streams.state()
    }

    /// Returns whether there have been no events for the configured time; for a longer time, if
    /// tasks are missing.
    fn has_been_idle(&mut self) -> bool {
        let (metrics, state) = (self.streams.metrics(), self.streams.state());
        let progress = |metrics: &StreamsMetrics| {
            (metrics.processed, metrics.restored, metrics.standby_updates)
        };
        let stays = state == self.state && progress(&metrics) == progress(&self.seen);
        (self.seen, self.state) = (metrics, state);
        self.idle = if stays { self.idle + TICK } else { Duration::ZERO };
        self.until_idle.is_some_and(|limit| {
            self.idle >= if state == State::Running { limit } else { limit.max(STANDSTILL) }
        })
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
